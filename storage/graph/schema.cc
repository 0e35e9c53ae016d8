#include "storage/graph/schema.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxTypes = 4096;
constexpr size_t kMaxColumns = 65536;
constexpr size_t kMaxRank = 16;
constexpr int64_t kMaxRowBytes = int64_t{1} << 30;
constexpr int64_t kMaxRowsPerGraph = int64_t{1} << 30;

constexpr absl::string_view kReservedNames[] = {"batch",      "ptr",        "graphs_mask",
                                                "nodes_mask", "edges_mask", "num_nodes",
                                                "num_edges",  "num_graphs"};

// Names appear in texts, in "source|relation|target" and as attributes.
absl::Status CheckName(absl::string_view what, absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat(what, ": the name is empty"));
  if (name.size() > kMaxNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": the name has ", name.size(), " bytes; the limit is ", kMaxNameBytes));
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '|') {
      return absl::InvalidArgumentError(absl::StrCat(
          what, ": the name \"", name, "\" has a control character or '|', which names may not"));
    }
  }
  return absl::OkStatus();
}

bool InRange(int index, size_t size) { return index >= 0 && static_cast<size_t>(index) < size; }

absl::Status CheckTypes(const Schema& schema) {
  if (schema.node_types.empty()) return absl::InvalidArgumentError("node_types is empty");
  if (schema.node_types.size() > kMaxTypes || schema.edge_types.size() > kMaxTypes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the schema has ", schema.node_types.size(), " node types and ", schema.edge_types.size(),
        " edge types; the limit is ", kMaxTypes, " of each"));
  }
  std::set<absl::string_view> nodes;
  for (const std::string& name : schema.node_types) {
    GF_RETURN_IF_ERROR(CheckName("node type", name));
    if (!nodes.insert(name).second) {
      return absl::InvalidArgumentError(absl::StrCat("node type \"", name, "\" is declared twice"));
    }
  }
  std::set<std::tuple<int, absl::string_view, int>> edges;
  for (const EdgeType& type : schema.edge_types) {
    GF_RETURN_IF_ERROR(CheckName("edge type", type.relation));
    if (!InRange(type.source, schema.node_types.size()) ||
        !InRange(type.target, schema.node_types.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat("edge type \"", type.relation, "\" goes from node type ", type.source,
                       " to ", type.target, "; there are ", schema.node_types.size()));
    }
    if (!edges.insert({type.source, type.relation, type.target}).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("edge type \"", schema.node_types[type.source], "|", type.relation, "|",
                       schema.node_types[type.target], "\" is declared twice"));
    }
  }
  if (!schema.heterogeneous) {
    const Schema plain = Schema::Homogeneous(schema.collection);
    if (schema.node_types != plain.node_types || schema.edge_types != plain.edge_types) {
      return absl::InvalidArgumentError(
          "a homogeneous schema has the one node type \"node\" and the one edge type "
          "\"node|to|node\"");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckShape(const ColumnSchema& column, absl::string_view what) {
  if (column.row_shape.size() > kMaxRank) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": rows have ", column.row_shape.size(),
                                                   " dimensions; the limit is ", kMaxRank));
  }
  // In 128 bits, since the dimensions come from outside; a zero anywhere makes rows empty.
  const size_t element = std::max<size_t>(SizeOf(column.dtype), 1);
  __int128 bytes = static_cast<__int128>(element);
  for (const int64_t dim : column.row_shape) {
    if (dim < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": row_shape holds ", dim, "; dimensions are at least 0"));
    }
    if (dim > kMaxRowBytes)
      bytes = kMaxRowBytes + 1;
    else if (bytes <= kMaxRowBytes)
      bytes *= dim;
    if (bytes > kMaxRowBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": a row has more than ", kMaxRowBytes, " bytes"));
    }
  }
  if (column.concat_last && column.row_shape.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": concat_last needs rows of at least one dimension"));
  }
  if (column.dtype == DType::kString && !column.row_shape.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": string rows are single strings"));
  }
  return absl::OkStatus();
}

absl::Status CheckGraphLevel(const Schema& schema, const ColumnSchema& column,
                             absl::string_view what) {
  if (column.level != Level::kGraph) {
    if (column.rows_per_graph != 0 || column.zero_dim || column.non_tensor) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, ": rows_per_graph, zero_dim and non_tensor are for graph-level columns only"));
    }
    return absl::OkStatus();
  }
  if (column.varying() && !schema.collection) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": the number of its rows varies, but there is one graph only"));
  }
  if (!column.varying() &&
      (column.rows_per_graph < 0 || column.rows_per_graph > kMaxRowsPerGraph)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": rows_per_graph is ", column.rows_per_graph, "; it is 0 to ",
                     kMaxRowsPerGraph, ", or ", ColumnSchema::kVarying, " where it varies"));
  }
  if ((column.zero_dim || column.non_tensor) &&
      (column.rows_per_graph != 1 || !column.row_shape.empty())) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": a 0-dim or non-tensor column has one value for each graph"));
  }
  return absl::OkStatus();
}

absl::Status CheckIndexTypes(const Schema& schema, const ColumnSchema& column,
                             absl::string_view what) {
  if (column.name == "edge_index") {
    const bool well_formed = column.level == Level::kEdge && column.concat_last &&
                             column.row_shape == std::vector<int64_t>{2};
    if (!well_formed) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": edge_index has edge level and shape [2, num_edges]"));
    }
    const EdgeType& type = schema.edge_types[column.type];
    if (column.index_types != std::vector<int>{type.source, type.target}) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, ": edge_index points into its edge type's source and target node types"));
    }
  }
  if (column.index_types.empty()) return absl::OkStatus();
  // Indices grow with the batch, so smaller types would overflow.
  if (column.dtype != DType::kInt64 && column.dtype != DType::kInt32) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": a column of node indices is int32 or ",
                                                   "int64, not ", DTypeName(column.dtype),
                                                   "; convert it, or rename it if it holds no "
                                                   "node ids"));
  }
  const int64_t elements = column.row_elements();
  if (column.index_types.size() != 1 &&
      static_cast<int64_t>(column.index_types.size()) != elements) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": ", column.index_types.size(), " index_types for rows of ", elements, " elements"));
  }
  for (const int type : column.index_types) {
    if (!InRange(type, schema.node_types.size())) {
      return absl::InvalidArgumentError(absl::StrCat(what, ": index_types holds ", type,
                                                     "; there are ", schema.node_types.size(),
                                                     " node types"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckColumn(const Schema& schema, const ColumnSchema& column) {
  const std::string what = absl::StrCat("column \"", column.name, "\"");
  GF_RETURN_IF_ERROR(CheckName(what, column.name));
  if (IsReservedColumnName(column.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": batches use this name themselves; rename the column"));
  }
  size_t num_types = 1;
  switch (column.level) {
    case Level::kNode:
      num_types = schema.node_types.size();
      break;
    case Level::kEdge:
      num_types = schema.edge_types.size();
      break;
    case Level::kGraph:
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat(what, ": level ", static_cast<int>(column.level), " does not exist"));
  }
  if (!InRange(column.type, num_types)) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": type ", column.type, " of ", num_types,
                                                   " at ", LevelName(column.level), " level"));
  }
  if (DTypeName(column.dtype) == "unknown") {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": dtype ", static_cast<int>(column.dtype), " does not exist"));
  }
  GF_RETURN_IF_ERROR(CheckShape(column, what));
  GF_RETURN_IF_ERROR(CheckGraphLevel(schema, column, what));
  return CheckIndexTypes(schema, column, what);
}

}  // namespace

absl::string_view LevelName(Level level) {
  switch (level) {
    case Level::kNode:
      return "node";
    case Level::kEdge:
      return "edge";
    case Level::kGraph:
      return "graph";
  }
  return "unknown";
}

int64_t ColumnSchema::row_elements() const {
  int64_t elements = 1;
  for (const int64_t dim : row_shape) elements *= dim;
  return elements;
}

int64_t ColumnSchema::row_bytes() const {
  return row_elements() * static_cast<int64_t>(SizeOf(dtype));
}

Schema Schema::Homogeneous(bool collection) {
  Schema schema;
  schema.collection = collection;
  schema.node_types = {std::string(kNodeType)};
  schema.edge_types = {EdgeType{0, std::string(kRelation), 0}};
  return schema;
}

int Schema::FindColumn(Level level, int type, absl::string_view name) const {
  for (size_t i = 0; i < columns.size(); ++i) {
    const ColumnSchema& column = columns[i];
    if (column.level == level && column.type == type && column.name == name) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

std::string Schema::EdgeTypeName(int edge_type) const {
  const EdgeType& type = edge_types[edge_type];
  return absl::StrCat(node_types[type.source], "|", type.relation, "|", node_types[type.target]);
}

std::string Schema::StoreName(Level level, int type) const {
  if (!heterogeneous || level == Level::kGraph) return "";
  return level == Level::kNode ? node_types[type] : EdgeTypeName(type);
}

int Schema::FindNodeType(absl::string_view name) const {
  const auto it = std::find(node_types.begin(), node_types.end(), name);
  return it == node_types.end() ? -1 : static_cast<int>(it - node_types.begin());
}

int Schema::FindEdgeType(absl::string_view name) const {
  for (size_t i = 0; i < edge_types.size(); ++i) {
    if (EdgeTypeName(static_cast<int>(i)) == name) return static_cast<int>(i);
  }
  return -1;
}

bool IsReservedColumnName(absl::string_view name) {
  return std::find(std::begin(kReservedNames), std::end(kReservedNames), name) !=
         std::end(kReservedNames);
}

absl::Status ValidateSchema(const Schema& schema) {
  GF_RETURN_IF_ERROR(CheckTypes(schema));
  if (schema.columns.size() > kMaxColumns) {
    return absl::InvalidArgumentError(absl::StrCat("the schema has ", schema.columns.size(),
                                                   " columns; the limit is ", kMaxColumns));
  }
  std::set<std::pair<std::string, absl::string_view>> seen;
  for (const ColumnSchema& column : schema.columns) {
    GF_RETURN_IF_ERROR(CheckColumn(schema, column));
    // By store: all columns of a homogeneous dataset live in one.
    std::string store = schema.StoreName(column.level, column.type);
    if (!seen.insert({std::move(store), column.name}).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("column \"", column.name, "\" is declared twice"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateColumn(const Schema& types, const ColumnSchema& column) {
  return CheckColumn(types, column);
}

}  // namespace graphfeed
