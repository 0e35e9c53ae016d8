#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

// Two node types, an edge type of each direction, columns of all kinds.
TestGraph Graph() {
  TestGraph graph(HeteroSchema({"m", "d"}, {{0, "to", 1}, {1, "from", 0}}), {3, 2},
                  {{{0, 0}}, {{1, 2}}});
  graph.AddColumn(NodeColumn("time", DType::kInt32));
  graph.AddColumn(NodeColumn("x", DType::kFloat32));
  graph.AddColumn(NodeColumn("times", DType::kInt64, {2}));
  graph.AddColumn(EdgeColumn("weight", DType::kFloat64));
  return graph;
}

void ExpectRefused(TestGraph& graph, const NeighborSamplerOptions& options,
                   const std::string& message) {
  const auto sampler = NeighborSampler::Create(graph.view(), options);
  ASSERT_EQ(sampler.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(sampler.status().message()), HasSubstr(message));
}

TEST(SamplerOptionsTest, FanOutsMustFitTheGraph) {
  TestGraph graph = Graph();
  ExpectRefused(graph, {.num_neighbors = {{1}}},
                "num_neighbors has fan-outs for 1 edge types; the graph has 2");
  ExpectRefused(graph, {.num_neighbors = {{1, 2}, {1}}},
                "num_neighbors of 'd|from|m' has 1 hops, that of 'm|to|d' 2");
  ExpectRefused(graph, {.num_neighbors = {{1}, {-2}}},
                "num_neighbors of 'd|from|m' is -2; it must be -1 (all) or from 0 to");
  ExpectRefused(graph, {.num_neighbors = {{int64_t{1} << 31}, {1}}}, "is 2147483648");
}

TEST(SamplerOptionsTest, CollectionsHaveNoNeighbours) {
  const Schema schema = Schema::Homogeneous(true);
  MemoryGraph store(schema, {3}, {{}});
  MemoryDataset features(schema);
  const auto sampler = NeighborSampler::Create({schema, store, features}, {.num_neighbors = {{1}}});
  EXPECT_THAT(std::string(sampler.status().message()), HasSubstr("from a single graph"));
}

TEST(SamplerOptionsTest, TimesAreIntegerNodeColumns) {
  TestGraph graph = Graph();
  const auto with = [](std::vector<int> columns) {
    return NeighborSamplerOptions{.num_neighbors = {{1}, {1}}, .time_columns = std::move(columns)};
  };
  ExpectRefused(graph, with({0}), "time_columns has 1 entries for 2 node types");
  ExpectRefused(graph, with({7, -1}), "time_columns: no column 7; the graph has 4");
  ExpectRefused(graph, with({-3, -1}), "time_columns: no column -3");
  ExpectRefused(graph, with({-1, 0}), "column 'time' is not a node column of 'd'");
  ExpectRefused(graph, with({3, -1}), "column 'weight' is not a node column of 'm'");
  ExpectRefused(graph, with({1, -1}), "rows of 1 float32; it must have one integer a row");
  ExpectRefused(graph, with({2, -1}), "rows of 2 int64; it must have one integer a row");
}

TEST(SamplerOptionsTest, WeightsAreFloatEdgeColumns) {
  TestGraph graph = Graph();
  const auto with = [](std::vector<int> columns) {
    return NeighborSamplerOptions{.num_neighbors = {{1}, {1}},
                                  .weight_columns = std::move(columns)};
  };
  ExpectRefused(graph, with({3}), "weight_columns has 1 entries for 2 edge types");
  ExpectRefused(graph, with({-1, 3}), "column 'weight' is not a edge column of 'd|from|m'");
  ExpectRefused(graph, with({0, -1}), "column 'time' is not a edge column");
}

TEST(SamplerOptionsTest, TheLatestNeighboursAreNotDrawn) {
  TestGraph graph = Graph();
  NeighborSamplerOptions options{.num_neighbors = {{1}, {1}},
                                 .temporal_strategy = TemporalStrategy::kLast};
  ExpectRefused(graph, options, "'last' needs times of the nodes");
  options.time_columns = {0, -1};
  options.weight_columns = {3, -1};
  ExpectRefused(graph, options, "cannot draw by weight");
  options.weight_columns.clear();
  options.replace = true;
  ExpectRefused(graph, options, "cannot draw with replacement");
  options.replace = false;
  EXPECT_TRUE(NeighborSampler::Create(graph.view(), options).ok());
}

TEST(SamplerOptionsTest, BidirectionalNeedsReverseEdgeTypesOfWhatIsSampled) {
  TestGraph graph(HeteroSchema({"m", "d"}, {{0, "to", 1}, {1, "from", 0}, {1, "of", 0}}), {2, 2},
                  {{{0, 1}}, {{1, 0}}, {{1, 0}}});
  NeighborSamplerOptions options{.num_neighbors = {{1}, {1}, {0}},
                                 .subgraph_type = SubgraphType::kBidirectional};
  ExpectRefused(graph, options,
                "'m|to|d' has no reverse edge type 'd|rev_to|m', nor is there just one other");
  options.num_neighbors = {{0}, {1}, {0}};
  EXPECT_TRUE(NeighborSampler::Create(graph.view(), options).ok());
}

TEST(SamplerOptionsTest, EdgeTypesWithoutEdgesNeedNoReverses) {
  TestGraph graph(HeteroSchema({"m", "d"}, {{0, "to", 1}, {1, "rev_to", 0}, {0, "none", 1}}),
                  {2, 2}, {{{0, 1}}, {{1, 0}}, {}});
  const auto sampler = MakeSampler(
      graph, {.num_neighbors = {{1}, {1}, {1}}, .subgraph_type = SubgraphType::kBidirectional});
  ASSERT_NE(sampler, nullptr);
  const Subgraph subgraph = SampleOnce(*sampler, {.nodes = {std::vector<int64_t>{0}}});
  EXPECT_EQ(subgraph.edges[0].source.size(), 1u);
  EXPECT_TRUE(subgraph.edges[2].source.empty());
}

TEST(SamplerOptionsTest, MessagesNameWhatTheSpecSays) {
  TestGraph graph = HomogeneousGraph(2, {{0, 1}});
  graph.AddColumn(NodeColumn("x", DType::kFloat32));
  graph.AddColumn(EdgeColumn("count", DType::kInt64));
  ExpectRefused(graph, {.num_neighbors = {{1}}, .time_columns = {0}},
                "time_attr: column 'x' has rows of 1 float32; it must have one integer a row");
  ExpectRefused(graph, {.num_neighbors = {{1}}, .weight_columns = {1}},
                "weight_attr: column 'count' has rows of 1 int64; it must have one float a row");
}

TEST(SamplerOptionsTest, SeedsMustExist) {
  TestGraph graph = Graph();
  const auto sampler = MakeSampler(graph, {.num_neighbors = {{1}, {1}}});
  const auto message = [&](const Seeds& seeds) {
    Subgraph subgraph;
    const absl::Status status = sampler->Sample(1, 0, 0, seeds, *sampler->NewScratch(), subgraph);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  const std::vector<int64_t> nodes = {1, 2};
  EXPECT_EQ(message({.node_type = 1, .nodes = nodes}),
            "seed 1 is node 2 of 'd', which has 2 nodes");
  const std::vector<int64_t> negative = {-1};
  EXPECT_EQ(message({.nodes = negative}), "seed 0 is node -1 of 'm', which has 3 nodes");
  EXPECT_THAT(message({.node_type = 2, .nodes = nodes}), HasSubstr("the graph has 2 node types"));
  EXPECT_EQ(message({.nodes = nodes, .times = nodes}),
            "2 times for 2 seeds; sampling is not temporal");
}

}  // namespace
}  // namespace graphfeed
