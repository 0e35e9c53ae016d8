// What servers answer: layouts, plans, headers, frames.

#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

v1::Counts CountsToProto(const Counts& counts) {
  v1::Counts message;
  message.set_graphs(counts.graphs);
  CopyTo(counts.nodes, message.mutable_nodes());
  CopyTo(counts.edges, message.mutable_edges());
  message.set_seeds(counts.seeds);
  message.set_labels(counts.labels);
  CopyTo(counts.rows, message.mutable_rows());
  return message;
}

Counts CountsFromProto(const v1::Counts& message) {
  return {.graphs = message.graphs(),
          .nodes = {message.nodes().begin(), message.nodes().end()},
          .edges = {message.edges().begin(), message.edges().end()},
          .seeds = message.seeds(),
          .labels = message.labels(),
          .rows = {message.rows().begin(), message.rows().end()}};
}

// Layouts name edge types in one string.
v1::EdgeType SplitEdgeType(absl::string_view name) {
  const std::vector<std::string> parts = absl::StrSplit(name, absl::MaxSplits('|', 2));
  v1::EdgeType message;
  message.set_source(parts[0]);
  if (parts.size() > 1) message.set_relation(parts[1]);
  if (parts.size() > 2) message.set_target(parts[2]);
  return message;
}

// As the schema has it: with the dimensions that batches add, users' arrays have at most 32.
constexpr int kMaxRowRank = 16;

// Of a homogeneous layout there is one, without a name.
bool IsStore(absl::string_view store, const Layout& layout) {
  if (store.empty()) return true;
  if (!layout.heterogeneous) return false;
  const auto has = [&](const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), store) != names.end();
  };
  return has(layout.node_types) || has(layout.edge_types);
}

absl::StatusOr<TensorSpec> TensorFromProto(const v1::Tensor& message, const Layout& layout,
                                           absl::string_view field) {
  TensorSpec tensor;
  tensor.store = message.store();
  tensor.name = message.name();
  GF_ASSIGN_OR_RETURN(tensor.dtype, DTypeFromProto(message.dtype(), absl::StrCat(field, ".dtype")));
  if (tensor.dtype == DType::kString) return FieldError(absl::StrCat(field, ".dtype"), "STRING");
  if (!FromNumber<Axis>(message.axis()).has_value()) {
    return FieldError(absl::StrCat(field, ".axis"),
                      absl::StrCat("unknown value ", static_cast<int>(message.axis())));
  }
  tensor.axis = static_cast<Axis>(message.axis());
  GF_ASSIGN_OR_RETURN(tensor.type, IntFromProto(message.type(), absl::StrCat(field, ".type")));
  // Only nodes, edges and rows count by type; a ptr tensor may still say which ones it cuts.
  const bool counts_by_type =
      tensor.axis == Axis::kNodes || tensor.axis == Axis::kEdges || tensor.axis == Axis::kRows;
  const size_t num_types = tensor.axis == Axis::kEdges  ? layout.edge_types.size()
                           : tensor.axis == Axis::kRows ? layout.row_columns.size()
                                                        : layout.node_types.size();
  if (counts_by_type && static_cast<size_t>(tensor.type) >= num_types) {
    return FieldError(absl::StrCat(field, ".type"),
                      absl::StrCat(tensor.type, "; the layout has ", num_types, " types"));
  }
  tensor.axis_scale = message.axis_scale();
  if (tensor.axis_scale < 0) {
    return FieldError(absl::StrCat(field, ".axis_scale"),
                      absl::StrCat(tensor.axis_scale, "; at least 0"));
  }
  if (!IsStore(message.store(), layout)) {
    return FieldError(absl::StrCat(field, ".store"),
                      absl::StrCat("\"", message.store(), "\", which the layout does not have"));
  }
  if (message.row_shape_size() > kMaxRowRank) {
    return FieldError(absl::StrCat(field, ".row_shape"),
                      absl::StrCat(message.row_shape_size(), " dimensions; at most ", kMaxRowRank));
  }
  tensor.concat_last = message.concat_last();
  tensor.row_shape.assign(message.row_shape().begin(), message.row_shape().end());
  for (int64_t size : tensor.row_shape) {
    if (size < 0) {
      return FieldError(absl::StrCat(field, ".row_shape"), absl::StrCat(size, "; at least 0"));
    }
  }
  return tensor;
}

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// A fixed-size layout says where its tensors lie, and the rule says so, too: both must agree.
absl::Status CheckPlaces(const v1::Layout& message, const Layout& layout) {
  if (layout.padded.nodes.size() != layout.node_types.size() ||
      layout.padded.edges.size() != layout.edge_types.size() ||
      layout.padded.rows.size() != layout.row_columns.size()) {
    return FieldError("layout.padded", "not one count for each type");
  }
  if (message.slab_bytes() < 0) {
    return FieldError("layout.slab_bytes", absl::StrCat(message.slab_bytes(), "; at least 0"));
  }
  absl::StatusOr<Placement> expected = Place(layout, layout.padded, message.slab_bytes());
  if (!expected.ok()) {
    return FieldError("layout.slab_bytes",
                      absl::StrCat(message.slab_bytes(), "; ", expected.status().message()));
  }
  if (message.slab_bytes() != expected->slab_bytes) {
    return FieldError("layout.slab_bytes", absl::StrCat(message.slab_bytes(), "; its tensors take ",
                                                        expected->slab_bytes));
  }
  for (int i = 0; i < message.tensors_size(); ++i) {
    const v1::Tensor& tensor = message.tensors(i);
    const TensorPlace& place = expected->places[i];
    const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
    if (shape != place.shape || tensor.offset() != place.offset ||
        tensor.size_bytes() != place.size_bytes) {
      return FieldError(
          absl::StrCat("layout.tensors[", i, "]"),
          absl::StrCat("shape ", ShapeText(shape), " at ", tensor.offset(), ", ",
                       tensor.size_bytes(), " bytes; its counts make ", ShapeText(place.shape),
                       " at ", place.offset, ", ", place.size_bytes, " bytes"));
    }
  }
  return absl::OkStatus();
}

std::string GraphIdsToProto(const std::vector<std::vector<int64_t>>& graph_ids) {
  if (graph_ids.size() == 1) return EncodeIds(graph_ids[0]);
  std::vector<int64_t> all;
  for (const std::vector<int64_t>& ids : graph_ids) all.insert(all.end(), ids.begin(), ids.end());
  return EncodeIds(all);
}

// As many as the frame has real graphs, by micro-batch; none at all if there is no code.
absl::StatusOr<std::vector<std::vector<int64_t>>> GraphIdsFromProto(
    const std::string& code, const std::vector<Counts>& real) {
  constexpr absl::string_view kField = "frame.graph_ids";
  if (code.empty()) return std::vector<std::vector<int64_t>>();
  // At least a byte each: what is decoded is no larger than what the counts allow.
  int64_t graphs = 0;
  for (const Counts& counts : real) {
    if (counts.graphs < 0 || counts.graphs > static_cast<int64_t>(code.size()) - graphs) {
      return FieldError(kField, absl::StrCat(code.size(), " bytes; fewer than real graphs"));
    }
    graphs += counts.graphs;
  }
  GF_ASSIGN_OR_RETURN(const std::vector<int64_t> ids, DecodeIds(code, kField));
  if (static_cast<int64_t>(ids.size()) != graphs) {
    return FieldError(kField, absl::StrCat(ids.size(), " ids of ", graphs, " real graphs"));
  }
  std::vector<std::vector<int64_t>> graph_ids;
  auto next = ids.begin();
  for (const Counts& counts : real) {
    graph_ids.emplace_back(next, next + counts.graphs);
    next += counts.graphs;
  }
  for (const int64_t id : ids) {
    if (id < 0) return FieldError(kField, absl::StrCat(id, "; at least 0"));
  }
  return graph_ids;
}

}  // namespace

v1::Layout ToProto(const Layout& layout) {
  v1::Layout message;
  for (size_t i = 0; i < layout.tensors.size(); ++i) {
    const TensorSpec& tensor = layout.tensors[i];
    v1::Tensor* out = message.add_tensors();
    out->set_store(tensor.store);
    out->set_name(tensor.name);
    out->set_dtype(ToProto(tensor.dtype));
    out->set_axis(static_cast<v1::Axis>(tensor.axis));
    out->set_type(tensor.type);
    out->set_axis_scale(tensor.axis_scale);
    out->set_concat_last(tensor.concat_last);
    CopyTo(tensor.row_shape, out->mutable_row_shape());
    if (layout.ragged) continue;
    const TensorPlace& place = layout.places[i];
    CopyTo(place.shape, out->mutable_shape());
    out->set_offset(place.offset);
    out->set_size_bytes(place.size_bytes);
  }
  message.set_slab_bytes(layout.slab_bytes);
  message.set_micro_batches(layout.micro_batches);
  message.set_ragged(layout.ragged);
  CopyTo(layout.node_types, message.mutable_node_types());
  for (const std::string& type : layout.edge_types) {
    *message.add_edge_types() = SplitEdgeType(type);
  }
  message.set_heterogeneous(layout.heterogeneous);
  CopyTo(layout.row_columns, message.mutable_row_columns());
  if (!layout.ragged) *message.mutable_padded() = CountsToProto(layout.padded);
  message.set_digest(LayoutDigest(layout));
  return message;
}

absl::StatusOr<Layout> FromProto(const v1::Layout& message) {
  Layout layout;
  layout.micro_batches = message.micro_batches();
  layout.ragged = message.ragged();
  layout.heterogeneous = message.heterogeneous();
  if (layout.micro_batches < 1 || (layout.ragged && layout.micro_batches != 1)) {
    return FieldError("layout.micro_batches",
                      absl::StrCat(layout.micro_batches, "; at least 1, and 1 when ragged"));
  }
  layout.node_types.assign(message.node_types().begin(), message.node_types().end());
  for (const v1::EdgeType& type : message.edge_types()) {
    layout.edge_types.push_back(
        absl::StrCat(type.source(), "|", type.relation(), "|", type.target()));
  }
  layout.row_columns.assign(message.row_columns().begin(), message.row_columns().end());
  std::set<std::pair<absl::string_view, absl::string_view>> names;
  for (int i = 0; i < message.tensors_size(); ++i) {
    GF_ASSIGN_OR_RETURN(
        TensorSpec tensor,
        TensorFromProto(message.tensors(i), layout, absl::StrCat("layout.tensors[", i, "]")));
    if (!names.emplace(message.tensors(i).store(), message.tensors(i).name()).second) {
      return FieldError(absl::StrCat("layout.tensors[", i, "].name"),
                        absl::StrCat("\"", tensor.name, "\" of store \"", tensor.store,
                                     "\", which an earlier tensor has"));
    }
    layout.tensors.push_back(std::move(tensor));
  }
  if (!layout.ragged) {
    layout.padded = CountsFromProto(message.padded());
    GF_RETURN_IF_ERROR(CheckPlaces(message, layout));
    layout.slab_bytes = message.slab_bytes();
    for (const v1::Tensor& tensor : message.tensors()) {
      layout.places.push_back({.shape = {tensor.shape().begin(), tensor.shape().end()},
                               .offset = tensor.offset(),
                               .size_bytes = tensor.size_bytes()});
    }
  }
  if (const uint64_t digest = LayoutDigest(layout); digest != message.digest()) {
    return FieldError("layout.digest", absl::StrCat("0x", absl::Hex(message.digest()),
                                                    "; the layout's is 0x", absl::Hex(digest)));
  }
  return layout;
}

v1::PlanSummary ToProto(const PlanSummary& plan) {
  v1::PlanSummary message;
  message.set_num_batches(plan.num_batches);
  message.set_num_frames(plan.num_frames);
  message.set_shard_frames(plan.shard_frames);
  message.set_num_graphs(plan.num_graphs);
  message.set_skipped_graphs(plan.skipped_graphs);
  *message.mutable_real() = CountsToProto(plan.real);
  message.set_node_efficiency(plan.node_efficiency);
  message.set_edge_efficiency(plan.edge_efficiency);
  message.set_lower_bound_batches(plan.lower_bound_batches);
  return message;
}

absl::StatusOr<PlanSummary> FromProto(const v1::PlanSummary& message) {
  PlanSummary plan;
  plan.num_batches = message.num_batches();
  plan.num_frames = message.num_frames();
  plan.shard_frames = message.shard_frames();
  plan.num_graphs = message.num_graphs();
  plan.skipped_graphs = message.skipped_graphs();
  plan.real = CountsFromProto(message.real());
  plan.node_efficiency = message.node_efficiency();
  plan.edge_efficiency = message.edge_efficiency();
  plan.lower_bound_batches = message.lower_bound_batches();
  if (plan.num_batches < 0 || plan.num_frames < 0 || plan.shard_frames < 0) {
    return FieldError("plan",
                      absl::StrCat(plan.num_batches, " batches, ", plan.num_frames, " frames, ",
                                   plan.shard_frames, " of the shard; none may be negative"));
  }
  return plan;
}

v1::StreamHeader ToProto(const StreamInfo& info) {
  v1::StreamHeader message;
  *message.mutable_layout() = ToProto(info.layout);
  *message.mutable_resolved_spec() = ToProto(info.resolved_spec);
  message.set_spec_digest(ToProto(info.spec_digest));
  message.set_fingerprint(ToProto(info.fingerprint));
  message.set_dataset(info.dataset);
  message.set_seed(info.seed);
  message.set_prefetch(info.prefetch);
  message.set_shared_places(info.shared_places);
  message.set_max_age_ms(info.max_age_ms);
  message.set_passage_messages(info.passage_messages);
  return message;
}

absl::StatusOr<StreamInfo> FromProto(const v1::StreamHeader& message) {
  StreamInfo info;
  info.dataset = message.dataset();
  GF_ASSIGN_OR_RETURN(info.fingerprint, FingerprintFromProto(message.fingerprint(), "fingerprint"));
  GF_ASSIGN_OR_RETURN(info.layout, FromProto(message.layout()));
  GF_ASSIGN_OR_RETURN(info.resolved_spec, FromProto(message.resolved_spec()));
  GF_ASSIGN_OR_RETURN(info.spec_digest, FingerprintFromProto(message.spec_digest(), "spec_digest"));
  info.seed = message.seed();
  info.prefetch = message.prefetch();
  info.shared_places = message.shared_places();
  info.max_age_ms = std::max<int64_t>(message.max_age_ms(), 0);
  info.passage_messages = message.passage_messages();
  return info;
}

v1::EpochHeader ToProto(const EpochInfo& info) {
  v1::EpochHeader message;
  message.set_epoch(info.epoch);
  *message.mutable_plan() = ToProto(info.plan);
  return message;
}

absl::StatusOr<EpochInfo> FromProto(const v1::EpochHeader& message) {
  EpochInfo info;
  info.epoch = message.epoch();
  GF_ASSIGN_OR_RETURN(info.plan, FromProto(message.plan()));
  return info;
}

v1::Frame ToProto(const FrameInfo& info) {
  v1::Frame message;
  message.set_epoch(info.epoch);
  message.set_ordinal(info.ordinal);
  for (const Counts& counts : info.real) *message.add_real() = CountsToProto(counts);
  *message.mutable_trimmed() = CountsToProto(info.trimmed);
  message.set_null_frame(info.null_frame);
  message.set_repeat(info.repeat);
  message.set_digest(info.digest);
  if (!info.graph_ids.empty()) message.set_graph_ids(GraphIdsToProto(info.graph_ids));
  return message;
}

absl::StatusOr<FrameInfo> FromProto(const v1::Frame& message) {
  FrameInfo info;
  info.epoch = message.epoch();
  info.ordinal = message.ordinal();
  for (const v1::Counts& counts : message.real()) info.real.push_back(CountsFromProto(counts));
  info.trimmed = CountsFromProto(message.trimmed());
  info.null_frame = message.null_frame();
  info.repeat = message.repeat();
  info.digest = message.digest();
  GF_ASSIGN_OR_RETURN(info.graph_ids, GraphIdsFromProto(message.graph_ids(), info.real));
  if (info.epoch < 0 || info.ordinal < 0) {
    return FieldError("frame", absl::StrCat("epoch ", info.epoch, ", ordinal ", info.ordinal,
                                            "; neither may be negative"));
  }
  return info;
}

}  // namespace graphfeed::wire
