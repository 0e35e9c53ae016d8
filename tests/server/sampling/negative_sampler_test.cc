#include "server/sampling/negative_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;
using Pair = std::pair<int64_t, int64_t>;

NegativePairs Pairs(TestGraph& graph, int64_t count, uint64_t batch = 0, int edge_type = 0) {
  NegativePairs pairs;
  const absl::Status status =
      SampleNegativePairs(graph.view(), edge_type, 7, 0, batch, count, pairs);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(pairs.source.size(), static_cast<size_t>(count));
  EXPECT_EQ(pairs.target.size(), static_cast<size_t>(count));
  return pairs;
}

std::vector<int64_t> Targets(TestGraph& graph, const std::vector<int64_t>& sources,
                             int64_t per_source, uint64_t batch = 0) {
  std::vector<int64_t> targets;
  const absl::Status status =
      SampleNegativeTargets(graph.view(), 0, 7, 0, batch, sources, per_source, targets);
  EXPECT_TRUE(status.ok()) << status;
  return targets;
}

// A graph of n nodes where a share of all pairs are edges, some of them doubled.
TestGraph RandomGraph(int64_t n, int percent, uint32_t seed) {
  std::mt19937 random(seed);
  EdgeList edges;
  for (int64_t source = 0; source < n; ++source) {
    for (int64_t target = 0; target < n; ++target) {
      if (static_cast<int>(random() % 100) >= percent) continue;
      edges.emplace_back(source, target);
      if (random() % 5 == 0) edges.emplace_back(source, target);
    }
  }
  std::shuffle(edges.begin(), edges.end(), random);
  return HomogeneousGraph(n, edges);
}

// From sparse graphs to ones that only the enumeration gets through.
class NegativeDensityTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(, NegativeDensityTest, testing::Values(0, 10, 60, 96, 99));

TEST_P(NegativeDensityTest, PairsAreNeverEdgesAndUniformOverTheRest) {
  TestGraph graph = RandomGraph(20, GetParam(), 11);
  const std::set<Pair> edges(graph.edges[0].begin(), graph.edges[0].end());
  std::map<Pair, int64_t> seen;
  for (int64_t source = 0; source < 20; ++source) {
    for (int64_t target = 0; target < 20; ++target) {
      if (edges.count({source, target}) == 0) seen[{source, target}] = 0;
    }
  }
  ASSERT_FALSE(seen.empty());
  constexpr int64_t kCount = 20000;
  const NegativePairs pairs = Pairs(graph, kCount);
  for (int64_t i = 0; i < kCount; ++i) {
    const auto found = seen.find({pairs.source[i], pairs.target[i]});
    ASSERT_NE(found, seen.end()) << "an edge: " << pairs.source[i] << " " << pairs.target[i];
    ++found->second;
  }
  std::vector<int64_t> counts;
  for (const auto& [pair, times] : seen) counts.push_back(times);
  const std::vector<double> expected(counts.size(), double{kCount} / counts.size());
  EXPECT_LT(ChiSquare(counts, expected), ChiSquareLimit(counts.size() - 1.0));
}

TEST_P(NegativeDensityTest, TargetsOfASourceAreUniformOverThoseItHasNoEdgeTo) {
  TestGraph graph = RandomGraph(20, GetParam(), 12);
  const std::set<Pair> edges(graph.edges[0].begin(), graph.edges[0].end());
  std::vector<std::vector<int64_t>> free(20);
  std::vector<int64_t> sources;
  for (int64_t source = 0; source < 20; ++source) {
    for (int64_t target = 0; target < 20; ++target) {
      if (edges.count({source, target}) == 0) free[source].push_back(target);
    }
    if (!free[source].empty()) sources.push_back(source);
  }
  ASSERT_FALSE(sources.empty());
  constexpr int64_t kPerSource = 2000;
  const std::vector<int64_t> targets = Targets(graph, sources, kPerSource);
  ASSERT_EQ(targets.size(), sources.size() * kPerSource);
  for (size_t i = 0; i < sources.size(); ++i) {
    std::map<int64_t, int64_t> seen;
    for (const int64_t target : free[sources[i]]) seen[target] = 0;
    for (int64_t j = 0; j < kPerSource; ++j) {
      const auto found = seen.find(targets[i * kPerSource + j]);
      ASSERT_NE(found, seen.end());
      ++found->second;
    }
    std::vector<int64_t> counts;
    for (const auto& [target, times] : seen) counts.push_back(times);
    const std::vector<double> expected(counts.size(), double{kPerSource} / counts.size());
    EXPECT_LT(ChiSquare(counts, expected), ChiSquareLimit(counts.size() - 1.0));
  }
}

TEST(NegativeSamplerTest, TheOnlyNonEdgeIsFound) {
  EdgeList edges;
  for (int64_t source = 0; source < 40; ++source) {
    for (int64_t target = 0; target < 40; ++target) {
      if (source != 13 || target != 31) edges.emplace_back(source, target);
    }
  }
  TestGraph graph = HomogeneousGraph(40, edges);
  const NegativePairs pairs = Pairs(graph, 50);
  EXPECT_EQ(pairs.source, std::vector<int64_t>(50, 13));
  EXPECT_EQ(pairs.target, std::vector<int64_t>(50, 31));
  EXPECT_EQ(Targets(graph, {13, 13}, 3), std::vector<int64_t>(6, 31));
}

TEST(NegativeSamplerTest, CompleteGraphsHaveNone) {
  TestGraph graph = HomogeneousGraph(2, {{0, 0}, {0, 1}, {1, 0}, {1, 1}});
  NegativePairs pairs;
  absl::Status status = SampleNegativePairs(graph.view(), 0, 7, 0, 0, 1, pairs);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no pair of nodes without an edge"));

  TestGraph full = HomogeneousGraph(2, {{0, 0}, {0, 1}, {1, 0}});
  std::vector<int64_t> targets;
  const std::vector<int64_t> sources = {1, 0};
  status = SampleNegativeTargets(full.view(), 0, 7, 0, 0, sources, 1, targets);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("node 0 of 'node' has edges of 'node|to|node' to all 2 targets"));
}

TEST(NegativeSamplerTest, EmptyTypesHaveNone) {
  TestGraph graph = RandomHeteroGraph(0);
  NegativePairs pairs;
  // Edge type 4 comes from the empty node type.
  EXPECT_EQ(SampleNegativePairs(graph.view(), 4, 7, 0, 0, 1, pairs).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(SampleNegativePairs(graph.view(), 4, 7, 0, 0, 0, pairs).ok());
  EXPECT_TRUE(pairs.source.empty());
}

TEST(NegativeSamplerTest, EndsAreOfTheEdgeTypesNodeTypes) {
  TestGraph graph = RandomHeteroGraph(0);
  const NegativePairs pairs = Pairs(graph, 3000, 0, /*edge_type=*/3);  // 7 c -> 25 b
  const std::set<Pair> edges(graph.edges[3].begin(), graph.edges[3].end());
  std::set<int64_t> sources;
  std::set<int64_t> targets;
  for (size_t i = 0; i < pairs.source.size(); ++i) {
    ASSERT_EQ(edges.count({pairs.source[i], pairs.target[i]}), 0u);
    sources.insert(pairs.source[i]);
    targets.insert(pairs.target[i]);
  }
  EXPECT_EQ(sources.size(), 7u);
  EXPECT_EQ(*sources.rbegin(), 6);
  EXPECT_EQ(targets.size(), 25u);
  EXPECT_EQ(*targets.rbegin(), 24);
}

TEST(NegativeSamplerTest, APairDependsOnItsPlaceAlone) {
  TestGraph graph = RandomGraph(30, 50, 3);
  const NegativePairs many = Pairs(graph, 100);
  const NegativePairs few = Pairs(graph, 40);
  EXPECT_EQ(few.source, std::vector<int64_t>(many.source.begin(), many.source.begin() + 40));
  EXPECT_EQ(few.target, std::vector<int64_t>(many.target.begin(), many.target.begin() + 40));
  EXPECT_NE(Pairs(graph, 100, 1).source, many.source);
  EXPECT_NE(Targets(graph, {1, 2, 3}, 5, 0), Targets(graph, {1, 2, 3}, 5, 1));
}

TEST(NegativeSamplerTest, NamesBadArguments) {
  TestGraph graph = Star(3);
  NegativePairs pairs;
  std::vector<int64_t> targets;
  const std::vector<int64_t> sources = {0, 4};
  EXPECT_THAT(std::string(SampleNegativePairs(graph.view(), 1, 7, 0, 0, 1, pairs).message()),
              HasSubstr("negatives of edge type 1; the graph has 1"));
  EXPECT_THAT(std::string(SampleNegativePairs(graph.view(), 0, 7, 0, 0, -1, pairs).message()),
              HasSubstr("the number of negative pairs is -1"));
  EXPECT_THAT(
      std::string(SampleNegativeTargets(graph.view(), 0, 7, 0, 0, sources, 1, targets).message()),
      HasSubstr("source 1 is node 4 of 'node', which has 4 nodes"));
}

TEST(NegativeSamplerTest, ReportsWhatTheStoreReports) {
  TestGraph graph = Star(3);
  graph.store.FailWith(absl::DataLossError("gone"));
  NegativePairs pairs;
  EXPECT_EQ(SampleNegativePairs(graph.view(), 0, 7, 0, 0, 1, pairs), absl::DataLossError("gone"));
}

// Users and items with times in [0, 10), `percent` of all pairs being edges.
struct TimedGraph {
  explicit TimedGraph(int percent, bool users_have_times = true) : graph(Make(percent)) {
    std::mt19937 random(5);
    for (auto* list : {&users, &items}) {
      for (int i = 0; i < 20; ++i) list->push_back(static_cast<int64_t>(random() % 10));
    }
    ColumnSchema time{.name = "time", .dtype = DType::kInt64, .row_shape = {}, .index_types = {}};
    const int user_times = graph.AddColumn(time);
    time.type = 1;
    const int item_times = graph.AddColumn(time);
    graph.features->Append<int64_t>("time", users, "user");
    graph.features->Append<int64_t>("time", items, "item");
    graph.Finish();
    if (!users_have_times) users.assign(20, -1);
    sources = *TimeOrder::Read(graph.view(), 0, users_have_times ? user_times : -1);
    targets = *TimeOrder::Read(graph.view(), 1, item_times);
  }

  static TestGraph Make(int percent) {
    Schema schema;
    schema.collection = false;
    schema.heterogeneous = true;
    schema.node_types = {"user", "item"};
    schema.edge_types = {{0, "buys", 1}};
    std::mt19937 random(3);
    EdgeList edges;
    for (int64_t user = 0; user < 20; ++user) {
      for (int64_t item = 0; item < 20; ++item) {
        if (static_cast<int>(random() % 100) < percent) edges.emplace_back(user, item);
      }
    }
    return TestGraph(schema, {20, 20}, {edges});
  }

  bool IsEdge(int64_t user, int64_t item) const {
    return std::count(graph.edges[0].begin(), graph.edges[0].end(), Pair(user, item)) > 0;
  }

  TestGraph graph;
  std::vector<int64_t> users;  // times
  std::vector<int64_t> items;
  TimeOrder sources;
  TimeOrder targets;
};

class TimedNegativesTest : public testing::TestWithParam<std::tuple<int, bool>> {};
INSTANTIATE_TEST_SUITE_P(, TimedNegativesTest,
                         testing::Combine(testing::Values(0, 50, 97), testing::Bool()));

TEST_P(TimedNegativesTest, PairsAreUniformOverTheNonEdgesThatAreEarlyEnough) {
  TimedGraph timed(std::get<0>(GetParam()), std::get<1>(GetParam()));
  for (const int64_t latest : {2, 5, 9}) {
    std::map<Pair, int64_t> seen;
    for (int64_t user = 0; user < 20; ++user) {
      for (int64_t item = 0; item < 20; ++item) {
        if (timed.users[user] <= latest && timed.items[item] <= latest &&
            !timed.IsEdge(user, item)) {
          seen[{user, item}] = 0;
        }
      }
    }
    if (seen.size() < 2) continue;
    const std::vector<int64_t> bounds(20000, latest);
    const NegativeTimes times{&timed.sources, &timed.targets, bounds};
    NegativePairs pairs;
    ASSERT_TRUE(SampleNegativePairs(timed.graph.view(), 0, 7, 0, 0, 20000, pairs, &times).ok());
    for (size_t i = 0; i < bounds.size(); ++i) {
      const auto found = seen.find({pairs.source[i], pairs.target[i]});
      ASSERT_NE(found, seen.end()) << pairs.source[i] << " " << pairs.target[i];
      ++found->second;
    }
    std::vector<int64_t> counts;
    for (const auto& [pair, count] : seen) counts.push_back(count);
    const std::vector<double> expected(counts.size(), 20000.0 / counts.size());
    EXPECT_LT(ChiSquare(counts, expected), ChiSquareLimit(counts.size() - 1.0)) << latest;
  }
}

TEST_P(TimedNegativesTest, TargetsAreEarlyEnoughAndNoEdges) {
  TimedGraph timed(std::get<0>(GetParam()), std::get<1>(GetParam()));
  std::vector<int64_t> sources;
  std::vector<int64_t> bounds;
  for (int64_t i = 0; i < 200; ++i) {
    sources.push_back(i % 20);
    for (int j = 0; j < 3; ++j) bounds.push_back(i % 11);
  }
  const NegativeTimes times{&timed.sources, &timed.targets, bounds};
  std::vector<int64_t> targets;
  ASSERT_TRUE(
      SampleNegativeTargets(timed.graph.view(), 0, 7, 0, 0, sources, 3, targets, &times).ok());
  const int64_t earliest =
      std::min_element(timed.items.begin(), timed.items.end()) - timed.items.begin();
  for (size_t i = 0; i < targets.size(); ++i) {
    int64_t possible = 0;
    for (int64_t item = 0; item < 20; ++item) {
      possible += timed.items[item] <= bounds[i] && !timed.IsEdge(sources[i / 3], item) ? 1 : 0;
    }
    if (possible == 0) {
      EXPECT_EQ(targets[i], earliest);
      continue;
    }
    EXPECT_LE(timed.items[targets[i]], bounds[i]);
    EXPECT_FALSE(timed.IsEdge(sources[i / 3], targets[i]));
  }
}

TEST(EarliestNegativesTest, WhereNothingIsEarlyEnoughTheEarliestNodesAreTaken) {
  TimedGraph timed(10);
  const std::vector<int64_t> bounds(5, -1);
  const NegativeTimes times{&timed.sources, &timed.targets, bounds};
  NegativePairs pairs;
  ASSERT_TRUE(SampleNegativePairs(timed.graph.view(), 0, 7, 0, 0, 5, pairs, &times).ok());
  const auto earliest = [](const std::vector<int64_t>& list) {
    return std::min_element(list.begin(), list.end()) - list.begin();
  };
  EXPECT_THAT(pairs.source, testing::Each(earliest(timed.users)));
  EXPECT_THAT(pairs.target, testing::Each(earliest(timed.items)));
}

}  // namespace
}  // namespace graphfeed
