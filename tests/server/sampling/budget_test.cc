#include "server/sampling/budget.h"

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

TEST(BudgetTest, MaximumAndOneMoreOfEachType) {
  const auto budget = MaximumBudget(Batches());
  ASSERT_TRUE(budget.ok());
  EXPECT_EQ(*budget, (Counts{2, {13, 1001}, {501, 1}}));
}

TEST(BudgetTest, AQuantileLeavesRareHubsOut) {
  const auto budget = QuantileBudget(Batches(), 0.98);
  ASSERT_TRUE(budget.ok());
  EXPECT_EQ(*budget, (Counts{2, {11, 23}, {31, 1}}));
}

TEST(BudgetTest, TheQuantileIsTheSmallestSizeThatEnoughBatchesKeepTo) {
  std::vector<Counts> batches;
  for (int64_t i = 1; i <= 1000; ++i) batches.push_back({1, {i}, {}});
  EXPECT_EQ(QuantileBudget(batches, 0.999)->nodes[0], 999 + 1);
  EXPECT_EQ(QuantileBudget(batches, 0.9991)->nodes[0], 1000 + 1);
  EXPECT_EQ(QuantileBudget(batches, 0.5)->nodes[0], 500 + 1);
  EXPECT_EQ(QuantileBudget(batches, 1e-9)->nodes[0], 1 + 1);
  EXPECT_EQ(*QuantileBudget(batches, 1), *MaximumBudget(batches));
}

TEST(BudgetTest, SeedsOfAFullBatchAlwaysFit) {
  const auto budget = QuantileBudget(Batches(), 0.5, {1, {11, 0}, {}});
  ASSERT_TRUE(budget.ok());
  EXPECT_EQ(budget->nodes[0], 12);
}

TEST(BudgetTest, NamesWhatIsWrong) {
  EXPECT_EQ(MaximumBudget({}).status().message(),
            "a budget is estimated from at least one batch; there is none");
  EXPECT_EQ(QuantileBudget(Batches(), 0).status().message(),
            "quantile is 0; it must be above 0 and at most 1");
  EXPECT_FALSE(QuantileBudget(Batches(), 1.5).ok());
  std::vector<Counts> batches = Batches();
  batches[3].edges.pop_back();
  EXPECT_EQ(MaximumBudget(batches).status().message(),
            "batch 3 has 2 node types and 1 edge types, batch 0 2 and 2");
  EXPECT_FALSE(QuantileBudget(Batches(), 0.5, {1, {1}, {}}).ok());
}

TEST(BudgetTest, SizesOfASubgraphAreCountedByType) {
  Subgraph subgraph;
  subgraph.Clear(2, 1);
  subgraph.nodes[0] = {4, 5};
  subgraph.edges[0] = {{0}, {1}, {7}};
  EXPECT_EQ(SizesOf(subgraph), (Counts{1, {2, 0}, {1}}));
}

}  // namespace
}  // namespace graphfeed
