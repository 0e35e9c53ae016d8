// Schemas and descriptions of datasets.

#include <algorithm>
#include <utility>

#include "proto/wire/enums.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

v1::Column ColumnToProto(const ColumnSchema& column) {
  v1::Column message;
  message.set_name(column.name);
  message.set_level(ToProto(column.level));
  message.set_type(column.type);
  message.set_dtype(ToProto(column.dtype));
  CopyTo(column.row_shape, message.mutable_row_shape());
  message.set_concat_last(column.concat_last);
  message.set_rows_per_graph(column.rows_per_graph);
  message.set_zero_dim(column.zero_dim);
  message.set_non_tensor(column.non_tensor);
  for (int type : column.index_types) message.add_index_types(type);
  return message;
}

absl::StatusOr<ColumnSchema> ColumnFromProto(const v1::Column& message, absl::string_view field) {
  ColumnSchema column;
  column.name = message.name();
  GF_ASSIGN_OR_RETURN(column.level, LevelFromProto(message.level(), absl::StrCat(field, ".level")));
  GF_ASSIGN_OR_RETURN(column.type, IntFromProto(message.type(), absl::StrCat(field, ".type")));
  GF_ASSIGN_OR_RETURN(column.dtype, DTypeFromProto(message.dtype(), absl::StrCat(field, ".dtype")));
  column.row_shape.assign(message.row_shape().begin(), message.row_shape().end());
  column.concat_last = message.concat_last();
  column.rows_per_graph = message.rows_per_graph();
  column.zero_dim = message.zero_dim();
  column.non_tensor = message.non_tensor();
  for (uint32_t index_type : message.index_types()) {
    GF_ASSIGN_OR_RETURN(const int value,
                        IntFromProto(index_type, absl::StrCat(field, ".index_types")));
    column.index_types.push_back(value);
  }
  return column;
}

v1::SizeSummary SummaryToProto(const SizeSummary& summary) {
  v1::SizeSummary message;
  message.set_mean(summary.mean);
  message.set_std(summary.std);
  message.set_min(summary.min);
  message.set_quantile25(summary.quantile25);
  message.set_median(summary.median);
  message.set_quantile75(summary.quantile75);
  message.set_max(summary.max);
  return message;
}

SizeSummary SummaryFromProto(const v1::SizeSummary& message) {
  return {.mean = message.mean(),
          .std = message.std(),
          .min = message.min(),
          .quantile25 = message.quantile25(),
          .median = message.median(),
          .quantile75 = message.quantile75(),
          .max = message.max()};
}

// Fills num_rows and the extreme values, which a schema alone does not have.
void ColumnInfoToProto(const ColumnInfo& info, v1::Column* message) {
  message->set_num_rows(info.num_rows);
  if (const auto* ints = std::get_if<IntRange>(&info.values)) {
    message->set_min_int(ints->min);
    message->set_max_int(ints->max);
  } else if (const auto* floats = std::get_if<FloatRange>(&info.values)) {
    message->set_min_float(floats->min);
    message->set_max_float(floats->max);
  }
  if (info.row_sizes.has_value()) *message->mutable_row_sizes() = SummaryToProto(*info.row_sizes);
}

ColumnInfo ColumnInfoFromProto(const v1::Column& message) {
  ColumnInfo info{.num_rows = message.num_rows(), .values = {}};
  if (message.has_row_sizes()) info.row_sizes = SummaryFromProto(message.row_sizes());
  if (message.has_min_int() && message.has_max_int()) {
    info.values = IntRange{message.min_int(), message.max_int()};
  } else if (message.has_min_float() && message.has_max_float()) {
    info.values = FloatRange{message.min_float(), message.max_float()};
  }
  return info;
}

absl::Status CheckSize(int size, size_t expected, absl::string_view field) {
  if (static_cast<size_t>(size) == expected) return absl::OkStatus();
  return FieldError(field, absl::StrCat(size, " entries; the schema has ", expected, " types"));
}

}  // namespace

v1::Schema ToProto(const Schema& schema) {
  v1::Schema message;
  message.set_collection(schema.collection);
  message.set_heterogeneous(schema.heterogeneous);
  CopyTo(schema.node_types, message.mutable_node_types());
  for (const EdgeType& type : schema.edge_types) {
    *message.add_edge_types() = EdgeTypeToProto(type, schema.node_types);
  }
  for (const ColumnSchema& column : schema.columns) {
    *message.add_columns() = ColumnToProto(column);
  }
  return message;
}

absl::StatusOr<Schema> FromProto(const v1::Schema& message) {
  Schema schema;
  schema.collection = message.collection();
  schema.heterogeneous = message.heterogeneous();
  schema.node_types.assign(message.node_types().begin(), message.node_types().end());
  for (int i = 0; i < message.edge_types_size(); ++i) {
    GF_ASSIGN_OR_RETURN(EdgeType type,
                        EdgeTypeFromProto(message.edge_types(i), schema.node_types,
                                          absl::StrCat("schema.edge_types[", i, "]")));
    schema.edge_types.push_back(std::move(type));
  }
  for (int i = 0; i < message.columns_size(); ++i) {
    GF_ASSIGN_OR_RETURN(
        ColumnSchema column,
        ColumnFromProto(message.columns(i), absl::StrCat("schema.columns[", i, "]")));
    schema.columns.push_back(std::move(column));
  }
  GF_RETURN_IF_ERROR(ValidateSchema(schema));
  return schema;
}

v1::DatasetInfo ToProto(const DatasetInfo& info) {
  v1::DatasetInfo message;
  message.set_name(info.name);
  message.set_version(info.version);
  message.set_fingerprint(ToProto(info.fingerprint));
  *message.mutable_schema() = ToProto(info.schema);
  for (size_t i = 0; i < info.columns.size(); ++i) {
    ColumnInfoToProto(info.columns[i], message.mutable_schema()->mutable_columns(i));
  }
  message.set_num_graphs(info.num_graphs);
  CopyTo(info.num_nodes, message.mutable_num_nodes());
  CopyTo(info.num_edges, message.mutable_num_edges());
  for (const SizeSummary& summary : info.node_sizes) {
    *message.add_node_sizes() = SummaryToProto(summary);
  }
  for (const SizeSummary& summary : info.edge_sizes) {
    *message.add_edge_sizes() = SummaryToProto(summary);
  }
  *message.mutable_total_node_sizes() = SummaryToProto(info.total_node_sizes);
  *message.mutable_total_edge_sizes() = SummaryToProto(info.total_edge_sizes);
  message.set_raw_bytes(info.raw_bytes);
  CopyTo(info.transforms, message.mutable_transforms());
  return message;
}

absl::StatusOr<DatasetInfo> FromProto(const v1::DatasetInfo& message) {
  DatasetInfo info;
  info.name = message.name();
  info.version = message.version();
  GF_ASSIGN_OR_RETURN(info.fingerprint, FingerprintFromProto(message.fingerprint(), "fingerprint"));
  GF_ASSIGN_OR_RETURN(info.schema, FromProto(message.schema()));
  for (const v1::Column& column : message.schema().columns()) {
    info.columns.push_back(ColumnInfoFromProto(column));
  }
  info.num_graphs = message.num_graphs();

  const size_t node_types = info.schema.node_types.size();
  const size_t edge_types = info.schema.edge_types.size();
  for (const absl::Status& status : {
           CheckSize(message.num_nodes_size(), node_types, "num_nodes"),
           CheckSize(message.num_edges_size(), edge_types, "num_edges"),
           CheckSize(message.node_sizes_size(), node_types, "node_sizes"),
           CheckSize(message.edge_sizes_size(), edge_types, "edge_sizes"),
       }) {
    GF_RETURN_IF_ERROR(status);
  }
  const auto negative = [](int64_t count) { return count < 0; };
  if (info.num_graphs < 0 || info.version < 0 ||
      std::any_of(message.num_nodes().begin(), message.num_nodes().end(), negative) ||
      std::any_of(message.num_edges().begin(), message.num_edges().end(), negative)) {
    return FieldError("dataset", "a count or the version is negative");
  }
  info.num_nodes.assign(message.num_nodes().begin(), message.num_nodes().end());
  info.num_edges.assign(message.num_edges().begin(), message.num_edges().end());
  for (const v1::SizeSummary& summary : message.node_sizes()) {
    info.node_sizes.push_back(SummaryFromProto(summary));
  }
  for (const v1::SizeSummary& summary : message.edge_sizes()) {
    info.edge_sizes.push_back(SummaryFromProto(summary));
  }
  info.total_node_sizes = SummaryFromProto(message.total_node_sizes());
  info.total_edge_sizes = SummaryFromProto(message.total_edge_sizes());
  info.raw_bytes = message.raw_bytes();
  info.transforms.assign(message.transforms().begin(), message.transforms().end());
  return info;
}

}  // namespace graphfeed::wire
