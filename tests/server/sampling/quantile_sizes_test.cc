#include "server/sampling/quantile_sizes.h"

#include <gtest/gtest.h>

#include <vector>

namespace graphfeed {
namespace {

std::vector<Counts> Batches() {
  // 98 ordinary batches and two that met a hub.
  std::vector<Counts> batches;
  for (int64_t i = 0; i < 98; ++i) batches.push_back({1, {10, 20 + i % 3}, {30, 0}});
  batches.push_back({1, {10, 1000}, {500, 0}});
  batches.push_back({1, {12, 900}, {400, 0}});
  return batches;
}

TEST(QuantileSizesTest, MaximumAndOneMoreOfEachType) {
  const auto sizes = QuantileSizes(Batches(), 1);
  ASSERT_TRUE(sizes.ok());
  EXPECT_EQ(*sizes, (Counts{2, {13, 1001}, {501, 1}}));
}

TEST(QuantileSizesTest, AQuantileLeavesRareHubsOut) {
  const auto sizes = QuantileSizes(Batches(), 0.98);
  ASSERT_TRUE(sizes.ok());
  EXPECT_EQ(*sizes, (Counts{2, {11, 23}, {31, 1}}));
}

TEST(QuantileSizesTest, TheQuantileIsTheSmallestSizeThatEnoughBatchesKeepTo) {
  std::vector<Counts> batches;
  for (int64_t i = 1; i <= 1000; ++i) batches.push_back({1, {i}, {}});
  EXPECT_EQ(QuantileSizes(batches, 0.999)->nodes[0], 999 + 1);
  EXPECT_EQ(QuantileSizes(batches, 0.9991)->nodes[0], 1000 + 1);
  EXPECT_EQ(QuantileSizes(batches, 0.5)->nodes[0], 500 + 1);
  EXPECT_EQ(QuantileSizes(batches, 1e-9)->nodes[0], 1 + 1);
}

TEST(QuantileSizesTest, SeedsOfAFullBatchAlwaysFit) {
  const auto sizes = QuantileSizes(Batches(), 0.5, {1, {11, 0}, {}});
  ASSERT_TRUE(sizes.ok());
  EXPECT_EQ(sizes->nodes[0], 12);
}

TEST(QuantileSizesTest, NamesWhatIsWrong) {
  EXPECT_EQ(QuantileSizes({}, 1).status().message(),
            "sizes are estimated from at least one batch; there is none");
  EXPECT_EQ(QuantileSizes(Batches(), 0).status().message(),
            "quantile is 0; it must be above 0 and at most 1");
  EXPECT_FALSE(QuantileSizes(Batches(), 1.5).ok());
  std::vector<Counts> batches = Batches();
  batches[3].edges.pop_back();
  EXPECT_EQ(QuantileSizes(batches, 1).status().message(),
            "batch 3 has 2 node types and 1 edge types, batch 0 2 and 2");
  EXPECT_FALSE(QuantileSizes(Batches(), 0.5, {1, {1}, {}}).ok());
}

TEST(QuantileSizesTest, SizesOfASubgraphAreCountedByType) {
  Subgraph subgraph;
  subgraph.Clear(2, 1);
  subgraph.nodes[0] = {4, 5};
  subgraph.edges[0] = {{0}, {1}, {7}};
  EXPECT_EQ(SizesOf(subgraph), (Counts{1, {2, 0}, {1}}));
}

}  // namespace
}  // namespace graphfeed
