#include "server/sampling/subgraph_bound.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "server/sampling/closure.h"

namespace graphfeed {
namespace {

constexpr int64_t kMost = int64_t{1} << 62;

int64_t Add(int64_t a, int64_t b) { return a > kMost - b ? kMost : a + b; }

int64_t Multiply(int64_t a, int64_t b) {
  int64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) || product > kMost ? kMost : product;
}

// The nodes of the largest clusters that a batch can hold, and all edges.
Counts LargestUnion(const DatasetInfo& dataset, const ResolvedSpec& spec,
                    const Clusters& clusters) {
  std::vector<int64_t> sizes;
  for (size_t c = 0; c + 1 < clusters.ptr.size(); ++c) {
    sizes.push_back(clusters.ptr[c + 1] - clusters.ptr[c]);
  }
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  Counts counts{.graphs = 1, .nodes = {0}, .edges = dataset.num_edges};
  const auto most = std::min(static_cast<size_t>(spec.batch_size), sizes.size());
  for (size_t i = 0; i < most; ++i) counts.nodes[0] += sizes[i];
  counts.seeds = spec.batch_size;
  return counts;
}

}  // namespace

Counts LargestSubgraph(const DatasetInfo& dataset, const ResolvedSpec& spec, const SeedSet& seeds) {
  const Schema& schema = dataset.schema;
  const ResolvedSampling& sampling = *spec.sampling;
  if (sampling.partition >= 0) return LargestUnion(dataset, spec, seeds.clusters());

  Counts counts{.graphs = 1,
                .nodes = std::vector<int64_t>(schema.node_types.size(), 0),
                .edges = std::vector<int64_t>(schema.edge_types.size(), 0)};
  counts.seeds = spec.batch_size;
  // Nodes are once in a batch, but for repeated seeds and in trees.
  std::vector<int64_t> frontier(schema.node_types.size(), 0);
  int64_t trees = spec.batch_size;
  if (sampling.links.has_value()) {
    const ResolvedLinks& links = *sampling.links;
    const EdgeType& type = schema.edge_types[links.edge_type];
    const int64_t negatives = links.negative_mode == NegativeMode::kTriplet
                                  ? Multiply(spec.batch_size, links.negatives_per_seed())
                                  : links.NumNegatives(spec.batch_size);
    counts.labels = links.NumLabels(spec.batch_size);
    trees = Add(spec.batch_size, negatives);
    frontier[type.source] = Add(frontier[type.source], trees);
    frontier[type.target] = Add(frontier[type.target], trees);
  } else {
    frontier[sampling.input_type] = spec.batch_size;
  }
  // How often the in-edges of one node can be in a batch.
  const bool repeats = !sampling.links.has_value() && spec.selection.kind == Selection::Kind::kIds;
  const int64_t copies = sampling.disjoint || repeats ? trees : 1;
  const size_t hops = sampling.num_neighbors.empty() ? 0 : sampling.num_neighbors[0].size();
  for (size_t hop = 0; hop <= hops; ++hop) {
    for (size_t t = 0; t < frontier.size(); ++t) {
      counts.nodes[t] = Add(counts.nodes[t], frontier[t]);
      if (sampling.disjoint || hop == 0) continue;
      counts.nodes[t] = std::min(counts.nodes[t], Add(dataset.num_nodes[t], spec.batch_size));
    }
    if (hop == hops) break;
    std::vector<int64_t> next(frontier.size(), 0);
    for (size_t r = 0; r < schema.edge_types.size(); ++r) {
      const int64_t fan_out = sampling.num_neighbors[r][hop];
      const EdgeType& type = schema.edge_types[r];
      const int64_t all = Multiply(dataset.num_edges[r], copies);
      int64_t taken = fan_out < 0 ? all : Multiply(frontier[type.target], fan_out);
      if (!sampling.replace) taken = std::min(taken, all);
      counts.edges[r] = Add(counts.edges[r], taken);
      next[type.source] = Add(next[type.source], taken);
    }
    frontier = std::move(next);
    for (size_t t = 0; t < frontier.size() && !sampling.disjoint; ++t) {
      frontier[t] = std::min(frontier[t], dataset.num_nodes[t]);
    }
  }
  if (sampling.subgraph_type == SubgraphType::kInduced) {
    for (size_t r = 0; r < counts.edges.size(); ++r) {
      counts.edges[r] = Multiply(dataset.num_edges[r], copies);
    }
  } else if (sampling.subgraph_type == SubgraphType::kBidirectional) {
    const std::vector<int> reverse = ReverseEdgeTypes(schema);
    const std::vector<int64_t> sampled = counts.edges;
    for (size_t r = 0; r < reverse.size(); ++r) {
      if (reverse[r] >= 0) counts.edges[reverse[r]] = Add(counts.edges[reverse[r]], sampled[r]);
    }
  }
  return counts;
}

}  // namespace graphfeed
