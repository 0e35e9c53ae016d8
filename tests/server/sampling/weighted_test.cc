#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>
#include <string>
#include <vector>

#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

TestGraph WeightedStar(const std::vector<float>& weights) {
  TestGraph graph = Star(static_cast<int64_t>(weights.size()));
  graph.AddColumn(EdgeColumn("weight", DType::kFloat32));
  graph.features->Append("weight", weights);
  graph.Finish();
  return graph;
}

TEST(WeightedTest, NeighboursComeInProportionToTheirWeights) {
  const std::vector<float> weights = {1, 0, 4, 2, 0.5f, 2.5f};
  TestGraph graph = WeightedStar(weights);
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{3}}, .replace = true, .weight_columns = {0}});
  const auto single = MakeSampler(graph, {.num_neighbors = {{1}}, .weight_columns = {0}});
  const std::vector<int64_t> seeds = {0};
  const auto scratch = sampler->NewScratch();
  const auto single_scratch = single->NewScratch();
  std::vector<int64_t> counts(weights.size(), 0);
  std::vector<int64_t> single_counts(weights.size(), 0);
  constexpr int kBatches = 8000;
  Subgraph subgraph;
  for (int batch = 0; batch < kBatches; ++batch) {
    ASSERT_TRUE(sampler->Sample(1, 0, batch, {.nodes = seeds}, *scratch, subgraph).ok());
    for (const int64_t id : subgraph.edges[0].edge_id) ++counts[id];
    ASSERT_TRUE(single->Sample(1, 0, batch, {.nodes = seeds}, *single_scratch, subgraph).ok());
    for (const int64_t id : subgraph.edges[0].edge_id) ++single_counts[id];
  }
  for (std::vector<int64_t>* list : {&counts, &single_counts}) {
    const double draws = list == &counts ? 3.0 * kBatches : kBatches;
    EXPECT_EQ((*list)[1], 0);
    list->erase(list->begin() + 1);
    std::vector<double> expected;
    for (const double weight : {1.0, 4.0, 2.0, 0.5, 2.5}) expected.push_back(draws * weight / 10);
    EXPECT_LT(ChiSquare(*list, expected), ChiSquareLimit(4));
  }
}

TEST(WeightedTest, EdgesOfWeightZeroAreAsIfTheyWereNotThere) {
  TestGraph graph = WeightedStar({0, 3, 0, 1});
  const std::vector<int64_t> seeds = {0};
  for (const int64_t fan_out : {-1, 2, 3, 9}) {
    const auto sampler = MakeSampler(graph, {.num_neighbors = {{fan_out}}, .weight_columns = {0}});
    EXPECT_EQ(SampleOnce(*sampler, {.nodes = seeds}).edges[0].edge_id,
              (std::vector<int64_t>{1, 3}));
  }
}

TEST(WeightedTest, OtherEdgeTypesAreUniform) {
  const Schema schema = HeteroSchema({"m", "d"}, {{1, "a", 0}, {1, "b", 0}});
  TestGraph graph(schema, {1, 4}, {{{0, 0}, {1, 0}, {2, 0}}, {{0, 0}, {1, 0}, {2, 0}, {3, 0}}});
  graph.AddColumn(EdgeColumn("w", DType::kFloat64, {1}, 1));
  graph.features->Append<double>("w", {0, 0, 1, 0}, "d|b|m");
  graph.Finish();
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{-1}, {2}}, .weight_columns = {-1, 0}});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  EXPECT_EQ(subgraph.edges[0].edge_id, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(subgraph.edges[1].edge_id, (std::vector<int64_t>{2}));
}

TEST(WeightedTest, TimesAndWeightsTogether) {
  TestGraph graph = WeightedStar({1, 5, 0, 1});
  graph.AddColumn(NodeColumn("time", DType::kInt32));
  graph.features->Append<float>("weight", {1, 5, 0, 1});
  graph.features->Append<int32_t>("time", {3, 1, 9, 1, 3});
  graph.Finish();
  const auto sampler =
      MakeSampler(graph, {.num_neighbors = {{-1}}, .time_columns = {1}, .weight_columns = {0}});
  const std::vector<int64_t> seeds = {0};
  EXPECT_EQ(SampleOnce(*sampler, {.nodes = seeds}).edges[0].edge_id, (std::vector<int64_t>{0, 3}));
}

TEST(WeightedTest, BadWeightsAreNamed) {
  const std::vector<int64_t> seeds = {0};
  for (const float bad :
       {-0.5f, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    TestGraph graph = WeightedStar({1, 2, bad});
    const auto sampler = MakeSampler(graph, {.num_neighbors = {{1}}, .weight_columns = {0}});
    Subgraph subgraph;
    const absl::Status status =
        sampler->Sample(1, 0, 0, {.nodes = seeds}, *sampler->NewScratch(), subgraph);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()),
                testing::HasSubstr("edge 2 of 'node|to|node' has the weight"));
  }
}

TEST(WeightedTest, HubsAreChosenFromWithoutRepeats) {
  constexpr int64_t kDegree = 100000;
  std::vector<float> weights(kDegree);
  for (int64_t i = 0; i < kDegree; ++i) weights[i] = static_cast<float>(i % 3);
  TestGraph graph = WeightedStar(weights);
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{500}}, .weight_columns = {0}});
  const std::vector<int64_t> seeds = {0};
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds});
  ExpectEdgesOfGraph(graph, subgraph);
  int64_t of_weight[3] = {0, 0, 0};
  for (const int64_t id : subgraph.edges[0].edge_id) ++of_weight[id % 3];
  EXPECT_EQ(of_weight[0], 0);
  EXPECT_EQ(of_weight[1] + of_weight[2], 500);
  EXPECT_NEAR(of_weight[2], 333, 50);
  EXPECT_EQ(std::set<int64_t>(subgraph.nodes[0].begin(), subgraph.nodes[0].end()).size(), 501u);
}

}  // namespace
}  // namespace graphfeed
