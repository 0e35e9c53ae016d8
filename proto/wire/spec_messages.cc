// What clients ask for: batch specifications, their selections, options and sampling.

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

#include "proto/frame/spec_fields.h"
#include "proto/wire/enums.h"
#include "proto/wire/message_fields.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

absl::StatusOr<DType> IndexDTypeFromProto(v1::DType dtype) {
  if (dtype == v1::DTYPE_UNSPECIFIED || dtype == v1::INT64) return DType::kInt64;
  if (dtype == v1::INT32) return DType::kInt32;
  const std::string name =
      v1::DType_IsValid(dtype) ? v1::DType_Name(dtype) : absl::StrCat(static_cast<int>(dtype));
  return FieldError("index_dtype", absl::StrCat(name, "; INT64 or INT32"));
}

// What the fields of seed edges must be beside what each of them is.
absl::Status CompleteLinks(LinkSeeds& links) {
  if (links.sources.size() != links.targets.size()) {
    return FieldError("sampling.links.targets",
                      absl::StrCat(links.targets.size(), " ids; sampling.links.sources has ",
                                   links.sources.size()));
  }
  if (links.negative_amount == 0) links.negative_amount = 1;
  if (!std::isfinite(links.negative_amount) || links.negative_amount < 0) {
    return FieldError("sampling.links.negative_amount",
                      absl::StrCat(links.negative_amount, "; a finite number above 0"));
  }
  return absl::OkStatus();
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
  ForEachField(options, FieldWriter(message));
  return message;
}

absl::StatusOr<FixedSizeOptions> FromProto(const v1::FixedSizeOptions& message) {
  FixedSizeOptions options;
  FieldReader reader(message, "options.");
  ForEachField(options, reader);
  GF_RETURN_IF_ERROR(reader.status());
  return options;
}

v1::Sampling ToProto(const SamplingSpec& sampling) {
  v1::Sampling message;
  ForEachField(sampling, FieldWriter(message));
  return message;
}

absl::StatusOr<SamplingSpec> FromProto(const v1::Sampling& message) {
  SamplingSpec sampling;
  FieldReader reader(message, "sampling.");
  ForEachField(sampling, reader);
  GF_RETURN_IF_ERROR(reader.status());
  if (sampling.links.has_value()) GF_RETURN_IF_ERROR(CompleteLinks(*sampling.links));
  return sampling;
}

v1::BatchSpec ToProto(const BatchSpec& spec) {
  v1::BatchSpec message;
  FieldWriter write(message);
  ForEachField(spec, [&](const char* name, const auto& field) {
    if constexpr (std::is_same_v<decltype(field), const Selection&>) {
      *message.mutable_selection() = ToProto(field);
    } else if (absl::string_view(name) == "masks") {
      message.set_no_masks(!spec.masks);
    } else {
      write(name, field);
    }
  });
  return message;
}

absl::StatusOr<BatchSpec> FromProto(const v1::BatchSpec& message) {
  if (message.strategy() == v1::STRATEGY_UNSPECIFIED) return FieldError("strategy", "not set");
  BatchSpec spec;
  FieldReader read(message);
  ForEachField(spec, [&](const char* name, auto& field) {
    using Field = std::remove_reference_t<decltype(field)>;
    if constexpr (std::is_same_v<Field, Selection>) {
      read.Take(FromProto(message.selection()), field);
    } else if constexpr (std::is_same_v<Field, DType>) {
      read.Take(IndexDTypeFromProto(message.index_dtype()), field);
    } else if constexpr (std::is_same_v<Field, std::optional<SamplingSpec>>) {
      if (message.has_sampling()) read.Take(FromProto(message.sampling()), field.emplace());
    } else if (absl::string_view(name) == "masks") {
      spec.masks = !message.no_masks();
    } else {
      read(name, field);
    }
  });
  GF_RETURN_IF_ERROR(read.status());
  if (spec.micro_batches == 0) spec.micro_batches = 1;
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
