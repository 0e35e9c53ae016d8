#ifndef GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_H_
#define GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace graphfeed {

// A part of a single graph, as a sampler found it: the content of one batch before any padding.
// Vectors keep their memory when a Subgraph is used again.
struct Subgraph {
  struct Edges {
    // Ends as places in `nodes` of the edge type's source and target type.
    std::vector<int32_t> source;
    std::vector<int32_t> target;
    std::vector<int64_t> edge_id;  // rows of the dataset's edge columns

    // Leaves the edges i for which keep(i) is true, in their order, at most `limit` of them.
    template <typename Keep>
    void KeepIf(Keep keep, size_t limit = SIZE_MAX) {
      size_t kept = 0;
      for (size_t i = 0; i < source.size() && kept < limit; ++i) {
        if (!keep(i)) continue;
        source[kept] = source[i];
        target[kept] = target[i];
        edge_id[kept] = edge_id[i];
        ++kept;
      }
      source.resize(kept);
      target.resize(kept);
      edge_id.resize(kept);
    }
  };

  // By node type: ids in the dataset. The seeds come first, in their order, then nodes in the
  // order of their discovery; without repeats but for repeated seeds and, in disjoint subgraphs,
  // for nodes of different trees. A repeated seed stays at all its places and has in-edges of its
  // own at each; edges from it start at its first place.
  std::vector<std::vector<int64_t>> nodes;
  std::vector<Edges> edges;  // by edge type
  // Disjoint subgraphs only, by node type: the seed whose tree the node belongs to.
  std::vector<std::vector<int32_t>> tree;
  std::vector<int64_t> num_seeds;  // by node type

  void Clear(size_t num_node_types, size_t num_edge_types);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_H_
