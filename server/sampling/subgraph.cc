#include "server/sampling/subgraph.h"

namespace graphfeed {

void Subgraph::Clear(size_t num_node_types, size_t num_edge_types) {
  nodes.resize(num_node_types);
  for (std::vector<int64_t>& list : nodes) list.clear();
  edges.resize(num_edge_types);
  for (Edges& list : edges) {
    list.source.clear();
    list.target.clear();
    list.edge_id.clear();
  }
  tree.resize(num_node_types);
  for (std::vector<int32_t>& list : tree) list.clear();
  num_seeds.assign(num_node_types, 0);
}

}  // namespace graphfeed
