#ifndef GRAPHFEED_TESTS_SERVER_SAMPLING_SAMPLING_GRAPHS_H_
#define GRAPHFEED_TESTS_SERVER_SAMPLING_SAMPLING_GRAPHS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "server/sampling/graph_view.h"
#include "server/sampling/neighbor_sampler.h"
#include "tests/support/memory_features.h"
#include "tests/support/memory_graph.h"

namespace graphfeed {

using EdgeList = MemoryGraph::EdgeList;

// A graph to sample from, all in memory. Columns are added before Finish.
struct TestGraph {
  TestGraph(Schema graph_schema, std::vector<int64_t> node_counts, std::vector<EdgeList> edge_lists)
      : schema(std::move(graph_schema)),
        num_nodes(std::move(node_counts)),
        edges(std::move(edge_lists)),
        store(schema, num_nodes, edges),
        features(std::make_unique<MemoryDataset>(schema)) {}

  // Adds a column; its values follow with features->Append, then Finish.
  int AddColumn(ColumnSchema column) {
    schema.columns.push_back(std::move(column));
    features = std::make_unique<MemoryDataset>(schema);
    return static_cast<int>(schema.columns.size()) - 1;
  }
  void Finish() {
    std::vector<int64_t> num_edges;
    for (const EdgeList& list : edges) num_edges.push_back(static_cast<int64_t>(list.size()));
    features->AddGraph(num_nodes, num_edges);
    features->Finish();
  }

  GraphView view() { return {schema, store, *features}; }

  // The in-edges of a node in position order: ids.
  std::vector<int64_t> InEdges(int edge_type, int64_t node) const {
    std::vector<int64_t> ids;
    for (size_t i = 0; i < edges[edge_type].size(); ++i) {
      if (edges[edge_type][i].second == node) ids.push_back(static_cast<int64_t>(i));
    }
    return ids;
  }

  Schema schema;
  std::vector<int64_t> num_nodes;
  std::vector<EdgeList> edges;
  MemoryGraph store;
  std::unique_ptr<MemoryDataset> features;
};

inline Schema HeteroSchema(std::vector<std::string> node_types, std::vector<EdgeType> edge_types) {
  Schema schema;
  schema.collection = false;
  schema.heterogeneous = true;
  schema.node_types = std::move(node_types);
  schema.edge_types = std::move(edge_types);
  return schema;
}

inline TestGraph HomogeneousGraph(int64_t num_nodes, EdgeList edges) {
  return TestGraph(Schema::Homogeneous(false), {num_nodes}, {std::move(edges)});
}

// Node 0 with the in-neighbours 1 to `degree`; nodes without any other edge.
inline TestGraph Star(int64_t degree) {
  EdgeList edges;
  for (int64_t i = 1; i <= degree; ++i) edges.emplace_back(i, 0);
  return HomogeneousGraph(degree + 1, std::move(edges));
}

// Four node types (one empty, one without edges of its own into it), six edge types (one without
// edges), with self-loops, parallel edges, isolated nodes and two hubs.
inline TestGraph RandomHeteroGraph(uint32_t seed) {
  std::mt19937 random(seed);
  const Schema schema = HeteroSchema(
      {"a", "b", "empty", "c"},
      {{0, "to", 0}, {1, "to", 0}, {0, "rev_to", 1}, {3, "has", 1}, {2, "none", 0}, {0, "few", 0}});
  const std::vector<int64_t> num_nodes = {40, 25, 0, 7};
  std::vector<EdgeList> edges(schema.edge_types.size());
  const std::vector<int> counts = {160, 90, 60, 30, 0, 5};
  for (size_t e = 0; e < edges.size(); ++e) {
    const EdgeType& type = schema.edge_types[e];
    for (int i = 0; i < counts[e]; ++i) {
      const int64_t source = random() % num_nodes[type.source];
      // A quarter of the edges goes into node 0; the last three nodes are isolated.
      const int64_t target = random() % 4 == 0 ? 0 : random() % (num_nodes[type.target] - 3);
      edges[e].emplace_back(source, target);
      if (random() % 8 == 0) edges[e].emplace_back(source, target);
      if (type.source == type.target && random() % 10 == 0) edges[e].emplace_back(target, target);
    }
  }
  return TestGraph(schema, num_nodes, std::move(edges));
}

// Samples one batch; a failure is a failed test.
inline Subgraph SampleOnce(const NeighborSampler& sampler, const Seeds& seeds, uint64_t batch = 0,
                           uint64_t seed = 1, int64_t epoch = 0) {
  Subgraph subgraph;
  const absl::Status status =
      sampler.Sample(seed, epoch, batch, seeds, *sampler.NewScratch(), subgraph);
  EXPECT_TRUE(status.ok()) << status;
  return subgraph;
}

inline std::unique_ptr<NeighborSampler> MakeSampler(TestGraph& graph,
                                                    NeighborSamplerOptions options) {
  auto sampler = NeighborSampler::Create(graph.view(), std::move(options));
  EXPECT_TRUE(sampler.ok()) << sampler.status();
  return sampler.ok() ? *std::move(sampler) : nullptr;
}

// All edge types alike.
inline std::vector<std::vector<int64_t>> FanOuts(const TestGraph& graph,
                                                 const std::vector<int64_t>& hops) {
  return std::vector<std::vector<int64_t>>(graph.schema.edge_types.size(), hops);
}

inline bool SameSubgraph(const Subgraph& a, const Subgraph& b) {
  if (a.nodes != b.nodes || a.tree != b.tree || a.num_seeds != b.num_seeds ||
      a.edges.size() != b.edges.size()) {
    return false;
  }
  for (size_t e = 0; e < a.edges.size(); ++e) {
    if (a.edges[e].source != b.edges[e].source || a.edges[e].target != b.edges[e].target ||
        a.edges[e].edge_id != b.edges[e].edge_id) {
      return false;
    }
  }
  return true;
}

// Every edge of the subgraph is the graph's edge of that id.
inline void ExpectEdgesOfGraph(const TestGraph& graph, const Subgraph& subgraph) {
  for (size_t e = 0; e < subgraph.edges.size(); ++e) {
    const Subgraph::Edges& edges = subgraph.edges[e];
    const EdgeType& type = graph.schema.edge_types[e];
    ASSERT_EQ(edges.source.size(), edges.target.size());
    ASSERT_EQ(edges.source.size(), edges.edge_id.size());
    for (size_t i = 0; i < edges.source.size(); ++i) {
      const auto& [source, target] = graph.edges[e].at(edges.edge_id[i]);
      ASSERT_EQ(subgraph.nodes[type.source].at(edges.source[i]), source);
      ASSERT_EQ(subgraph.nodes[type.target].at(edges.target[i]), target);
    }
  }
}

// Where Pearson's statistic of `degrees` degrees of freedom (approximately normal) is no longer a
// matter of chance: five standard deviations above its mean.
inline double ChiSquareLimit(double degrees) { return degrees + 5 * std::sqrt(2 * degrees) + 10; }

// Pearson's statistic of counts against expected counts.
inline double ChiSquare(const std::vector<int64_t>& counts, const std::vector<double>& expected) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double difference = static_cast<double>(counts[i]) - expected[i];
    sum += difference * difference / expected[i];
  }
  return sum;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SERVER_SAMPLING_SAMPLING_GRAPHS_H_
