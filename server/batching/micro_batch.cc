#include "server/batching/micro_batch.h"

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

void MicroBatch::Start(const GraphOffsets& offsets) {
  const size_t num_node_types = offsets.node_ptr.size();
  const size_t num_edge_types = offsets.edge_ptr.size();
  node_ptr.resize(num_node_types);
  edge_ptr.resize(num_edge_types);
  node_survivors.assign(num_node_types, Survivors());
  edge_survivors.assign(num_edge_types, Survivors());
  // The scratch may have held a sampled batch before.
  real.graphs = num_real_graphs();
  real.seeds = 0;
  real.labels = 0;
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
}

void MicroBatch::AddPadding(const ResolvedOptions& options) {
  const int64_t num_padding_graphs = options.num_graphs - num_real_graphs();
  for (size_t t = 0; t < node_ptr.size(); ++t) {
    PadPtr(num_padding_graphs, options.num_nodes[t], node_ptr[t]);
  }
  for (size_t r = 0; r < edge_ptr.size(); ++r) {
    PadPtr(num_padding_graphs, options.num_edges[r], edge_ptr[r]);
  }
}

}  // namespace graphfeed
