#include "server/batching/graph_batch.h"

#include <cstddef>

#include "absl/types/span.h"

namespace graphfeed {
namespace {

void StartPtr(absl::Span<const int64_t> stored, const std::vector<int64_t>& graphs,
              std::vector<int64_t>& ptr) {
  ptr.resize(graphs.size() + 1);
  int64_t end = 0;
  for (size_t i = 0; i < graphs.size(); ++i) {
    ptr[i] = end;
    end += stored[graphs[i] + 1] - stored[graphs[i]];
  }
  ptr[graphs.size()] = end;
}

}  // namespace

void GraphBatch::Start(const GraphOffsets& offsets, const std::vector<int>& row_columns) {
  const size_t num_node_types = offsets.node_ptr.size();
  const size_t num_edge_types = offsets.edge_ptr.size();
  node_ptr.resize(num_node_types);
  edge_ptr.resize(num_edge_types);
  node_survivors.assign(num_node_types, Survivors());
  edge_survivors.assign(num_edge_types, Survivors());
  num_graphs = real.graphs = static_cast<int64_t>(graphs.size());
  real.nodes.resize(num_node_types);
  real.edges.resize(num_edge_types);
  for (size_t t = 0; t < num_node_types; ++t) {
    StartPtr(offsets.node_ptr[t], graphs, node_ptr[t]);
    real.nodes[t] = node_ptr[t].back();
  }
  for (size_t r = 0; r < num_edge_types; ++r) {
    StartPtr(offsets.edge_ptr[r], graphs, edge_ptr[r]);
    real.edges[r] = edge_ptr[r].back();
  }
  row_ptr.resize(row_columns.size());
  real.rows.resize(row_columns.size());
  for (size_t i = 0; i < row_columns.size(); ++i) {
    StartPtr(offsets.row_ptr[row_columns[i]], graphs, row_ptr[i]);
    real.rows[i] = row_ptr[i].back();
  }
}

}  // namespace graphfeed
