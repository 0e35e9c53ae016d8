#include "server/sampling/neighbor_sampler.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

//   3 -> 1 -> 0 <- 2 <- 4 <- 5       ids in the order of the list
TestGraph Path() { return HomogeneousGraph(6, {{1, 0}, {2, 0}, {3, 1}, {4, 2}, {5, 4}}); }

TEST(NeighborSamplerTest, GoesAgainstTheEdgesHopByHop) {
  TestGraph graph = Path();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{-1, -1}}});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{1, 2, 3, 4}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{0, 0, 1, 2}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(subgraph.num_seeds[0], 1);
  EXPECT_TRUE(subgraph.tree[0].empty());
}

TEST(NeighborSamplerTest, ANodeIsExpandedInTheHopAfterTheOneThatFoundIt) {
  // Node 1 is a seed and found again from 0: its in-edges come in the first hop and only once.
  TestGraph graph = Path();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{-1, -1}}});
  const std::vector<int64_t> seeds = {1, 0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{1, 0, 3, 2, 4}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{2, 0, 1, 3}));
}

TEST(NeighborSamplerTest, FanOutZeroTakesNoneOfTheHop) {
  TestGraph graph = Path();
  const std::vector<int64_t> seeds = {0};
  const auto none = MakeSampler(graph, {.num_neighbors = {{0, -1}}});
  EXPECT_EQ(SampleOnce(*none, {.nodes = seeds}).nodes[0], seeds);
  const auto one = MakeSampler(graph, {.num_neighbors = {{-1, 0, -1}}});
  EXPECT_EQ(SampleOnce(*one, {.nodes = seeds}).nodes[0], (std::vector<int64_t>{0, 1, 2}));
}

TEST(NeighborSamplerTest, WithoutHopsOnlyTheSeeds) {
  TestGraph graph = Path();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{}}});
  const std::vector<int64_t> seeds = {4, 0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], seeds);
  EXPECT_TRUE(subgraph.edges[0].source.empty());
}

TEST(NeighborSamplerTest, NoSeedsNoNodes) {
  TestGraph graph = Path();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{3, 3}}});
  const Subgraph subgraph = SampleOnce(*sampler, {});
  EXPECT_TRUE(subgraph.nodes[0].empty());
  EXPECT_EQ(subgraph.num_seeds[0], 0);
}

// A repeated seed stays at both places and is expanded at both; as a source it is the first.
TEST(NeighborSamplerTest, RepeatedSeedsStayAndSourcesAreTheFirst) {
  TestGraph graph = Path();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{-1}}});
  const std::vector<int64_t> seeds = {1, 1, 0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{1, 1, 0, 3, 2}));
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{3, 3, 0, 4}));
  EXPECT_EQ(subgraph.edges[0].target, (std::vector<int32_t>{0, 1, 2, 2}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{2, 2, 0, 1}));
}

TEST(NeighborSamplerTest, SelfLoopsAndParallelEdgesAreEdgesLikeAnyOther) {
  TestGraph graph = HomogeneousGraph(2, {{1, 0}, {0, 0}, {1, 0}});
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{-1, -1}}});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(subgraph.edges[0].source, (std::vector<int32_t>{1, 0, 1}));
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{0, 1, 2}));
}

TEST(NeighborSamplerTest, EdgeTypesComeInTheOrderOfTheirJoinedNames) {
  // Indices against the order of the names: "a__x__m" before "b__w__m".
  const Schema schema = HeteroSchema({"m", "b", "a"}, {{1, "w", 0}, {2, "x", 0}, {2, "y", 1}});
  TestGraph graph(schema, {1, 2, 3}, {{{1, 0}}, {{2, 0}, {0, 0}}, {{1, 1}, {0, 0}}});
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{-1, -1}, {-1, -1}, {-1, -1}}});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0], (std::vector<int64_t>{0}));
  EXPECT_EQ(subgraph.nodes[1], (std::vector<int64_t>{1}));
  EXPECT_EQ(subgraph.nodes[2], (std::vector<int64_t>{2, 0, 1}));
  EXPECT_EQ(subgraph.edges[2].source, (std::vector<int32_t>{2}));
  EXPECT_EQ(subgraph.edges[2].edge_id, (std::vector<int64_t>{0}));
}

TEST(NeighborSamplerTest, FanOutsAreThoseOfEdgeTypeAndHop) {
  const Schema schema = HeteroSchema({"m", "d"}, {{1, "to", 0}, {0, "to", 1}});
  EdgeList into_m;
  EdgeList into_d;
  for (int64_t i = 0; i < 10; ++i) {
    for (int64_t j = 0; j < 10; ++j) {
      into_m.emplace_back(i, j);
      into_d.emplace_back(i, j);
    }
  }
  TestGraph graph(schema, {10, 10}, {into_m, into_d});
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{4, 0}, {0, 3}}});
  const std::vector<int64_t> seeds = {7};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.edges[0].source.size(), 4u);
  EXPECT_EQ(subgraph.nodes[1].size(), 4u);
  EXPECT_EQ(subgraph.edges[1].source.size(), 12u);
}

TEST(NeighborSamplerTest, WithReplacementDrawsAsManyAsAsked) {
  TestGraph graph = Star(2);
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{7, 7}}, .replace = true});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.edges[0].source.size(), 7u);
  EXPECT_EQ(subgraph.nodes[0].size(), 3u);
  ExpectEdgesOfGraph(graph, subgraph);
}

// Degrees below, at and above the fan-out, and of a hub: how often each neighbour comes.
TEST(NeighborSamplerTest, NeighboursAreUniformOverBatches) {
  for (const int64_t degree : {3, 5, 6, 40, 300}) {
    TestGraph graph = Star(degree);
    const auto sampler = MakeSampler(graph, {.num_neighbors = {{5}}});
    const auto scratch = sampler->NewScratch();
    const std::vector<int64_t> seeds = {0};
    std::vector<int64_t> counts(static_cast<size_t>(degree), 0);
    constexpr int kBatches = 6000;
    const int64_t taken = std::min<int64_t>(degree, 5);
    Subgraph subgraph;
    for (int batch = 0; batch < kBatches; ++batch) {
      ASSERT_TRUE(sampler->Sample(9, 0, batch, {.nodes = seeds}, *scratch, subgraph).ok());
      ASSERT_EQ(subgraph.edges[0].source.size(), static_cast<size_t>(taken));
      for (const int64_t id : subgraph.edges[0].edge_id) ++counts[id];
    }
    if (degree <= 5) {
      EXPECT_EQ(counts, std::vector<int64_t>(counts.size(), kBatches));
      continue;
    }
    const double expected = double{kBatches} * taken / degree;
    const double scale = (degree - 1.0) / static_cast<double>(degree - taken);
    EXPECT_LT(ChiSquare(counts, std::vector<double>(counts.size(), expected)) * scale,
              ChiSquareLimit(degree - 1.0))
        << degree;
  }
}

TEST(NeighborSamplerTest, DrawsDependOnSeedEpochAndBatch) {
  TestGraph graph = Star(1000);
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{20}}});
  const std::vector<int64_t> seeds = {0};
  const auto ids = [&](uint64_t seed, int64_t epoch, uint64_t batch) {
    return SampleOnce(*sampler, {.nodes = seeds}, batch, seed, epoch).edges[0].edge_id;
  };
  std::set<std::vector<int64_t>> seen;
  for (const uint64_t seed : {1u, 2u}) {
    for (const int64_t epoch : {0, 1}) {
      for (const uint64_t batch : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
        seen.insert(ids(seed, epoch, batch));
        EXPECT_EQ(ids(seed, epoch, batch), ids(seed, epoch, batch));
      }
    }
  }
  EXPECT_EQ(seen.size(), 12u);
}

TEST(NeighborSamplerTest, EachPlaceOfTheFrontierDrawsForItself) {
  // Two targets with the same 200 sources: their choices differ, and the second one's are the same
  // whoever comes first.
  EdgeList edges;
  for (int64_t i = 0; i < 200; ++i) edges.emplace_back(2 + i, 0);
  for (int64_t i = 0; i < 200; ++i) edges.emplace_back(2 + i, 1);
  TestGraph graph = HomogeneousGraph(202, edges);
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{10}}});
  const auto chosen = [&](std::vector<int64_t> seeds) {
    return SampleOnce(*sampler, {.nodes = seeds}).edges[0].edge_id;
  };
  const std::vector<int64_t> both = chosen({0, 1});
  const std::vector<int64_t> first(both.begin(), both.begin() + 10);
  const std::vector<int64_t> second(both.begin() + 10, both.end());
  EXPECT_EQ(chosen({0}), first);
  std::vector<int64_t> shifted = first;
  for (int64_t& id : shifted) id += 200;
  EXPECT_NE(second, shifted);
  const std::vector<int64_t> other = chosen({7, 1});  // node 7 has no in-edges
  EXPECT_EQ(other, second);
}

TEST(NeighborSamplerTest, AHubCostsWhatIsTakenOfIt) {
  constexpr int64_t kDegree = 100000;
  TestGraph graph = Star(kDegree);
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{15, 10}}});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.nodes[0].size(), 16u);
  ExpectEdgesOfGraph(graph, subgraph);
  EXPECT_EQ(graph.store.edges_read(), 15 + 15);  // sources and ids

  const auto half = MakeSampler(graph, {.num_neighbors = {{kDegree / 2}}});
  const Subgraph large = SampleOnce(*half, {.nodes = seeds});
  const std::set<int64_t> ids(large.edges[0].edge_id.begin(), large.edges[0].edge_id.end());
  EXPECT_EQ(ids.size(), size_t{kDegree / 2});
}

TEST(NeighborSamplerTest, ThreadsGetTheSameSubgraphs) {
  TestGraph graph = RandomHeteroGraph(3);
  const auto sampler = MakeSampler(graph, {.num_neighbors = FanOuts(graph, {4, 3, 2})});
  const std::vector<int64_t> seeds = {0, 1, 5, 9};
  constexpr uint64_t kBatches = 40;
  std::vector<Subgraph> expected;
  for (uint64_t batch = 0; batch < kBatches; ++batch) {
    expected.push_back(SampleOnce(*sampler, {.nodes = seeds}, batch));
  }
  std::vector<Subgraph> actual(kBatches);
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      const auto scratch = sampler->NewScratch();
      for (uint64_t batch = thread; batch < kBatches; batch += 4) {
        EXPECT_TRUE(sampler->Sample(1, 0, batch, {.nodes = seeds}, *scratch, actual[batch]).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (uint64_t batch = 0; batch < kBatches; ++batch) {
    EXPECT_TRUE(SameSubgraph(expected[batch], actual[batch])) << batch;
  }
}

TEST(NeighborSamplerTest, ScratchBytesAreThoseOfTheDenseTables) {
  TestGraph graph = Star(9999);
  const auto dense = MakeSampler(graph, {.num_neighbors = {{5}}});
  EXPECT_GE(dense->scratch_bytes(), 8 * 10000);
  EXPECT_LT(dense->scratch_bytes(), 8 * 10000 + 10000);
  const auto hashed = MakeSampler(graph, {.num_neighbors = {{5}}, .max_dense_nodes = 9999});
  EXPECT_LT(hashed->scratch_bytes(), 10000);
}

TEST(NeighborSamplerTest, ReportsWhatTheStoreReports) {
  TestGraph graph = Path();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{2}}});
  const auto scratch = sampler->NewScratch();
  graph.store.FailWith(absl::DataLossError("chunk 7 of column 'edge_index'"));
  Subgraph subgraph;
  const std::vector<int64_t> seeds = {0};
  EXPECT_EQ(sampler->Sample(1, 0, 0, {.nodes = seeds}, *scratch, subgraph),
            absl::DataLossError("chunk 7 of column 'edge_index'"));
  // The scratch is as good as new.
  graph.store.FailWith(absl::OkStatus());
  ASSERT_TRUE(sampler->Sample(1, 0, 0, {.nodes = seeds}, *scratch, subgraph).ok());
  EXPECT_TRUE(SameSubgraph(subgraph, SampleOnce(*sampler, {.nodes = seeds})));
}

}  // namespace
}  // namespace graphfeed
