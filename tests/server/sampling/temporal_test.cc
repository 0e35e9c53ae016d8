#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

// Node 0 at time 5 with in-neighbours at times 3, 9, 5, 1, 5, 4 (nodes 1 to 6).
TestGraph TimedStar() {
  TestGraph graph = Star(6);
  graph.AddColumn(NodeColumn("time", DType::kInt32));
  graph.features->Append<int32_t>("time", {5, 3, 9, 5, 1, 5, 4});
  graph.Finish();
  return graph;
}

std::vector<int64_t> Ids(TestGraph& graph, NeighborSamplerOptions options, uint64_t batch = 0,
                         absl::Span<const int64_t> times = {}) {
  options.time_columns = {0};
  const auto sampler = MakeSampler(graph, options);
  const std::vector<int64_t> seeds = {0};
  return SampleOnce(*sampler, {.nodes = seeds, .times = times}, batch).edges[0].edge_id;
}

TEST(TemporalTest, TakesAllThatAreNotLaterThanTheSeed) {
  TestGraph graph = TimedStar();
  EXPECT_EQ(Ids(graph, {.num_neighbors = {{-1}}}), (std::vector<int64_t>{0, 2, 3, 4, 5}));
  EXPECT_EQ(Ids(graph, {.num_neighbors = {{5}}}), (std::vector<int64_t>{0, 2, 3, 4, 5}));
}

TEST(TemporalTest, GivenTimesReplaceTheSeedsOwn) {
  TestGraph graph = TimedStar();
  EXPECT_EQ(Ids(graph, {.num_neighbors = {{-1}}}, 0, {3}), (std::vector<int64_t>{0, 3}));
  EXPECT_EQ(Ids(graph, {.num_neighbors = {{-1}}}, 0, {0}), (std::vector<int64_t>{}));
}

// Of equal times the later position counts as later; positions stay in order.
TEST(TemporalTest, LastTakesTheLatest) {
  TestGraph graph = TimedStar();
  const auto last = [&](int64_t fan_out) {
    return Ids(graph, {.num_neighbors = {{fan_out}}, .temporal_strategy = TemporalStrategy::kLast});
  };
  EXPECT_EQ(last(1), (std::vector<int64_t>{4}));
  EXPECT_EQ(last(2), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(last(3), (std::vector<int64_t>{2, 4, 5}));
  EXPECT_EQ(last(4), (std::vector<int64_t>{0, 2, 4, 5}));
  EXPECT_EQ(last(9), (std::vector<int64_t>{0, 2, 3, 4, 5}));
  EXPECT_EQ(last(-1), (std::vector<int64_t>{0, 2, 3, 4, 5}));
}

TEST(TemporalTest, UniformOverTheAllowedOnes) {
  TestGraph graph = TimedStar();
  for (const bool replace : {false, true}) {
    std::vector<int64_t> counts(6, 0);
    constexpr int kBatches = 5000;
    for (int batch = 0; batch < kBatches; ++batch) {
      for (const int64_t id :
           Ids(graph, {.num_neighbors = {{2}}, .replace = replace}, static_cast<uint64_t>(batch))) {
        ++counts[id];
      }
    }
    EXPECT_EQ(counts[1], 0);
    counts.erase(counts.begin() + 1);
    EXPECT_LT(ChiSquare(counts, std::vector<double>(5, kBatches * 2.0 / 5)), ChiSquareLimit(4));
  }
}

TEST(TemporalTest, SeedsWithoutTimesNeedThemGiven) {
  const Schema schema = HeteroSchema({"m", "d"}, {{0, "to", 1}});
  TestGraph graph(schema, {3, 1}, {{{0, 0}, {1, 0}, {2, 0}}});
  graph.AddColumn(NodeColumn("time", DType::kInt64));
  graph.features->Append<int64_t>("time", {1, 2, 3}, "m");
  graph.Finish();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{-1}}, .time_columns = {0, -1}});
  const std::vector<int64_t> seeds = {0};
  const std::vector<int64_t> times = {2};
  EXPECT_EQ(SampleOnce(*sampler, {1, seeds, times}).edges[0].edge_id, (std::vector<int64_t>{0, 1}));
  Subgraph subgraph;
  EXPECT_EQ(sampler->Sample(1, 0, 0, {1, seeds, {}}, *sampler->NewScratch(), subgraph).message(),
            "seeds of 'd' have no time column, so their times must be given");
}

TEST(TemporalTest, LastOfSourcesWithoutTimesTakesTheLastPositions) {
  const Schema schema = HeteroSchema({"m", "d"}, {{1, "a", 0}, {0, "b", 0}});
  TestGraph graph(schema, {4, 4}, {{{0, 0}, {1, 0}, {2, 0}}, {{3, 0}, {1, 0}, {2, 0}}});
  graph.AddColumn(NodeColumn("time", DType::kInt64));
  graph.features->Append<int64_t>("time", {5, 1, 2, 3}, "m");
  graph.Finish();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{2}, {2}},
                                           .time_columns = {0, -1},
                                           .temporal_strategy = TemporalStrategy::kLast});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(subgraph.edges[1].edge_id, (std::vector<int64_t>{0, 2}));
}

// Random graphs: no tree holds a node later than its seed, each node of a frontier gets as many
// neighbours as are allowed, up to the fan-out, and `last` the latest of them.
TEST(TemporalTest, NeverLooksIntoTheFuture) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    TestGraph graph = RandomHeteroGraph(seed);
    graph.AddColumn(NodeColumn("t", DType::kInt16, {}, 0));
    graph.AddColumn(NodeColumn("t", DType::kInt64, {1}, 1));
    std::mt19937 random(seed);
    std::vector<std::vector<int64_t>> times(4);
    std::vector<int16_t> narrow;
    for (int64_t i = 0; i < graph.num_nodes[0]; ++i) {
      times[0].push_back(static_cast<int64_t>(random() % 12) - 4);
      narrow.push_back(static_cast<int16_t>(times[0].back()));
    }
    for (int64_t i = 0; i < graph.num_nodes[1]; ++i) {
      times[1].push_back(static_cast<int64_t>(random() % 12) - 4);
    }
    graph.features->Append("t", narrow, "a");
    graph.features->Append("t", times[1], "b");
    graph.Finish();
    const std::vector<int64_t> seeds = {0, 3, 17, 3, 30};
    const int64_t fan_out = 3;
    const auto time_of = [&](int type, int64_t node) {
      return times[type].empty() ? INT64_MIN : times[type][node];
    };
    for (const TemporalStrategy strategy : {TemporalStrategy::kUniform, TemporalStrategy::kLast}) {
      const auto sampler = MakeSampler(graph, {.num_neighbors = FanOuts(graph, {fan_out, fan_out}),
                                               .time_columns = {0, 1, -1, -1},
                                               .temporal_strategy = strategy});
      const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds}, seed);
      ExpectEdgesOfGraph(graph, subgraph);
      for (size_t t = 0; t < subgraph.nodes.size(); ++t) {
        for (size_t i = 0; i < subgraph.nodes[t].size(); ++i) {
          const int64_t limit = times[0][seeds[subgraph.tree[t][i]]];
          ASSERT_LE(time_of(static_cast<int>(t), subgraph.nodes[t][i]), limit);
        }
      }
      // The seeds are the first frontier.
      for (size_t e = 0; e < graph.edges.size(); ++e) {
        const EdgeType& type = graph.schema.edge_types[e];
        if (type.target != 0) continue;
        for (size_t i = 0; i < seeds.size(); ++i) {
          std::vector<std::pair<int64_t, int64_t>> allowed;  // time, id
          for (const int64_t id : graph.InEdges(static_cast<int>(e), seeds[i])) {
            const int64_t time = time_of(type.source, graph.edges[e][id].first);
            if (time <= times[0][seeds[i]]) allowed.emplace_back(time, id);
          }
          std::set<int64_t> chosen;
          for (size_t j = 0; j < subgraph.edges[e].source.size(); ++j) {
            if (subgraph.edges[e].target[j] == static_cast<int32_t>(i)) {
              chosen.insert(subgraph.edges[e].edge_id[j]);
            }
          }
          ASSERT_EQ(chosen.size(), std::min<size_t>(allowed.size(), fan_out));
          if (strategy != TemporalStrategy::kLast) continue;
          std::sort(allowed.rbegin(), allowed.rend());
          for (size_t j = 0; j < chosen.size(); ++j) ASSERT_TRUE(chosen.count(allowed[j].second));
        }
      }
    }
  }
}

// More edges than are looked at in one group, a hub among them: groups cannot be seen.
TEST(TemporalTest, GroupsOfRunsCannotBeSeen) {
  EdgeList edges;
  std::vector<int64_t> times(1000);
  for (int64_t i = 0; i < 1000; ++i) times[i] = i % 10;
  for (int64_t i = 0; i < 100000; ++i) edges.emplace_back(i % 1000, 0);
  for (int64_t target = 1; target < 40; ++target) {
    for (int64_t i = 0; i < 3000; ++i) edges.emplace_back((i * 7 + target) % 1000, target);
  }
  TestGraph graph = HomogeneousGraph(1000, edges);
  graph.AddColumn(NodeColumn("time", DType::kInt64));
  graph.features->Append("time", times);
  graph.Finish();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{4}}, .time_columns = {0}});
  std::vector<int64_t> seeds;
  for (int64_t i = 39; i >= 0; --i) seeds.push_back(i);
  const std::vector<int64_t> limits(seeds.size(), 2);
  const Subgraph all = SampleOnce(*sampler, {.nodes = seeds, .times = limits});
  ASSERT_EQ(all.edges[0].source.size(), 160u);
  ExpectEdgesOfGraph(graph, all);
  for (const int64_t node : all.nodes[0]) {
    ASSERT_TRUE(times[node] <= 2 || std::count(seeds.begin(), seeds.end(), node) > 0);
  }
  // The seeds up to any place draw as they do in company.
  for (const size_t count : {1u, 21u, 22u, 39u}) {
    const Subgraph some =
        SampleOnce(*sampler, {.nodes = absl::MakeConstSpan(seeds).subspan(0, count),
                              .times = absl::MakeConstSpan(limits).subspan(0, count)});
    EXPECT_EQ(some.edges[0].edge_id,
              std::vector<int64_t>(all.edges[0].edge_id.begin(),
                                   all.edges[0].edge_id.begin() + 4 * static_cast<int>(count)));
  }
}

}  // namespace
}  // namespace graphfeed
