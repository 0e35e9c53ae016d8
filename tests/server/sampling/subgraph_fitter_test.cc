#include "server/sampling/subgraph_fitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// a: seeds 0 and 1, then nodes 2, 3; b: nodes 4, 5. Edges b -> a and a -> a.
class SubgraphFitterTest : public testing::Test {
 protected:
  SubgraphFitterTest() : schema_(HeteroSchema({"a", "b"}, {{1, "to", 0}, {0, "on", 0}})) {
    spec_.over_size = OverSize::kTrimNodesAndEdges;
    spec_.options.num_nodes = {5, 3};
    spec_.options.num_edges = {4, 3};
    subgraph_.Clear(2, 2);
    subgraph_.nodes = {{0, 1, 2, 3}, {4, 5}};
    subgraph_.num_seeds = {2, 0};
    subgraph_.edges[0] = {{0, 1, 0, 1}, {0, 0, 2, 3}, {10, 11, 12, 13}};
    subgraph_.edges[1] = {{2, 3}, {0, 1}, {20, 21}};
    trimmed_.nodes = {0, 0};
    trimmed_.edges = {0, 0};
  }

  absl::Status Fit(std::vector<uint8_t> spare = {0, 0}) {
    return FitSubgraph(schema_, spec_, 7, spare, subgraph_, trimmed_);
  }

  Schema schema_;
  ResolvedSpec spec_;
  Subgraph subgraph_;
  Counts trimmed_;
};

TEST_F(SubgraphFitterTest, WhatFitsStaysAsItIs) {
  spec_.over_size = OverSize::kError;
  ASSERT_TRUE(Fit().ok());
  EXPECT_THAT(subgraph_.nodes[0], ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(subgraph_.edges[0].edge_id, ElementsAre(10, 11, 12, 13));
  EXPECT_THAT(trimmed_.nodes, ElementsAre(0, 0));
  EXPECT_THAT(trimmed_.edges, ElementsAre(0, 0));
}

TEST_F(SubgraphFitterTest, TheLastDiscoveredNodesGoWithTheirEdges) {
  spec_.options.num_nodes = {4, 3};
  // Edges a -> a need padding, so a node of `a` is kept back: node 3 goes.
  ASSERT_TRUE(Fit().ok());
  EXPECT_THAT(subgraph_.nodes[0], ElementsAre(0, 1, 2));
  EXPECT_THAT(subgraph_.edges[0].edge_id, ElementsAre(10, 11, 12));
  EXPECT_THAT(subgraph_.edges[1].edge_id, ElementsAre(20));
  EXPECT_THAT(trimmed_.nodes, ElementsAre(1, 0));
  EXPECT_THAT(trimmed_.edges, ElementsAre(1, 1));
}

TEST_F(SubgraphFitterTest, WithoutEdgesToPadEveryNodeCanBeReal) {
  spec_.over_size = OverSize::kError;
  spec_.options.num_nodes = {4, 2};
  spec_.options.num_edges = {4, 2};
  ASSERT_TRUE(Fit().ok());
  EXPECT_EQ(subgraph_.nodes[0].size(), 4u);
  EXPECT_EQ(subgraph_.nodes[1].size(), 2u);
}

TEST_F(SubgraphFitterTest, ANodeIsSparedWhereLabelsNeedOne) {
  spec_.options.num_nodes = {4, 2};
  spec_.options.num_edges = {4, 2};
  ASSERT_TRUE(Fit({1, 0}).ok());
  EXPECT_THAT(subgraph_.nodes[0], ElementsAre(0, 1, 2));
  // What went with node 3 made both edge types need padding, and so `b` a spare node.
  EXPECT_THAT(subgraph_.nodes[1], ElementsAre(4));
}

TEST_F(SubgraphFitterTest, EdgesGoFromTheEnd) {
  spec_.over_size = OverSize::kTrimEdges;
  spec_.options.num_edges = {3, 3};
  ASSERT_TRUE(Fit().ok());
  EXPECT_THAT(subgraph_.edges[0].edge_id, ElementsAre(10, 11, 12));
  EXPECT_THAT(subgraph_.edges[0].source, ElementsAre(0, 1, 0));
  EXPECT_THAT(trimmed_.edges, ElementsAre(1, 0));
}

TEST_F(SubgraphFitterTest, SeedsAreNeverTrimmed) {
  spec_.options.num_nodes = {2, 3};
  const absl::Status status = Fit();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("batch 7 has 2 seeds of type a; num_nodes is 2"));
}

TEST_F(SubgraphFitterTest, RefusalsNameBatchTypeSizeAndLimit) {
  spec_.over_size = OverSize::kError;
  spec_.options.num_nodes = {3, 3};
  EXPECT_THAT(Fit().message(), HasSubstr("batch 7 has 4 nodes of type a; num_nodes is 3"));
  spec_.options.num_nodes = {5, 3};
  spec_.options.num_edges = {3, 3};
  EXPECT_THAT(Fit().message(), HasSubstr("batch 7 has 4 edges of type b|to|a; num_edges is 3"));
  spec_.over_size = OverSize::kTrimEdges;
  spec_.options.num_nodes = {4, 3};
  EXPECT_THAT(Fit().message(), HasSubstr("num_nodes is 4; one is kept for padding edges of type"));
}

TEST_F(SubgraphFitterTest, TreesAreCutWithTheirNodes) {
  subgraph_.tree = {{0, 1, 0, 1}, {0, 1}};
  spec_.options.num_nodes = {4, 3};
  ASSERT_TRUE(Fit().ok());
  EXPECT_THAT(subgraph_.tree[0], ElementsAre(0, 1, 0));
  EXPECT_THAT(subgraph_.tree[1], ElementsAre(0, 1));
}

}  // namespace
}  // namespace graphfeed
