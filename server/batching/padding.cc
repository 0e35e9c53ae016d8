#include "server/batching/padding.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "server/batching/columns.h"

namespace graphfeed {
namespace {

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

// The first node of a padding graph, or of the nearest earlier one that has a node. The earlier
// ones have the nodes: the first ones get one more.
int64_t FirstNode(const MicroBatch& batch, int node_type, int64_t padding_graph) {
  const std::vector<int64_t>& ptr = batch.node_ptr[node_type];
  const int64_t padding_nodes = ptr.back() - ptr[batch.real.graphs];
  return ptr[batch.real.graphs + std::min(padding_graph, padding_nodes - 1)];
}

// Self-loops on the first node of their own padding graph.
void PadEdgeIndex(const EdgeType& type, int edge_type, DType dtype, const MicroBatch& batch,
                  std::byte* block) {
  const std::vector<int64_t>& edge_ptr = batch.edge_ptr[edge_type];
  const int64_t num_real = batch.real.graphs;
  for (int64_t p = 0; num_real + p < batch.num_graphs; ++p) {
    const int64_t begin = edge_ptr[num_real + p];
    const int64_t end = edge_ptr[num_real + p + 1];
    if (begin == end) continue;
    WriteEdges(dtype, FirstNode(batch, type.source, p), FirstNode(batch, type.target, p), begin,
               end, edge_ptr.back(), block);
  }
}

// The first node of their own padding graph.
void PadNodeIds(const ColumnSchema& column, const MicroBatch& batch,
                const std::vector<int64_t>& row_ptr, const RowWriter& writer, std::byte* block) {
  const std::vector<std::byte> zeros(static_cast<size_t>(column.row_bytes()));
  std::vector<int64_t> shift(static_cast<size_t>(column.row_elements()));
  for (int64_t p = 0; batch.real.graphs + p < batch.num_graphs; ++p) {
    const int64_t begin = row_ptr[batch.real.graphs + p];
    const int64_t end = row_ptr[batch.real.graphs + p + 1];
    for (size_t j = 0; begin < end && j < shift.size(); ++j) {
      shift[j] = FirstNode(batch, column.index_types[column.index_types.size() == 1 ? 0 : j], p);
    }
    for (int64_t row = begin; row < end; ++row) {
      writer.WriteShifted(zeros.data(), 1, row, shift.data(), block);
    }
  }
}

}  // namespace

RowWriter WriterOf(const ColumnSchema& column, const TensorSpec& tensor, const MicroBatch& batch) {
  return RowWriter(column.dtype, tensor.dtype, column.row_elements(), column.concat_last,
                   batch.NumRows(tensor));
}

void PadColumn(const Schema& schema, const ResolvedOptions& options, const ColumnSchema& column,
               const TensorSpec& tensor, const MicroBatch& batch, std::byte* block) {
  if (IsEdgeIndex(column)) {
    PadEdgeIndex(schema.edge_types[column.type], column.type, tensor.dtype, batch, block);
    return;
  }
  const RowWriter writer = WriterOf(column, tensor, batch);
  if (column.varying() && !column.index_types.empty()) {
    PadNodeIds(column, batch, batch.row_ptr[tensor.type], writer, block);
    return;
  }
  const int64_t num_real = batch.NumRealRows(tensor);
  if (column.non_tensor) {
    PadNonTensor(options, column, tensor.dtype, batch, writer, num_real, block);
  } else {
    writer.Pad(PadValue(column, options), num_real, block);
  }
}

}  // namespace graphfeed
