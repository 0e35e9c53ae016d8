// Induced and bidirectional subgraphs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "server/sampling/closure.h"
#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

TEST(InducedTest, HasAllEdgesBetweenTheSampledNodes) {
  // 2 -> 0 is sampled; 0 -> 2, 2 -> 2 and 0 -> 0 lie between the nodes, 3 does not.
  TestGraph graph = HomogeneousGraph(4, {{0, 2}, {3, 2}, {2, 0}, {2, 2}, {0, 0}, {2, 3}});
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{1}}, .subgraph_type = SubgraphType::kInduced});
  const std::vector<int64_t> seeds = {2};
  bool saw_other = false;
  for (uint64_t batch = 0; batch < 20; ++batch) {
    const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds}, batch);
    if (subgraph.nodes[0] != std::vector<int64_t>{2, 0}) {
      saw_other = true;
      continue;
    }
    EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{0, 3, 2, 4}));
    EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{1, 0, 0, 1}));
    EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{0, 0, 1, 1}));
  }
  EXPECT_TRUE(saw_other);
}

TEST(InducedTest, WithoutHopsItIsTheSubgraphOfANodeList) {
  TestGraph graph = HomogeneousGraph(4, {{0, 1}, {1, 2}, {2, 3}, {3, 0}, {1, 0}});
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{}}, .subgraph_type = SubgraphType::kInduced});
  const std::vector<int64_t> nodes = {1, 3, 0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = nodes});
  EXPECT_EQ(subgraph.nodes[0], nodes);
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{0, 3, 4}));
}

// Against every edge of the graph, looked at one by one.
TEST(InducedTest, EqualsBruteForce) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    TestGraph graph = RandomHeteroGraph(seed);
    for (const bool disjoint : {false, true}) {
      const auto sampler = MakeSampler(graph, {.num_neighbors = FanOuts(graph, {3, 2}),
                                               .subgraph_type = SubgraphType::kInduced,
                                               .disjoint = disjoint});
      const auto directional =
          MakeSampler(graph, {.num_neighbors = FanOuts(graph, {3, 2}), .disjoint = disjoint});
      const std::vector<int64_t> seeds = {0, 7, 39, 7, 12};
      const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds}, seed);
      EXPECT_EQ(subgraph.nodes, SampleOnce(*directional, {.nodes = seeds}, seed).nodes);
      ExpectEdgesOfGraph(graph, subgraph);
      for (size_t e = 0; e < graph.edges.size(); ++e) {
        const EdgeType& type = graph.schema.edge_types[e];
        const std::vector<int64_t>& sources = subgraph.nodes[type.source];
        const std::vector<int64_t>& targets = subgraph.nodes[type.target];
        std::vector<std::tuple<int32_t, int64_t, int32_t>> expected;  // target, id, source
        for (size_t target = 0; target < targets.size(); ++target) {
          for (const int64_t id : graph.InEdges(static_cast<int>(e), targets[target])) {
            for (size_t source = 0; source < sources.size(); ++source) {
              if (sources[source] != graph.edges[e][id].first) continue;
              if (disjoint &&
                  subgraph.tree[type.source][source] != subgraph.tree[type.target][target]) {
                continue;
              }
              expected.emplace_back(target, id, source);
              break;  // a repeated seed is a source at its first place
            }
          }
        }
        std::vector<std::tuple<int32_t, int64_t, int32_t>> actual;
        for (size_t i = 0; i < subgraph.edges[e].source.size(); ++i) {
          actual.emplace_back(subgraph.edges[e].target[i], subgraph.edges[e].edge_id[i],
                              subgraph.edges[e].source[i]);
        }
        EXPECT_EQ(actual, expected) << "graph " << seed << " edge type " << e;
      }
    }
  }
}

TEST(InducedTest, HubsLargerThanAGroupOfEdgesAreReadInPieces) {
  EdgeList edges;
  for (int64_t i = 0; i < 200000; ++i) edges.emplace_back(1 + i % 50000, 0);
  for (int64_t i = 0; i < 3; ++i) edges.emplace_back(0, 49999 + i - 1);
  TestGraph graph = HomogeneousGraph(50002, edges);
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{}}, .subgraph_type = SubgraphType::kInduced});
  const std::vector<int64_t> nodes = {50000, 0, 49999};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = nodes});
  ExpectEdgesOfGraph(graph, subgraph);
  // 0 -> 50000, then four times 49999 -> 0 and 50000 -> 0 in position order, then 0 -> 49999.
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{1, 2, 0, 2, 0, 2, 0, 2, 0, 1}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{0, 1, 1, 1, 1, 1, 1, 1, 1, 2}));
}

TEST(ReverseEdgeTypesTest, PairsAsPygDoes) {
  const Schema schema = HeteroSchema({"a", "b"}, {{0, "to", 1},
                                                  {1, "rev_to", 0},
                                                  {0, "self", 0},
                                                  {0, "loop", 0},
                                                  {0, "rev_loop", 0},
                                                  {1, "likes", 0},
                                                  {0, "likes", 1}});
  EXPECT_EQ(ReverseEdgeTypes(schema), (std::vector<int>{1, 0, 2, 4, 3, -1, -1}));
  // Without names: the only type that leads back.
  EXPECT_EQ(ReverseEdgeTypes(HeteroSchema({"a", "b"}, {{0, "to", 1}, {1, "to", 0}})),
            (std::vector<int>{1, 0}));
  EXPECT_EQ(ReverseEdgeTypes(HeteroSchema({"a", "b"}, {{0, "to", 1}, {1, "of", 0}, {1, "in", 0}})),
            (std::vector<int>{-1, 0, 0}));
  // The reverse of "to" is nobody else's.
  EXPECT_EQ(
      ReverseEdgeTypes(HeteroSchema({"a", "b"}, {{0, "to", 1}, {1, "rev_to", 0}, {0, "in", 1}})),
      (std::vector<int>{1, 0, -1}));
}

TEST(BidirectionalTest, TheOnlyTypeThatLeadsBackHoldsTheReverses) {
  const Schema schema = HeteroSchema({"m", "d"}, {{0, "to", 1}, {1, "of", 0}});
  TestGraph graph(schema, {3, 2}, {{{0, 0}, {1, 0}, {2, 1}}, {{0, 1}, {1, 2}, {0, 0}}});
  const auto sampler = MakeSampler(
      graph, {.num_neighbors = {{0}, {-1}}, .subgraph_type = SubgraphType::kBidirectional});
  const std::vector<int64_t> seeds = {1, 2};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.edges[1].edge_id, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{1, 2}));
}

// An undirected graph (0 - 1 - 2 - 0): every edge found is there both ways, under its own id.
TEST(BidirectionalTest, ReversesAreTheGraphsOwnEdges) {
  TestGraph graph = HomogeneousGraph(4, {{0, 1}, {1, 0}, {1, 2}, {2, 1}, {2, 0}, {0, 2}, {3, 2}});
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{-1}}, .subgraph_type = SubgraphType::kBidirectional});
  const std::vector<int64_t> seeds = {1};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{1, 0, 2}));
  // (1,0), (1,2), (0,1), (2,1) as places; the edge between 0 and 2 was not sampled.
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{0, 0, 1, 2}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{1, 2, 0, 0}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{1, 2, 0, 3}));
}

TEST(BidirectionalTest, AMissingReverseGoesByTheIdOfItsEdge) {
  TestGraph graph = HomogeneousGraph(3, {{2, 0}, {1, 0}, {0, 1}});
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{-1}}, .subgraph_type = SubgraphType::kBidirectional});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{0, 2, 1}));
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{0, 0, 1, 2}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{1, 2, 0, 0}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{0, 2, 0, 1}));
}

TEST(BidirectionalTest, ParallelEdgesAndSelfLoopsBecomeOne) {
  TestGraph graph = HomogeneousGraph(2, {{1, 0}, {0, 0}, {1, 0}, {0, 1}, {0, 1}});
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{-1}}, .subgraph_type = SubgraphType::kBidirectional});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{0, 0, 1}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{0, 1, 0}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{1, 3, 0}));
}

TEST(BidirectionalTest, PairedEdgeTypesHoldEachOthersReverses) {
  const Schema schema = HeteroSchema({"m", "d"}, {{0, "to", 1}, {1, "rev_to", 0}});
  TestGraph graph(schema, {3, 2}, {{{0, 0}, {1, 0}, {2, 1}}, {{0, 1}, {1, 2}, {0, 0}}});
  const auto sampler = MakeSampler(
      graph, {.num_neighbors = {{-1, 0}, {-1, -1}}, .subgraph_type = SubgraphType::kBidirectional});
  const std::vector<int64_t> seeds = {1, 2};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[1], (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(subgraph.edges[1].edge_id, (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{1, 2}));
  ExpectEdgesOfGraph(graph, subgraph);
}

TEST(BidirectionalTest, PairedEdgeTypesMustHaveTheReverse) {
  const Schema schema = HeteroSchema({"m", "d"}, {{0, "to", 1}, {1, "rev_to", 0}});
  TestGraph graph(schema, {3, 2}, {{{0, 0}}, {{0, 0}, {1, 2}}});
  const auto sampler = MakeSampler(
      graph, {.num_neighbors = {{-1}, {-1}}, .subgraph_type = SubgraphType::kBidirectional});
  const std::vector<int64_t> seeds = {2};
  Subgraph subgraph;
  const absl::Status status =
      sampler->Sample(1, 0, 0, {.nodes = seeds}, *sampler->NewScratch(), subgraph);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("edge 1 of 'd|rev_to|m' goes from node 1 to node 2, but 'm|to|d' has no "
                        "edge back"));
}

// For homogeneous graphs: sorted, symmetric, each pair once, and just the sampled pairs.
TEST(BidirectionalTest, IsTheSymmetricClosureOfWhatWasSampled) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    EdgeList edges;
    for (int i = 0; i < 120; ++i) {
      edges.emplace_back(random() % 30, random() % 30);
      if (random() % 2 == 0) edges.emplace_back(edges.back().second, edges.back().first);
    }
    TestGraph graph = HomogeneousGraph(30, edges);
    const bool disjoint = round % 2 == 0;
    NeighborSamplerOptions options{.num_neighbors = {{3, 2}}, .disjoint = disjoint};
    const std::vector<int64_t> seeds = {3, 9, 3, 28};
    const Subgraph sampled = SampleOnce(*MakeSampler(graph, options), {.nodes = seeds}, round);
    options.subgraph_type = SubgraphType::kBidirectional;
    const Subgraph both = SampleOnce(*MakeSampler(graph, options), {.nodes = seeds}, round);
    EXPECT_EQ(both.nodes, sampled.nodes);
    std::set<std::pair<int32_t, int32_t>> expected;
    for (size_t i = 0; i < sampled.edges[0].source.size(); ++i) {
      expected.emplace(sampled.edges[0].source[i], sampled.edges[0].target[i]);
      expected.emplace(sampled.edges[0].target[i], sampled.edges[0].source[i]);
    }
    std::vector<std::pair<int32_t, int32_t>> actual;
    for (size_t i = 0; i < both.edges[0].source.size(); ++i) {
      const int32_t source = both.edges[0].source[i];
      const int32_t target = both.edges[0].target[i];
      actual.emplace_back(source, target);
      const auto& [from, to] = graph.edges[0].at(both.edges[0].edge_id[i]);
      const bool forward = from == both.nodes[0][source] && to == both.nodes[0][target];
      const bool backward = to == both.nodes[0][source] && from == both.nodes[0][target];
      const bool exists = std::find(graph.edges[0].begin(), graph.edges[0].end(),
                                    std::make_pair(both.nodes[0][source], both.nodes[0][target])) !=
                          graph.edges[0].end();
      EXPECT_TRUE(exists ? forward : backward);
    }
    EXPECT_EQ(actual, (std::vector<std::pair<int32_t, int32_t>>(expected.begin(), expected.end())));
  }
}

}  // namespace
}  // namespace graphfeed
