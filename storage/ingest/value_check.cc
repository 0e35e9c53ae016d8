#include "storage/ingest/value_check.h"

#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "storage/base/utf8.h"
#include "storage/graph/element_access.h"
#include "storage/ingest/graph_check.h"

namespace graphfeed {
namespace {

// With as many nodes as a dataset may have there is room left.
constexpr int64_t kMaxShiftable = int64_t{1} << 62;

// "graph 17, column "x": row 3", for a row of a graph of the block.
std::string RowTitle(const Schema& types, const ColumnBlock& column, const BlockPlace& place,
                     int64_t graph, int64_t row) {
  return absl::StrCat(GraphRange(types, place.first_graph + graph, 1), ", ",
                      ColumnTitle(types, column), ": row ", place.first_row + row);
}

// Rows of a graph of the block; of a single graph all.
int64_t RowsOfGraph(const Schema& types, const ColumnBlock& column, int64_t graph) {
  return types.collection ? NumRows(column, 0, graph) : NumRows(column, 1);
}

// Index of the first of `count` elements that is no id of `num_nodes` nodes, or `count`.
int64_t FindNoNode(DType dtype, const char* elements, int64_t count, int64_t num_nodes) {
  return WithType(dtype, [&](auto type) {
    using T = decltype(type);
    if constexpr (std::is_integral_v<T>) {
      for (int64_t i = 0; i < count; ++i) {
        const auto id = static_cast<int64_t>(LoadElement<T>(elements + i * sizeof(T)));
        if (static_cast<uint64_t>(id) >= static_cast<uint64_t>(num_nodes)) return i;
      }
    }
    return count;
  });
}

}  // namespace

absl::Status CheckStrings(const Schema& types, const ColumnBlock& column, const BlockPlace& place) {
  int64_t graph = 0;
  int64_t graph_begin = 0;
  for (size_t i = 0; i < column.strings.size(); ++i) {
    const size_t bad = FindInvalidUtf8(column.strings[i]);
    if (bad == absl::string_view::npos) continue;
    const auto row = static_cast<int64_t>(i);
    while (row >= graph_begin + RowsOfGraph(types, column, graph)) {
      graph_begin += RowsOfGraph(types, column, graph++);
    }
    return absl::InvalidArgumentError(
        absl::StrCat(RowTitle(types, column, place, graph, row - graph_begin),
                     " is not UTF-8: byte ", bad, " of ", column.strings[i].size(), " is 0x",
                     absl::Hex(static_cast<uint8_t>(column.strings[i][bad]), absl::kZeroPad2)));
  }
  return absl::OkStatus();
}

absl::Status CheckShiftable(const Schema& types, const ColumnBlock& column,
                            const BlockPlace& place) {
  if (column.dtype != DType::kInt64) return absl::OkStatus();
  const auto num_values = static_cast<int64_t>(column.rows.size() / sizeof(int64_t));
  int64_t graph = 0;
  int64_t graph_begin = 0;
  for (int64_t i = 0; i < num_values; ++i) {
    const auto value = LoadElement<int64_t>(column.rows.data() + i * sizeof(int64_t));
    if (value >= -kMaxShiftable && value <= kMaxShiftable) continue;
    while (types.collection && i >= graph_begin + RowsOfGraph(types, column, graph)) {
      graph_begin += RowsOfGraph(types, column, graph++);
    }
    return absl::InvalidArgumentError(
        absl::StrCat(RowTitle(types, column, place, graph, i - graph_begin), " is ", value,
                     "; by its name the column is shifted as node ids are, within -2^62 to 2^62"));
  }
  return absl::OkStatus();
}

absl::Status CheckNodeIds(const Schema& types, const ColumnBlock& column, const BlockPlace& place,
                          int node_type, absl::Span<const int64_t> num_nodes) {
  const auto element_bytes = static_cast<int64_t>(SizeOf(column.dtype));
  const int64_t row_elements = RowBytes(column) / element_bytes;
  const char* elements = column.rows.data();
  for (size_t g = 0; g < num_nodes.size(); ++g) {
    const auto graph = static_cast<int64_t>(g);
    const int64_t count = RowsOfGraph(types, column, graph) * row_elements;
    const int64_t bad = FindNoNode(column.dtype, elements, count, num_nodes[g]);
    if (bad < count) {
      const int64_t id = LoadInt(column.dtype, elements + bad * element_bytes);
      return absl::InvalidArgumentError(absl::StrCat(
          RowTitle(types, column, place, graph, bad / row_elements), " has node ", id,
          "; the graph has ", num_nodes[g], " ",
          types.heterogeneous ? absl::StrCat(types.node_types[node_type], " nodes") : "nodes",
          " (by its name the column holds node ids; rename it if it does not)"));
    }
    elements += count * element_bytes;
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
