// What clients ask for: batch specifications, their selections and options.

#include <cstdint>
#include <limits>
#include <utility>

#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

using CountMap = std::map<std::string, int64_t>;
using CountList = google::protobuf::RepeatedPtrField<v1::FixedSizeOptions::Count>;

void CountsToProto(const CountMap& counts, CountList* message) {
  for (const auto& [type, count] : counts) {
    v1::FixedSizeOptions::Count* entry = message->Add();
    entry->set_type(type);
    entry->set_count(count);
  }
}

absl::StatusOr<CountMap> CountsFromProto(const CountList& message, absl::string_view field) {
  CountMap counts;
  for (const v1::FixedSizeOptions::Count& entry : message) {
    GF_RETURN_IF_ERROR(AddByType(entry.type(), entry.count(), field, counts));
  }
  return counts;
}

std::vector<std::string> Strings(const google::protobuf::RepeatedPtrField<std::string>& list) {
  return {list.begin(), list.end()};
}

}  // namespace

std::string EncodeIds(absl::Span<const int64_t> ids) {
  std::string code;
  code.reserve(ids.size() * 2);
  uint64_t previous = 0;
  for (int64_t id : ids) {
    // Differences wrap around in two's complement, so any pair of ids has one.
    const uint64_t difference = static_cast<uint64_t>(id) - previous;
    const uint64_t sign = static_cast<int64_t>(difference) < 0 ? ~uint64_t{0} : 0;
    uint64_t zigzag = (difference << 1) ^ sign;
    for (; zigzag >= 0x80; zigzag >>= 7) code.push_back(static_cast<char>(zigzag | 0x80));
    code.push_back(static_cast<char>(zigzag));
    previous = static_cast<uint64_t>(id);
  }
  return code;
}

absl::StatusOr<std::vector<int64_t>> DecodeIds(absl::string_view code, absl::string_view field) {
  // The last byte of each varint has its top bit clear: an exact count before anything is
  // allocated.
  size_t count = 0;
  for (char c : code) count += (c & 0x80) == 0;
  std::vector<int64_t> ids;
  ids.reserve(count);
  int64_t previous = 0;
  for (size_t i = 0; i < code.size();) {
    uint64_t zigzag = 0;
    int shift = 0;
    while (true) {
      if (i == code.size()) {
        return FieldError(field, absl::StrCat("the code ends inside id ", ids.size()));
      }
      const uint8_t byte = static_cast<uint8_t>(code[i++]);
      if (shift == 63 && byte > 1) {
        return FieldError(field, absl::StrCat("id ", ids.size(), " exceeds 64 bits"));
      }
      zigzag |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) break;
      shift += 7;
    }
    const int64_t difference = static_cast<int64_t>((zigzag >> 1) ^ (~(zigzag & 1) + uint64_t{1}));
    int64_t id = 0;
    if (__builtin_add_overflow(previous, difference, &id)) {
      return FieldError(field, absl::StrCat("id ", ids.size(), " exceeds 64 bits"));
    }
    ids.push_back(id);
    previous = id;
  }
  return ids;
}

v1::Selection ToProto(const Selection& selection) {
  v1::Selection message;
  switch (selection.kind) {
    case Selection::Kind::kAll:
      break;
    case Selection::Kind::kRange:
      message.mutable_range()->set_start(selection.start);
      message.mutable_range()->set_stop(selection.stop);
      break;
    case Selection::Kind::kIds:
      message.set_ids(EncodeIds(selection.ids));
      break;
  }
  message.set_batch_sizes(EncodeIds(selection.batch_sizes));
  return message;
}

absl::StatusOr<Selection> FromProto(const v1::Selection& message) {
  Selection selection;
  switch (message.kind_case()) {
    case v1::Selection::KIND_NOT_SET:
      break;
    case v1::Selection::kRange:
      selection.kind = Selection::Kind::kRange;
      selection.start = message.range().start();
      selection.stop = message.range().stop();
      if (selection.start < 0 || selection.stop < selection.start) {
        return FieldError("selection.range",
                          absl::StrCat("[", selection.start, ", ", selection.stop,
                                       "); 0 <= start <= stop is required"));
      }
      break;
    case v1::Selection::kIds: {
      selection.kind = Selection::Kind::kIds;
      GF_ASSIGN_OR_RETURN(selection.ids, DecodeIds(message.ids(), "selection.ids"));
      break;
    }
  }
  GF_ASSIGN_OR_RETURN(selection.batch_sizes,
                      DecodeIds(message.batch_sizes(), "selection.batch_sizes"));
  return selection;
}

v1::FixedSizeOptions ToProto(const FixedSizeOptions& options) {
  v1::FixedSizeOptions message;
  CountsToProto(options.num_nodes, message.mutable_num_nodes());
  CountsToProto(options.num_edges, message.mutable_num_edges());
  message.set_num_graphs(options.num_graphs);
  message.set_node_pad_value(options.node_pad_value);
  message.set_edge_pad_value(options.edge_pad_value);
  message.set_graph_pad_value(options.graph_pad_value);
  for (const auto& [name, value] : options.pad_graph_defaults) {
    (*message.mutable_pad_graph_defaults())[name] = value;
  }
  return message;
}

absl::StatusOr<FixedSizeOptions> FromProto(const v1::FixedSizeOptions& message) {
  FixedSizeOptions options;
  GF_ASSIGN_OR_RETURN(options.num_nodes, CountsFromProto(message.num_nodes(), "options.num_nodes"));
  GF_ASSIGN_OR_RETURN(options.num_edges, CountsFromProto(message.num_edges(), "options.num_edges"));
  options.num_graphs = message.num_graphs();
  options.node_pad_value = message.node_pad_value();
  options.edge_pad_value = message.edge_pad_value();
  options.graph_pad_value = message.graph_pad_value();
  options.pad_graph_defaults.insert(message.pad_graph_defaults().begin(),
                                    message.pad_graph_defaults().end());
  return options;
}

v1::BatchSpec ToProto(const BatchSpec& spec) {
  v1::BatchSpec message;
  message.set_strategy(static_cast<v1::Strategy>(spec.strategy));
  message.set_over_size(static_cast<v1::OverSize>(spec.over_size));
  if (spec.options.has_value()) *message.mutable_options() = ToProto(*spec.options);
  message.set_batch_size(spec.batch_size);
  *message.mutable_selection() = ToProto(spec.selection);
  message.set_shuffle(spec.shuffle);
  message.set_drop_last(spec.drop_last);
  message.set_incomplete_step(static_cast<v1::IncompleteStep>(spec.incomplete_step));
  message.set_micro_batches(spec.micro_batches);
  message.set_no_masks(!spec.masks);
  CopyTo(spec.exclude_keys, message.mutable_exclude_keys());
  CopyTo(spec.follow_batch, message.mutable_follow_batch());
  message.set_index_dtype(ToProto(spec.index_dtype));
  CopyTo(spec.narrow_columns, message.mutable_narrow_columns());
  CopyTo(spec.float16_columns, message.mutable_float16_columns());
  message.set_sample_limit(spec.sample_limit);
  message.set_algorithm_version(spec.algorithm_version);
  if (spec.sampling.has_value()) *message.mutable_sampling() = ToProto(*spec.sampling);
  message.set_ragged(spec.ragged);
  return message;
}

absl::StatusOr<BatchSpec> FromProto(const v1::BatchSpec& message) {
  BatchSpec spec;
  if (message.strategy() == v1::STRATEGY_UNSPECIFIED) return FieldError("strategy", "not set");
  GF_ASSIGN_OR_RETURN(spec.strategy, EnumFromProto<Strategy>(message.strategy(), "strategy"));
  GF_ASSIGN_OR_RETURN(spec.over_size, EnumFromProto<OverSize>(message.over_size(), "over_size"));
  GF_ASSIGN_OR_RETURN(spec.incomplete_step,
                      EnumFromProto<IncompleteStep>(message.incomplete_step(), "incomplete_step"));

  if (message.has_options()) {
    GF_ASSIGN_OR_RETURN(spec.options, FromProto(message.options()));
  }
  GF_ASSIGN_OR_RETURN(spec.selection, FromProto(message.selection()));
  if (message.index_dtype() != v1::DTYPE_UNSPECIFIED) {
    if (message.index_dtype() != v1::INT64 && message.index_dtype() != v1::INT32) {
      const std::string name = v1::DType_IsValid(message.index_dtype())
                                   ? v1::DType_Name(message.index_dtype())
                                   : absl::StrCat(static_cast<int>(message.index_dtype()));
      return FieldError("index_dtype", absl::StrCat(name, "; INT64 or INT32"));
    }
    spec.index_dtype = static_cast<DType>(message.index_dtype());
  }
  spec.batch_size = message.batch_size();
  spec.shuffle = message.shuffle();
  spec.drop_last = message.drop_last();
  spec.micro_batches = message.micro_batches() == 0 ? 1 : message.micro_batches();
  spec.masks = !message.no_masks();
  spec.exclude_keys = Strings(message.exclude_keys());
  spec.follow_batch = Strings(message.follow_batch());
  spec.narrow_columns = Strings(message.narrow_columns());
  spec.float16_columns = Strings(message.float16_columns());
  spec.sample_limit = message.sample_limit();
  spec.algorithm_version = message.algorithm_version();
  if (message.has_sampling()) {
    GF_ASSIGN_OR_RETURN(spec.sampling, FromProto(message.sampling()));
  }
  spec.ragged = message.ragged();
  return spec;
}

v1::Encoding ToProto(Encoding encoding) { return static_cast<v1::Encoding>(encoding); }

absl::StatusOr<Encoding> FromProto(v1::Encoding encoding) {
  return EnumFromProto<Encoding>(encoding, "encoding");
}

v1::UnevenShards ToProto(UnevenShards uneven) { return static_cast<v1::UnevenShards>(uneven); }

absl::StatusOr<UnevenShards> FromProto(v1::UnevenShards uneven) {
  return EnumFromProto<UnevenShards>(uneven, "uneven_shards");
}

}  // namespace graphfeed::wire
