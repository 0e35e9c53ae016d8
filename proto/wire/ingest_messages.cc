// Datasets on their way in.

#include <cstddef>
#include <utility>

#include "proto/wire/enums.h"
#include "proto/wire/messages.h"

namespace graphfeed::wire {
namespace {

v1::Transform TransformToProto(const Transform& transform) {
  v1::Transform message;
  if (const auto* normalize = std::get_if<NormalizeFeatures>(&transform)) {
    CopyTo(normalize->columns, message.mutable_normalize_features()->mutable_columns());
  } else if (const auto* loops = std::get_if<AddSelfLoops>(&transform)) {
    message.mutable_add_self_loops()->set_fill_value(loops->fill_value);
  } else if (std::holds_alternative<ToUndirected>(transform)) {
    message.mutable_to_undirected();
  } else if (const auto* subgraph = std::get_if<InducedSubgraph>(&transform)) {
    v1::Transform::Subgraph* out = message.mutable_subgraph();  // also if it names no nodes
    for (const auto& [type, subset] : subgraph->nodes) {
      v1::Transform::Subgraph::Nodes* nodes = out->add_nodes();
      nodes->set_type(type);
      if (subset.leading.has_value()) {
        nodes->set_leading(*subset.leading);
      } else {
        nodes->set_ids(EncodeIds(subset.ids));
      }
    }
  } else {
    message.mutable_remove_isolated_nodes();
  }
  return message;
}

absl::StatusOr<Transform> SubgraphFromProto(const v1::Transform::Subgraph& message,
                                            absl::string_view field) {
  InducedSubgraph transform;
  for (const v1::Transform::Subgraph::Nodes& nodes : message.nodes()) {
    NodeSubset subset;
    switch (nodes.subset_case()) {
      case v1::Transform::Subgraph::Nodes::kLeading:
        if (nodes.leading() < 0) {
          return FieldError(absl::StrCat(field, ".subgraph.nodes.leading"),
                            absl::StrCat(nodes.leading(), "; at least 0"));
        }
        subset.leading = nodes.leading();
        break;
      case v1::Transform::Subgraph::Nodes::kIds: {
        absl::StatusOr<std::vector<int64_t>> ids =
            DecodeIds(nodes.ids(), absl::StrCat(field, ".subgraph.nodes.ids"));
        if (!ids.ok()) return ids.status();
        subset.ids = *std::move(ids);
        break;
      }
      case v1::Transform::Subgraph::Nodes::SUBSET_NOT_SET:
        return FieldError(absl::StrCat(field, ".subgraph.nodes"),
                          absl::StrCat("neither leading nor ids of type \"", nodes.type(), "\""));
    }
    if (!transform.nodes.emplace(nodes.type(), std::move(subset)).second) {
      return FieldError(absl::StrCat(field, ".subgraph.nodes"),
                        absl::StrCat("type \"", nodes.type(), "\" given twice"));
    }
  }
  return transform;
}

absl::StatusOr<Transform> TransformFromProto(const v1::Transform& message,
                                             absl::string_view field) {
  switch (message.kind_case()) {
    case v1::Transform::kNormalizeFeatures: {
      NormalizeFeatures transform;
      const auto& columns = message.normalize_features().columns();
      if (!columns.empty()) transform.columns.assign(columns.begin(), columns.end());
      return transform;
    }
    case v1::Transform::kAddSelfLoops: {
      AddSelfLoops transform;
      if (message.add_self_loops().has_fill_value()) {
        transform.fill_value = message.add_self_loops().fill_value();
      }
      return transform;
    }
    case v1::Transform::kToUndirected:
      return ToUndirected{};
    case v1::Transform::kRemoveIsolatedNodes:
      return RemoveIsolatedNodes{};
    case v1::Transform::kSubgraph:
      return SubgraphFromProto(message.subgraph(), field);
    case v1::Transform::KIND_NOT_SET:
      break;
  }
  return FieldError(field, "names no transform that this version knows");
}

absl::StatusOr<ColumnBlock> ColumnBlockFromProto(v1::ColumnBlock& message,
                                                 absl::string_view field) {
  ColumnBlock column;
  column.name = std::move(*message.mutable_name());
  if (message.level() != v1::LEVEL_UNSPECIFIED) {
    absl::StatusOr<Level> level = LevelFromProto(message.level(), absl::StrCat(field, ".level"));
    if (!level.ok()) return level.status();
    column.level = *level;
  }
  absl::StatusOr<int> type = IntFromProto(message.type(), absl::StrCat(field, ".type"));
  if (!type.ok()) return type.status();
  column.type = *type;
  absl::StatusOr<DType> dtype = DTypeFromProto(message.dtype(), absl::StrCat(field, ".dtype"));
  if (!dtype.ok()) return dtype.status();
  column.dtype = *dtype;
  column.row_shape.assign(message.row_shape().begin(), message.row_shape().end());
  column.concat_last = message.concat_last();
  column.zero_dim = message.zero_dim();
  column.non_tensor = message.non_tensor();
  column.sizes.assign(message.sizes().begin(), message.sizes().end());
  column.rows = std::move(*message.mutable_rows());
  column.strings.reserve(message.strings_size());
  for (std::string& value : *message.mutable_strings()) {
    column.strings.push_back(std::move(value));
  }
  return column;
}

using SizeLists = google::protobuf::RepeatedPtrField<v1::SizeList>;

void SizesToProto(const std::vector<std::vector<int64_t>>& sizes, SizeLists* message) {
  for (const std::vector<int64_t>& list : sizes) CopyTo(list, message->Add()->mutable_sizes());
}

absl::StatusOr<std::vector<std::vector<int64_t>>> SizesFromProto(const SizeLists& message,
                                                                 int64_t num_graphs,
                                                                 absl::string_view field) {
  std::vector<std::vector<int64_t>> sizes;
  for (const v1::SizeList& list : message) {
    if (list.sizes_size() != num_graphs) {
      return FieldError(absl::StrCat(field, "[", sizes.size(), "]"),
                        absl::StrCat(list.sizes_size(), " sizes; num_graphs is ", num_graphs));
    }
    sizes.emplace_back(list.sizes().begin(), list.sizes().end());
  }
  return sizes;
}

}  // namespace

v1::IngestBegin ToProto(const IngestSpec& spec) {
  v1::IngestBegin message;
  message.set_name(spec.name);
  message.set_collection(spec.collection);
  message.set_heterogeneous(spec.heterogeneous);
  CopyTo(spec.node_types, message.mutable_node_types());
  for (const EdgeType& type : spec.edge_types) {
    *message.add_edge_types() = EdgeTypeToProto(type, spec.node_types);
  }
  for (const auto& [name, level] : spec.kinds) (*message.mutable_kinds())[name] = ToProto(level);
  for (const Transform& transform : spec.transforms) {
    *message.add_transforms() = TransformToProto(transform);
  }
  CopyTo(spec.num_nodes, message.mutable_num_nodes());
  CopyTo(spec.num_edges, message.mutable_num_edges());
  if (spec.copy_of.has_value()) {
    v1::CopiedVersion* copy_of = message.mutable_copy_of();
    copy_of->set_version(spec.copy_of->version);
    copy_of->set_fingerprint(ToProto(spec.copy_of->fingerprint));
    CopyTo(spec.copy_of->transforms, copy_of->mutable_transforms());
  }
  return message;
}

absl::StatusOr<IngestSpec> FromProto(const v1::IngestBegin& message) {
  IngestSpec spec;
  spec.name = message.name();
  spec.collection = message.collection();
  spec.heterogeneous = message.heterogeneous();
  spec.node_types.assign(message.node_types().begin(), message.node_types().end());
  for (int i = 0; i < message.edge_types_size(); ++i) {
    absl::StatusOr<EdgeType> type = EdgeTypeFromProto(message.edge_types(i), spec.node_types,
                                                      absl::StrCat("edge_types[", i, "]"));
    if (!type.ok()) return type.status();
    spec.edge_types.push_back(*std::move(type));
  }
  for (const auto& [name, value] : message.kinds()) {
    absl::StatusOr<Level> level = LevelFromProto(value, absl::StrCat("kinds[\"", name, "\"]"));
    if (!level.ok()) return level.status();
    spec.kinds[name] = *level;
  }
  for (int i = 0; i < message.transforms_size(); ++i) {
    absl::StatusOr<Transform> transform =
        TransformFromProto(message.transforms(i), absl::StrCat("transforms[", i, "]"));
    if (!transform.ok()) return transform.status();
    spec.transforms.push_back(*std::move(transform));
  }
  spec.num_nodes.assign(message.num_nodes().begin(), message.num_nodes().end());
  spec.num_edges.assign(message.num_edges().begin(), message.num_edges().end());
  if (message.has_copy_of()) {
    const v1::CopiedVersion& copy_of = message.copy_of();
    absl::StatusOr<Fingerprint> fingerprint =
        FingerprintFromProto(copy_of.fingerprint(), "copy_of.fingerprint");
    if (!fingerprint.ok()) return fingerprint.status();
    spec.copy_of = {.version = copy_of.version(),
                    .fingerprint = *fingerprint,
                    .transforms = {copy_of.transforms().begin(), copy_of.transforms().end()}};
  }
  return spec;
}

v1::IngestBlock ToProto(GraphBlock block) {
  v1::IngestBlock message;
  message.set_num_graphs(block.num_graphs);
  message.set_continues(block.continues);
  SizesToProto(block.num_nodes, message.mutable_num_nodes());
  SizesToProto(block.num_edges, message.mutable_num_edges());
  for (ColumnBlock& column : block.columns) {
    v1::ColumnBlock* out = message.add_columns();
    out->set_name(std::move(column.name));
    if (column.level.has_value()) out->set_level(ToProto(*column.level));
    out->set_type(column.type);
    out->set_dtype(ToProto(column.dtype));
    CopyTo(column.row_shape, out->mutable_row_shape());
    out->set_concat_last(column.concat_last);
    out->set_zero_dim(column.zero_dim);
    out->set_non_tensor(column.non_tensor);
    CopyTo(column.sizes, out->mutable_sizes());
    out->set_rows(std::move(column.rows));
    for (std::string& value : column.strings) out->add_strings(std::move(value));
  }
  return message;
}

absl::StatusOr<GraphBlock> FromProto(v1::IngestBlock message) {
  GraphBlock block;
  block.num_graphs = message.num_graphs();
  block.continues = message.continues();
  if (block.num_graphs < 0) {
    return FieldError("block.num_graphs", absl::StrCat(block.num_graphs, "; at least 0"));
  }
  auto nodes = SizesFromProto(message.num_nodes(), block.num_graphs, "block.num_nodes");
  if (!nodes.ok()) return nodes.status();
  block.num_nodes = *std::move(nodes);
  auto edges = SizesFromProto(message.num_edges(), block.num_graphs, "block.num_edges");
  if (!edges.ok()) return edges.status();
  block.num_edges = *std::move(edges);
  block.columns.reserve(message.columns_size());
  for (int i = 0; i < message.columns_size(); ++i) {
    absl::StatusOr<ColumnBlock> column =
        ColumnBlockFromProto(*message.mutable_columns(i), absl::StrCat("block.columns[", i, "]"));
    if (!column.ok()) return column.status();
    block.columns.push_back(*std::move(column));
  }
  return block;
}

}  // namespace graphfeed::wire
