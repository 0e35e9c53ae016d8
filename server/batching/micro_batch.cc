#include "server/batching/micro_batch.h"

#include <cstddef>

namespace graphfeed {
namespace {

void PadPtr(int64_t num_padding_graphs, int64_t padded, std::vector<int64_t>& ptr) {
  if (num_padding_graphs == 0) return;
  const int64_t padding = padded - ptr.back();
  const int64_t each = padding / num_padding_graphs;
  const int64_t with_one_more = padding % num_padding_graphs;
  int64_t end = ptr.back();
  for (int64_t p = 0; p < num_padding_graphs; ++p) {
    end += each + (p < with_one_more ? 1 : 0);
    ptr.push_back(end);
  }
}

}  // namespace

void MicroBatch::AddPadding(const ResolvedOptions& options) {
  const int64_t num_padding_graphs = options.num_graphs - real.graphs;
  num_graphs = options.num_graphs;
  for (size_t t = 0; t < node_ptr.size(); ++t) {
    PadPtr(num_padding_graphs, options.num_nodes[t], node_ptr[t]);
  }
  for (size_t r = 0; r < edge_ptr.size(); ++r) {
    PadPtr(num_padding_graphs, options.num_edges[r], edge_ptr[r]);
  }
  auto num_rows = options.num_rows.begin();
  for (std::vector<int64_t>& ptr : row_ptr) PadPtr(num_padding_graphs, (num_rows++)->second, ptr);
}

int64_t MicroBatch::NumReal(Level level, int type) const {
  if (level == Level::kGraph) return real.graphs;
  return level == Level::kNode ? real.nodes[type] : real.edges[type];
}

int64_t MicroBatch::NumRows(const TensorSpec& column) const {
  switch (column.axis) {
    case Axis::kNodes:
      return node_ptr[column.type].back();
    case Axis::kEdges:
      return edge_ptr[column.type].back();
    case Axis::kRows:
      return row_ptr[column.type].back();
    default:
      return num_graphs * column.axis_scale;
  }
}

}  // namespace graphfeed
