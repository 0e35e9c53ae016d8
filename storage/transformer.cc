#include "storage/transformer.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/element_access.h"
#include "storage/graph/status_macros.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kEdgeIndex = "edge_index";

}  // namespace

absl::Status Transformer::Init() {
  if (block_.num_nodes.size() != 1 || block_.num_edges.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("transforms take homogeneous graphs; the block has ", block_.num_nodes.size(),
                     " node types and ", block_.num_edges.size(), " edge types"));
  }
  for (const auto* counts : {&block_.num_nodes[0], &block_.num_edges[0]}) {
    if (static_cast<int64_t>(counts->size()) != block_.num_graphs) {
      return absl::InvalidArgumentError(absl::StrCat("transforms take whole graphs; the block has ",
                                                     block_.num_graphs, " graphs, but sizes of ",
                                                     counts->size()));
    }
    for (const int64_t count : *counts) {
      if (count < 0) return absl::InvalidArgumentError(absl::StrCat("a size is negative: ", count));
    }
  }
  columns_.reserve(block_.columns.size());
  for (ColumnBlock& column : block_.columns) GF_RETURN_IF_ERROR(InitColumn(column));
  if (edge_index_ < 0) return absl::OkStatus();

  const Column& column = columns_[edge_index_];
  if (!IsInteger(column.block->dtype) || column.row_elements != 2) {
    return absl::InvalidArgumentError(
        "edge_index must have an integer dtype and two elements an edge");
  }
  return absl::OkStatus();
}

absl::Status Transformer::InitColumn(ColumnBlock& block) {
  const auto broken = [&](auto... what) {
    return absl::InvalidArgumentError(absl::StrCat("column ", block.name, ": ", what...));
  };
  Column column{.block = &block};
  if (!block.sizes.empty() && static_cast<int64_t>(block.sizes.size()) != block_.num_graphs) {
    return broken(block.sizes.size(), " sizes for ", block_.num_graphs, " graphs");
  }
  int64_t rows = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    const int64_t size = Rows(column, g);
    if (size < 0 || __builtin_add_overflow(rows, size, &rows)) {
      return broken("graph ", g, " cannot have ", size, " rows");
    }
  }
  for (const int64_t dim : block.row_shape) {
    if (dim < 0 || __builtin_mul_overflow(column.row_elements, dim, &column.row_elements)) {
      return broken("the row shape has an impossible dimension ", dim);
    }
  }
  if (block.dtype == DType::kString) {
    if (static_cast<int64_t>(block.strings.size()) != rows) {
      return broken(block.strings.size(), " strings for ", rows, " rows");
    }
  } else {
    int64_t bytes = 0;
    if (__builtin_mul_overflow(column.row_elements, static_cast<int64_t>(SizeOf(block.dtype)),
                               &column.row_bytes) ||
        __builtin_mul_overflow(column.row_bytes, rows, &bytes) ||
        static_cast<int64_t>(block.rows.size()) != bytes) {
      return broken(block.rows.size(), " bytes for ", rows, " rows of ", column.row_bytes);
    }
  }
  column.level = InferLevel(block);
  if (block.name == kEdgeIndex) edge_index_ = static_cast<int>(columns_.size());
  columns_.push_back(column);
  const auto* counts = column.level == Level::kNode   ? &block_.num_nodes[0]
                       : column.level == Level::kEdge ? &block_.num_edges[0]
                                                      : nullptr;
  for (int64_t g = 0; counts != nullptr && g < block_.num_graphs; ++g) {
    if (Rows(column, g) != (*counts)[g]) {
      return broken(LevelName(column.level), " level, but graph ", g, " has ", (*counts)[g], " ",
                    LevelName(column.level), "s and the column ", Rows(column, g), " rows");
    }
  }
  return absl::OkStatus();
}

Level Transformer::InferLevel(const ColumnBlock& column) const {
  if (column.level.has_value()) return *column.level;
  if (column.name == kEdgeIndex) return Level::kEdge;
  if (column.dtype == DType::kString || column.zero_dim || column.non_tensor) return Level::kGraph;
  bool node = true;
  bool edge = true;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    const int64_t rows = column.sizes.empty() ? 1 : column.sizes[g];
    node = node && rows == block_.num_nodes[0][g];
    edge = edge && rows == block_.num_edges[0][g];
  }
  if (node && edge) return absl::StrContains(column.name, "edge") ? Level::kEdge : Level::kNode;
  return node ? Level::kNode : edge ? Level::kEdge : Level::kGraph;
}

bool Transformer::IsIndexColumn(const Column& column) {
  const ColumnBlock& block = *column.block;
  return IsInteger(block.dtype) && block.name != kEdgeIndex &&
         (absl::StrContains(block.name, "index") || block.name == "face");
}

absl::Status Transformer::RequireEdgeIndex(absl::string_view transform) const {
  if (edge_index_ >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(transform, ": the graphs have no column edge_index"));
}

absl::Status Transformer::RequireNoStrings(absl::string_view transform, Level level) const {
  for (const Column& column : columns_) {
    if (column.block->dtype == DType::kString && column.level == level) {
      return absl::InvalidArgumentError(absl::StrCat(transform, " cannot change the string column ",
                                                     column.block->name, " of ", LevelName(level),
                                                     " level"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Transformer::Edge>> Transformer::ReadEdges(int64_t graph,
                                                                      int64_t first) const {
  const Column& column = columns_[edge_index_];
  const DType dtype = column.block->dtype;
  const char* row = column.block->rows.data() + first * column.row_bytes;
  std::vector<Edge> edges(block_.num_edges[0][graph]);
  const int64_t limit = block_.num_nodes[0][graph];
  for (size_t e = 0; e < edges.size(); ++e, row += column.row_bytes) {
    edges[e] = {LoadInt(dtype, row), LoadInt(dtype, row + SizeOf(dtype)), static_cast<int64_t>(e)};
    for (const int64_t node : {edges[e].source, edges[e].target}) {
      if (node < 0 || node >= limit) {
        return absl::InvalidArgumentError(absl::StrCat("graph ", graph, ": edge ", e,
                                                       " of edge_index names node ", node,
                                                       "; the graph has ", limit, " nodes"));
      }
    }
  }
  return edges;
}

absl::Status Transformer::AppendEndpoints(absl::string_view transform, int64_t graph,
                                          int64_t source, int64_t target, std::string& rows) const {
  const DType dtype = columns_[edge_index_].block->dtype;
  char bytes[2 * sizeof(int64_t)];
  if (!StoreInt(dtype, source, bytes) || !StoreInt(dtype, target, bytes + SizeOf(dtype))) {
    return absl::InvalidArgumentError(absl::StrCat(transform, ": edge_index is ", DTypeName(dtype),
                                                   ", which cannot hold edge (", source, ", ",
                                                   target, ") of graph ", graph));
  }
  rows.append(bytes, 2 * SizeOf(dtype));
  return absl::OkStatus();
}

}  // namespace graphfeed
