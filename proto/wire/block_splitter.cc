#include "proto/wire/block_splitter.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

// Wire bytes of a row's or a graph's bookkeeping: sizes, lengths.
constexpr int64_t kOverheadBytes = 8;

// Graphs of a block in which nothing but num_graphs says how many there are. The number comes from
// a message; all others are as large as the bytes behind them.
constexpr int64_t kMaxUncountedGraphs = 1 << 20;

absl::Status ColumnError(const ColumnBlock& column, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("column ", column.name, ": ", what));
}

absl::StatusOr<int64_t> RowBytes(const ColumnBlock& column) {
  int64_t bytes = static_cast<int64_t>(SizeOf(column.dtype));
  for (const int64_t dimension : column.row_shape) {
    if (dimension < 0 || __builtin_mul_overflow(bytes, dimension, &bytes)) {
      return ColumnError(column, absl::StrCat("row_shape has dimension ", dimension));
    }
  }
  return bytes;
}

// A column whose sizes have been checked against its rows.
struct Cursor {
  const ColumnBlock* column;
  int64_t row_bytes;
  int64_t next_row = 0;

  bool is_string() const { return column->dtype == DType::kString; }

  int64_t RowsOf(int64_t graph) const {
    return column->sizes.empty() ? 1 : column->sizes[static_cast<size_t>(graph)];
  }
  int64_t BytesOf(int64_t first_row, int64_t rows) const {
    if (!is_string()) return rows * row_bytes;
    int64_t bytes = 0;
    for (int64_t row = first_row; row < first_row + rows; ++row) {
      bytes += static_cast<int64_t>(column->strings[row].size()) + kOverheadBytes;
    }
    return bytes;
  }

  // The column's description and its next `rows` rows.
  ColumnBlock Cut(int64_t rows) {
    ColumnBlock part{.name = column->name,
                     .level = column->level,
                     .type = column->type,
                     .dtype = column->dtype,
                     .row_shape = column->row_shape,
                     .concat_last = column->concat_last,
                     .zero_dim = column->zero_dim,
                     .non_tensor = column->non_tensor,
                     .sizes = {},
                     .rows = {},
                     .strings = {}};
    if (is_string()) {
      const auto first = column->strings.begin() + next_row;
      part.strings.assign(first, first + rows);
    } else if (row_bytes > 0) {
      part.rows = column->rows.substr(next_row * row_bytes, rows * row_bytes);
    }
    next_row += rows;
    return part;
  }
};

// `num_rows`: how many rows the sizes announce; -1 when the rows themselves say it.
absl::StatusOr<Cursor> CheckColumn(const ColumnBlock& column, int64_t num_rows) {
  GF_ASSIGN_OR_RETURN(const int64_t row_bytes, RowBytes(column));
  const Cursor cursor{.column = &column, .row_bytes = row_bytes};
  if (cursor.is_string()) {
    const auto strings = static_cast<int64_t>(column.strings.size());
    if (num_rows >= 0 && strings != num_rows) {
      return ColumnError(column, absl::StrCat(strings, " strings for ", num_rows, " rows"));
    }
    return cursor;
  }
  const auto bytes = static_cast<int64_t>(column.rows.size());
  int64_t expected = 0;
  if (num_rows < 0) {
    expected = row_bytes == 0 ? 0 : bytes / row_bytes * row_bytes;
  } else if (__builtin_mul_overflow(num_rows, row_bytes, &expected)) {
    return ColumnError(column, absl::StrCat(num_rows, " rows of ", row_bytes, " bytes"));
  }
  if (bytes != expected) {
    return ColumnError(column, num_rows < 0 ? absl::StrCat(bytes, " bytes in rows of ", row_bytes)
                                            : absl::StrCat(bytes, " bytes for ", num_rows,
                                                           " rows of ", row_bytes, " bytes"));
  }
  return cursor;
}

absl::StatusOr<int64_t> TotalRows(const ColumnBlock& column, int64_t num_graphs) {
  if (column.sizes.empty()) return num_graphs;
  if (static_cast<int64_t>(column.sizes.size()) != num_graphs) {
    return ColumnError(column,
                       absl::StrCat(column.sizes.size(), " sizes for ", num_graphs, " graphs"));
  }
  int64_t total = 0;
  for (const int64_t size : column.sizes) {
    if (size < 0 || __builtin_add_overflow(total, size, &total)) {
      return ColumnError(column, absl::StrCat("a graph of ", size, " rows"));
    }
  }
  return total;
}

absl::Status CheckSizeLists(absl::string_view field, const std::vector<std::vector<int64_t>>& lists,
                            int64_t num_graphs) {
  for (const std::vector<int64_t>& list : lists) {
    if (static_cast<int64_t>(list.size()) != num_graphs) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, " has ", list.size(), " entries for ", num_graphs, " graphs"));
    }
  }
  return absl::OkStatus();
}

std::vector<std::vector<int64_t>> CutLists(const std::vector<std::vector<int64_t>>& lists,
                                           int64_t first, int64_t last) {
  std::vector<std::vector<int64_t>> parts;
  parts.reserve(lists.size());
  for (const std::vector<int64_t>& list : lists) {
    parts.emplace_back(list.begin() + first, list.begin() + last);
  }
  return parts;
}

// How many of `left` rows from the cursor's next one on fill a message: about target_bytes of them,
// but at least one.
absl::StatusOr<int64_t> RowsOfPart(const Cursor& cursor, int64_t left, const SplitLimits& limits) {
  if (!cursor.is_string() && cursor.row_bytes == 0) return left;
  int64_t rows = 0;
  int64_t bytes = 0;
  while (rows < left && bytes < limits.target_bytes) {
    const int64_t row = cursor.next_row + rows;
    int64_t step = 1;
    if (!cursor.is_string()) {
      step = std::clamp<int64_t>(limits.target_bytes / cursor.row_bytes, 1, left - rows);
    }
    const int64_t step_bytes = cursor.BytesOf(row, step);
    if (step_bytes > limits.max_bytes) {
      return ColumnError(*cursor.column,
                         absl::StrCat("row ", row, " has ", step_bytes, " bytes; a message holds ",
                                      limits.max_bytes));
    }
    if (rows > 0 && bytes + step_bytes > limits.target_bytes) break;
    rows += step;
    bytes += step_bytes;
  }
  return rows;
}

// One graph, column after column. The cursors stand at its first rows, and then behind its last.
absl::Status SplitGraph(const GraphBlock& block, int64_t graph, std::vector<Cursor>& cursors,
                        const SplitLimits& limits,
                        absl::FunctionRef<absl::Status(GraphBlock)> send) {
  for (size_t c = 0; c < cursors.size(); ++c) {
    Cursor& cursor = cursors[c];
    int64_t left = cursor.RowsOf(graph);
    do {
      GF_ASSIGN_OR_RETURN(const int64_t rows, RowsOfPart(cursor, left, limits));
      left -= rows;
      GraphBlock part;
      part.columns.push_back(cursor.Cut(rows));
      part.columns.back().sizes = {rows};
      part.continues = c + 1 < cursors.size() || left > 0;
      if (!part.continues) {
        part.num_graphs = 1;
        part.num_nodes = CutLists(block.num_nodes, graph, graph + 1);
        part.num_edges = CutLists(block.num_edges, graph, graph + 1);
      }
      GF_RETURN_IF_ERROR(send(std::move(part)));
    } while (left > 0);
  }
  return absl::OkStatus();
}

// A part of a graph, which was cut where it came from.
absl::Status SendPart(GraphBlock block, int64_t first_graph, const SplitLimits& limits,
                      absl::FunctionRef<absl::Status(GraphBlock)> send) {
  int64_t bytes = 0;
  for (const ColumnBlock& column : block.columns) {
    const auto strings = static_cast<int64_t>(column.strings.size());
    bytes += static_cast<int64_t>(column.rows.size()) +
             Cursor{.column = &column, .row_bytes = 0}.BytesOf(0, strings);
  }
  if (bytes <= limits.max_bytes) return send(std::move(block));
  return absl::InvalidArgumentError(absl::StrCat("a part of graph ", first_graph, " has ", bytes,
                                                 " bytes; a message holds ", limits.max_bytes));
}

absl::Status SplitGraphs(GraphBlock block, int64_t first_graph, const SplitLimits& limits,
                         absl::FunctionRef<absl::Status(GraphBlock)> send) {
  if (block.continues) return SendPart(std::move(block), first_graph, limits, send);
  if (block.num_graphs < 0) {
    return absl::InvalidArgumentError(absl::StrCat("num_graphs is ", block.num_graphs));
  }
  GF_RETURN_IF_ERROR(CheckSizeLists("num_nodes", block.num_nodes, block.num_graphs));
  GF_RETURN_IF_ERROR(CheckSizeLists("num_edges", block.num_edges, block.num_graphs));
  std::vector<Cursor> cursors;
  for (const ColumnBlock& column : block.columns) {
    GF_ASSIGN_OR_RETURN(const int64_t rows, TotalRows(column, block.num_graphs));
    GF_ASSIGN_OR_RETURN(const Cursor cursor, CheckColumn(column, rows));
    cursors.push_back(cursor);
  }
  const bool counted =
      !block.num_nodes.empty() || !block.num_edges.empty() ||
      std::any_of(cursors.begin(), cursors.end(), [](const Cursor& cursor) {
        return cursor.is_string() || cursor.row_bytes > 0 || !cursor.column->sizes.empty();
      });
  if (!counted && block.num_graphs > kMaxUncountedGraphs) {
    return absl::InvalidArgumentError(absl::StrCat("num_graphs is ", block.num_graphs,
                                                   "; a block without anything of theirs has ",
                                                   kMaxUncountedGraphs, " at most"));
  }

  // Where to cut: before the graph with which a part would exceed the target.
  const auto per_graph =
      kOverheadBytes *
      static_cast<int64_t>(block.columns.size() + block.num_nodes.size() + block.num_edges.size());
  std::vector<int64_t> cuts = {0};
  std::vector<int64_t> rows(cursors.size(), 0);
  std::set<int64_t> large_graphs;  // each alone between its cuts, since it exceeds the target too
  int64_t part_bytes = 0;
  for (int64_t graph = 0; graph < block.num_graphs; ++graph) {
    int64_t bytes = per_graph;
    for (size_t c = 0; c < cursors.size(); ++c) {
      const int64_t graph_rows = cursors[c].RowsOf(graph);
      bytes += cursors[c].BytesOf(rows[c], graph_rows);
      rows[c] += graph_rows;
    }
    if (part_bytes > 0 && part_bytes + bytes > limits.target_bytes) {
      cuts.push_back(graph);
      part_bytes = 0;
    }
    part_bytes += bytes;
    if (bytes > limits.max_bytes) large_graphs.insert(graph);
  }
  cuts.push_back(block.num_graphs);
  if (cuts.size() == 2 && large_graphs.empty()) return send(std::move(block));

  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    const int64_t first = cuts[i];
    const int64_t last = cuts[i + 1];
    if (large_graphs.contains(first)) {
      absl::Status status = SplitGraph(block, first, cursors, limits, send);
      if (absl::IsInvalidArgument(status)) {
        return absl::InvalidArgumentError(
            absl::StrCat("graph ", first_graph + first, ", ", status.message()));
      }
      GF_RETURN_IF_ERROR(status);
      continue;
    }
    GraphBlock part;
    part.num_graphs = last - first;
    part.num_nodes = CutLists(block.num_nodes, first, last);
    part.num_edges = CutLists(block.num_edges, first, last);
    for (Cursor& cursor : cursors) {
      int64_t part_rows = 0;
      for (int64_t graph = first; graph < last; ++graph) part_rows += cursor.RowsOf(graph);
      ColumnBlock column = cursor.Cut(part_rows);
      const std::vector<int64_t>& sizes = cursor.column->sizes;
      if (!sizes.empty()) column.sizes.assign(sizes.begin() + first, sizes.begin() + last);
      part.columns.push_back(std::move(column));
    }
    GF_RETURN_IF_ERROR(send(std::move(part)));
  }
  return absl::OkStatus();
}

absl::Status SplitRows(GraphBlock block, const SplitLimits& limits,
                       absl::FunctionRef<absl::Status(GraphBlock)> send) {
  int64_t total = 0;
  std::vector<Cursor> cursors;
  std::vector<int64_t> num_rows;
  for (const ColumnBlock& column : block.columns) {
    GF_ASSIGN_OR_RETURN(const Cursor cursor, CheckColumn(column, -1));
    const int64_t rows = cursor.is_string() ? static_cast<int64_t>(column.strings.size())
                         : cursor.row_bytes == 0
                             ? 0
                             : static_cast<int64_t>(column.rows.size()) / cursor.row_bytes;
    cursors.push_back(cursor);
    num_rows.push_back(rows);
    total += cursor.BytesOf(0, rows) + kOverheadBytes;
  }
  if (total <= limits.target_bytes) return send(std::move(block));

  for (size_t c = 0; c < cursors.size(); ++c) {
    Cursor& cursor = cursors[c];
    do {
      GF_ASSIGN_OR_RETURN(const int64_t rows,
                          RowsOfPart(cursor, num_rows[c] - cursor.next_row, limits));
      GraphBlock part;
      part.columns.push_back(cursor.Cut(rows));
      // Rows without bytes: their number is in sizes alone.
      if (!cursor.is_string() && cursor.row_bytes == 0) {
        part.columns.back().sizes = cursor.column->sizes;
      }
      GF_RETURN_IF_ERROR(send(std::move(part)));
    } while (cursor.next_row < num_rows[c]);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SplitBlock(GraphBlock block, bool collection, int64_t first_graph,
                        const SplitLimits& limits,
                        absl::FunctionRef<absl::Status(GraphBlock)> send) {
  return collection ? SplitGraphs(std::move(block), first_graph, limits, send)
                    : SplitRows(std::move(block), limits, send);
}

}  // namespace graphfeed::wire
