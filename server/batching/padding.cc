#include "server/batching/padding.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "server/batching/columns.h"

namespace graphfeed {
namespace {

int64_t RowsPerElement(const ColumnSchema& column) {
  return column.level == Level::kGraph ? column.rows_per_graph : 1;
}

// The default that the user gave, or the first real graph's value, or 0 where there is none.
void PadNonTensor(const ResolvedOptions& options, const ColumnSchema& column, DType dtype,
                  const MicroBatch& batch, const RowWriter& writer, int64_t num_real,
                  std::byte* block) {
  const auto& defaults = options.pad_graph_defaults;
  if (const auto it = defaults.find(column.name); it != defaults.end()) {
    writer.Pad(it->second, num_real, block);
  } else if (num_real == 0) {
    writer.Pad(0, 0, block);
  } else {
    const auto size = static_cast<int64_t>(SizeOf(dtype));
    for (int64_t g = num_real; g < batch.num_graphs; ++g) {
      std::memcpy(block + g * size, block, size);
    }
  }
}

// Self-loops on the first node of their own padding graph, or of the nearest earlier one that has
// a node. The earlier ones have the nodes: the first ones get one more.
void PadEdgeIndex(const EdgeType& type, int edge_type, DType dtype, const MicroBatch& batch,
                  std::byte* block) {
  const std::vector<int64_t>& edge_ptr = batch.edge_ptr[edge_type];
  const int64_t num_real = batch.real.graphs;
  const auto first_node = [&](int node_type, int64_t padding_graph) {
    const std::vector<int64_t>& node_ptr = batch.node_ptr[node_type];
    const int64_t padding_nodes = node_ptr.back() - node_ptr[num_real];
    return node_ptr[num_real + std::min(padding_graph, padding_nodes - 1)];
  };
  for (int64_t p = 0; num_real + p < batch.num_graphs; ++p) {
    const int64_t begin = edge_ptr[num_real + p];
    const int64_t end = edge_ptr[num_real + p + 1];
    if (begin == end) continue;
    WriteEdges(dtype, first_node(type.source, p), first_node(type.target, p), begin, end,
               edge_ptr.back(), block);
  }
}

}  // namespace

RowWriter WriterOf(const ColumnSchema& column, DType dtype, const MicroBatch& batch) {
  return RowWriter(column.dtype, dtype, column.row_elements(), column.concat_last,
                   batch.NumElements(column.level, column.type) * RowsPerElement(column));
}

void PadColumn(const Schema& schema, const ResolvedOptions& options, const ColumnSchema& column,
               DType dtype, const MicroBatch& batch, std::byte* block) {
  if (IsEdgeIndex(column)) {
    PadEdgeIndex(schema.edge_types[column.type], column.type, dtype, batch, block);
    return;
  }
  const RowWriter writer = WriterOf(column, dtype, batch);
  const int64_t num_real = batch.NumReal(column.level, column.type) * RowsPerElement(column);
  if (column.non_tensor) {
    PadNonTensor(options, column, dtype, batch, writer, num_real, block);
  } else {
    writer.Pad(PadValue(column, options), num_real, block);
  }
}

}  // namespace graphfeed
