// What a batch takes is bounded, however it is sampled.
#include "server/sampling/edge_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/sampling/cluster_union.h"
#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

constexpr int64_t kNodes = 5;

// All 20 edges between different nodes, with times, weights and clusters.
TestGraph CompleteGraph() {
  EdgeList edges;
  for (int64_t source = 0; source < kNodes; ++source) {
    for (int64_t target = 0; target < kNodes; ++target) {
      if (source != target) edges.emplace_back(source, target);
    }
  }
  TestGraph graph = HomogeneousGraph(kNodes, edges);
  graph.AddColumn(NodeColumn("time", DType::kInt64));
  graph.AddColumn(NodeColumn("part", DType::kInt64));
  graph.AddColumn(EdgeColumn("weight", DType::kFloat32));
  graph.features->Append("time", std::vector<int64_t>(kNodes, 0));
  graph.features->Append("part", std::vector<int64_t>{0, 0, 0, 1, 1});
  graph.features->Append("weight", std::vector<float>(edges.size(), 1));
  graph.Finish();
  return graph;
}

void ExpectRefused(const absl::Status& status, int64_t limit) {
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("edges of 'node|to|node'"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a batch holds at most " + std::to_string(limit)));
}

// `taken` edges are taken with a limit of as many, and not with one less.
void ExpectBounded(TestGraph& graph, NeighborSamplerOptions options,
                   const std::vector<int64_t>& seeds, size_t taken) {
  options.max_edges = static_cast<int64_t>(taken);
  EXPECT_EQ(SampleOnce(*MakeSampler(graph, options), {.nodes = seeds}).edges[0].source.size(),
            taken);
  options.max_edges -= 1;
  const auto sampler = MakeSampler(graph, options);
  Subgraph subgraph;
  ExpectRefused(sampler->Sample(1, 0, 0, {.nodes = seeds}, *sampler->NewScratch(), subgraph),
                options.max_edges);
}

TEST(EdgeLimitTest, HoldsForEverySubgraphType) {
  TestGraph graph = CompleteGraph();
  ExpectBounded(graph, {.num_neighbors = {{4}}}, {0}, 4);
  ExpectBounded(graph, {.num_neighbors = {{-1, -1}}}, {0}, 20);
  ExpectBounded(graph, {.num_neighbors = {{30}}, .replace = true}, {0}, 30);
  ExpectBounded(graph, {.num_neighbors = {{4}}, .subgraph_type = SubgraphType::kInduced}, {0}, 20);
  ExpectBounded(graph, {.num_neighbors = {{4}}, .subgraph_type = SubgraphType::kBidirectional}, {0},
                8);
}

TEST(EdgeLimitTest, HoldsForTreesTimesAndWeights) {
  TestGraph graph = CompleteGraph();
  ExpectBounded(graph, {.num_neighbors = {{-1}}, .disjoint = true}, {0, 0, 0}, 12);
  ExpectBounded(
      graph, {.num_neighbors = {{-1}}, .subgraph_type = SubgraphType::kInduced, .disjoint = true},
      {0, 1}, 40);
  for (const TemporalStrategy strategy : {TemporalStrategy::kUniform, TemporalStrategy::kLast}) {
    ExpectBounded(graph,
                  {.num_neighbors = {{-1}}, .time_columns = {0}, .temporal_strategy = strategy},
                  {0, 0, 0}, 12);
  }
  ExpectBounded(graph, {.num_neighbors = {{-1}}, .disjoint = true, .weight_columns = {2}},
                {0, 0, 0}, 12);
  ExpectBounded(graph, {.num_neighbors = {{30}}, .replace = true, .weight_columns = {2}}, {0}, 30);
}

TEST(EdgeLimitTest, HoldsForClusters) {
  TestGraph graph = CompleteGraph();
  auto clusters = Clusters::Read(graph.view(), 1);
  ASSERT_TRUE(clusters.ok()) << clusters.status();
  Subgraph subgraph;
  EXPECT_TRUE(UniteClusters(graph.view(), *clusters, {0, 1}, subgraph, 20).ok());
  EXPECT_EQ(subgraph.edges[0].source.size(), 20u);
  ExpectRefused(UniteClusters(graph.view(), *clusters, {0, 1}, subgraph, 19), 19);
  EXPECT_TRUE(UniteClusters(graph.view(), *clusters, {0}, subgraph, 19).ok());
}

}  // namespace
}  // namespace graphfeed
