#ifndef GRAPHFEED_TESTS_STORAGE_CHUNKS_COLUMN_BLOCKS_H_
#define GRAPHFEED_TESTS_STORAGE_CHUNKS_COLUMN_BLOCKS_H_

// Blocks of hand-made columns.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "storage/graph/graph_block.h"

namespace graphfeed {

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

inline ColumnBlock Column(std::string name, DType dtype, std::vector<int64_t> row_shape,
                          std::vector<int64_t> sizes, std::string rows) {
  ColumnBlock column;
  column.name = std::move(name);
  column.dtype = dtype;
  column.row_shape = std::move(row_shape);
  column.sizes = std::move(sizes);
  column.rows = std::move(rows);
  return column;
}

template <typename T>
ColumnBlock Column(std::string name, DType dtype, std::vector<int64_t> row_shape,
                   std::vector<int64_t> sizes, const std::vector<T>& values) {
  return Column(std::move(name), dtype, std::move(row_shape), std::move(sizes), Bytes(values));
}

inline ColumnBlock EdgeIndex(std::vector<int64_t> sizes, std::vector<int64_t> ends) {
  ColumnBlock column = Column("edge_index", DType::kInt64, {2}, std::move(sizes), Bytes(ends));
  column.concat_last = true;
  return column;
}

// A block of homogeneous graphs of the given sizes; edges are to be added as a column.
inline GraphBlock Graphs(std::vector<int64_t> num_nodes, std::vector<int64_t> num_edges,
                         std::vector<ColumnBlock> columns) {
  GraphBlock block;
  block.num_graphs = static_cast<int64_t>(num_nodes.size());
  block.num_nodes = {std::move(num_nodes)};
  block.num_edges = {std::move(num_edges)};
  block.columns = std::move(columns);
  return block;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_CHUNKS_COLUMN_BLOCKS_H_
