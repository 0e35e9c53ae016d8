#include "storage/ingest/graph_check.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/base/arithmetic.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxSize = int64_t{1} << 48;

size_t NumTypes(const Schema& types, std::optional<Level> level) {
  if (!level || *level == Level::kGraph) return 1;
  return *level == Level::kNode ? types.node_types.size() : types.edge_types.size();
}

bool HasType(const Schema& types, const ColumnBlock& column) {
  return column.type >= 0 && static_cast<size_t>(column.type) < NumTypes(types, column.level);
}

absl::Status CheckCounts(absl::string_view field, const std::vector<std::vector<int64_t>>& sizes,
                         size_t num_types, int64_t num_graphs) {
  if (sizes.size() != num_types) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " has ", sizes.size(), " lists; there are ", num_types, " types"));
  }
  for (const std::vector<int64_t>& list : sizes) {
    if (static_cast<int64_t>(list.size()) != num_graphs) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, " has ", list.size(), " entries for ", num_graphs, " graphs"));
    }
    for (const int64_t size : list) {
      GF_RETURN_IF_ERROR(CheckSize(field, size));
    }
  }
  return absl::OkStatus();
}

struct BadNode {
  int64_t edge;
  int row;
  int64_t node;
};

// The first edge with an end outside of [0, num_nodes).
template <typename T>
std::optional<BadNode> FindBadNode(const char* rows, int64_t num_edges,
                                   const int64_t (&num_nodes)[2]) {
  for (int64_t e = 0; e < num_edges; ++e, rows += 2 * sizeof(T)) {
    T ends[2];
    std::memcpy(ends, rows, sizeof(ends));
    for (int row = 0; row < 2; ++row) {
      const auto node = static_cast<int64_t>(ends[row]);
      if (static_cast<uint64_t>(node) >= static_cast<uint64_t>(num_nodes[row])) {
        return BadNode{e, row, node};
      }
    }
  }
  return std::nullopt;
}

std::optional<BadNode> FindBadNode(DType dtype, const char* rows, int64_t num_edges,
                                   const int64_t (&num_nodes)[2]) {
  switch (dtype) {
    case DType::kUint8:
      return FindBadNode<uint8_t>(rows, num_edges, num_nodes);
    case DType::kInt8:
      return FindBadNode<int8_t>(rows, num_edges, num_nodes);
    case DType::kInt16:
      return FindBadNode<int16_t>(rows, num_edges, num_nodes);
    case DType::kInt32:
      return FindBadNode<int32_t>(rows, num_edges, num_nodes);
    default:
      return FindBadNode<int64_t>(rows, num_edges, num_nodes);
  }
}

}  // namespace

std::string ColumnTitle(const Schema& types, const ColumnBlock& column) {
  std::string title = absl::StrCat("column \"", column.name, "\"");
  if (!types.heterogeneous || !column.level || !HasType(types, column)) return title;
  const std::string store = types.StoreName(*column.level, column.type);
  return store.empty() ? title : absl::StrCat(title, " of ", store);
}

int64_t RowBytes(const ColumnBlock& column) {
  int64_t bytes = static_cast<int64_t>(SizeOf(column.dtype));
  for (const int64_t dim : column.row_shape) bytes *= dim;
  return bytes;
}

int64_t NumRows(const ColumnBlock& column, int64_t num_graphs) {
  if (column.dtype == DType::kString) return static_cast<int64_t>(column.strings.size());
  if (const int64_t bytes = RowBytes(column); bytes > 0) {
    return static_cast<int64_t>(column.rows.size()) / bytes;
  }
  if (column.sizes.empty()) return num_graphs;
  int64_t rows = 0;
  for (const int64_t size : column.sizes) rows += size;
  return rows;
}

bool IsEmpty(const Schema& types, const ColumnBlock& column, int64_t num_graphs) {
  const std::vector<int64_t>& sizes = column.sizes;
  if (column.zero_dim || column.non_tensor || !column.rows.empty() || !column.strings.empty() ||
      std::any_of(sizes.begin(), sizes.end(), [](int64_t size) { return size != 0; })) {
    return false;
  }
  if (types.collection) return static_cast<int64_t>(sizes.size()) == num_graphs;
  // Without sizes rows that have no values may be any number.
  const std::vector<int64_t>& shape = column.row_shape;
  return sizes.size() == 1 ||
         (sizes.empty() && std::find(shape.begin(), shape.end(), 0) == shape.end());
}

int64_t BlockBytes(const GraphBlock& block) {
  size_t bytes = 0;
  for (const auto* sizes : {&block.num_nodes, &block.num_edges}) {
    for (const std::vector<int64_t>& list : *sizes) bytes += list.size() * sizeof(int64_t);
  }
  for (const ColumnBlock& column : block.columns) {
    bytes += column.rows.size() + column.sizes.size() * sizeof(int64_t);
    for (const std::string& s : column.strings) bytes += sizeof(std::string) + s.size();
  }
  return static_cast<int64_t>(bytes);
}

std::string GraphRange(const Schema& types, int64_t first, int64_t count) {
  if (!types.collection) return "the graph";
  if (count <= 1) return absl::StrCat("graph ", first);
  return absl::StrCat("graphs ", first, " to ", first + count - 1);
}

absl::Status CheckSize(absl::string_view field, int64_t size) {
  if (size >= 0 && size <= kMaxSize) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " holds ", size, "; it is 0 to ", kMaxSize));
}

absl::Status CheckGraphCounts(const Schema& types, const GraphBlock& block) {
  if (block.num_graphs < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_graphs is ", block.num_graphs, "; it is at least 0"));
  }
  if (!types.collection) {
    if (block.num_graphs == 0 && block.num_nodes.empty() && block.num_edges.empty()) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(
        "num_graphs or sizes in a block of a single graph, whose size the ingest declares");
  }
  GF_RETURN_IF_ERROR(
      CheckCounts("num_nodes", block.num_nodes, types.node_types.size(), block.num_graphs));
  return CheckCounts("num_edges", block.num_edges, types.edge_types.size(), block.num_graphs);
}

absl::Status CheckColumnKind(const Schema& types, const ColumnBlock& column) {
  if (types.heterogeneous && !column.level) {
    return absl::InvalidArgumentError(
        "its level is not declared, which a heterogeneous dataset requires");
  }
  if (!HasType(types, column)) {
    return absl::InvalidArgumentError(
        absl::StrCat("type ", column.type, "; there are ", NumTypes(types, column.level)));
  }
  ColumnSchema schema{.name = column.name,
                      .level = column.level.value_or(Level::kNode),
                      .type = column.type,
                      .dtype = column.dtype,
                      .row_shape = column.row_shape,
                      .concat_last = column.concat_last && !column.row_shape.empty(),
                      .index_types = {}};
  const bool edge_index = column.name == "edge_index";
  if (edge_index) {
    if ((column.level && *column.level != Level::kEdge) || !IsInteger(column.dtype) ||
        column.row_shape != std::vector<int64_t>{2}) {
      return absl::InvalidArgumentError(
          absl::StrCat("edge_index is edge level and holds integers of shape [2, num_edges]; this "
                       "is ",
                       DTypeName(column.dtype), " with ",
                       column.row_shape.empty()
                           ? "one number for each row"
                           : absl::StrCat("rows of [", absl::StrJoin(column.row_shape, ", "), "]"),
                       column.level && *column.level != Level::kEdge ? ", of another level" : ""));
    }
    const EdgeType& type = types.edge_types[column.type];
    schema.level = Level::kEdge;
    schema.concat_last = true;
    schema.index_types = {type.source, type.target};
  } else if (schema.level == Level::kGraph) {
    schema.rows_per_graph = 1;
  }
  return ValidateColumn(types, schema);
}

absl::Status CheckColumnRows(const Schema& types, const ColumnBlock& column, int64_t num_graphs) {
  const bool strings = column.dtype == DType::kString;
  if (strings ? !column.rows.empty() : !column.strings.empty()) {
    return absl::InvalidArgumentError(strings ? "a string column with rows of bytes"
                                              : "strings in a column of numbers");
  }
  const int64_t row_bytes = RowBytes(column);
  if (!types.collection) {
    if (!strings && row_bytes == 0 && column.sizes.size() != 1) {
      return absl::InvalidArgumentError(
          "its rows have no values, so their number must be given, as the only entry of sizes");
    }
    if (column.sizes.empty()) {
      if (!strings && row_bytes > 0 && static_cast<int64_t>(column.rows.size()) % row_bytes != 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            column.rows.size(), " bytes are not a whole number of rows of ", row_bytes));
      }
      return absl::OkStatus();
    }
    num_graphs = 1;
  }
  if (!column.sizes.empty() && static_cast<int64_t>(column.sizes.size()) != num_graphs) {
    return absl::InvalidArgumentError(
        absl::StrCat(column.sizes.size(), " sizes for ", num_graphs, " graphs"));
  }
  int64_t rows = column.sizes.empty() ? num_graphs : 0;
  for (const int64_t size : column.sizes) {
    GF_RETURN_IF_ERROR(CheckSize("sizes", size));
    rows += size;
    GF_RETURN_IF_ERROR(CheckSize("sum of sizes", rows));
  }
  if (strings) {
    if (static_cast<int64_t>(column.strings.size()) != rows) {
      return absl::InvalidArgumentError(
          absl::StrCat(column.strings.size(), " strings for ", rows, " rows"));
    }
  } else if (static_cast<__int128>(rows) * row_bytes != static_cast<int64_t>(column.rows.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat(column.rows.size(), " bytes for ", rows, " rows of ", row_bytes, " bytes"));
  }
  return absl::OkStatus();
}

absl::Status CheckEdgeIndex(const Schema& types, const ColumnBlock& column,
                            const EdgeIndexPlace& place) {
  const EdgeType& type = types.edge_types[column.type];
  const int64_t row_bytes = RowBytes(column);
  const char* rows = column.rows.data();
  for (size_t g = 0; g < place.num_source_nodes.size(); ++g) {
    const int64_t num_nodes[2] = {place.num_source_nodes[g], place.num_target_nodes[g]};
    const int64_t num_edges =
        types.collection ? NumRows(column, 0, static_cast<int64_t>(g)) : NumRows(column, 1);
    const std::optional<BadNode> bad = FindBadNode(column.dtype, rows, num_edges, num_nodes);
    rows += num_edges * row_bytes;
    if (!bad) continue;
    const std::string graph =
        types.collection ? absl::StrCat("graph ", place.first_graph + static_cast<int64_t>(g), ": ")
                         : std::string();
    std::string store = "edge_index";
    std::string nodes = "nodes";
    if (types.heterogeneous) {
      store = absl::StrCat("edge_index of ", types.EdgeTypeName(column.type));
      nodes = absl::StrCat(types.node_types[bad->row == 0 ? type.source : type.target], " nodes");
    }
    return absl::InvalidArgumentError(absl::StrCat(
        graph, store, " has node ", bad->node, " in edge ", place.first_edge + bad->edge, " (row ",
        bad->row, "); the graph has ", num_nodes[bad->row], " ", nodes));
  }
  return absl::OkStatus();
}

absl::Status CheckNumNodes(absl::Span<const int64_t> num_nodes, int64_t received_bytes) {
  constexpr int64_t kFreeNodes = int64_t{1} << 24;
  const int64_t total = Sum(num_nodes);
  if (total <= kFreeNodes + received_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "num_nodes: ", total, " nodes in all, with ", received_bytes, " bytes of rows; at most ",
      kFreeNodes, " and one more for each byte: add a column of the nodes"));
}

}  // namespace graphfeed
