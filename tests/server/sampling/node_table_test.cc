#include "server/sampling/node_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <utility>
#include <vector>

namespace graphfeed {
namespace {

class NodeTableTest : public testing::TestWithParam<bool> {
 protected:
  static constexpr int64_t kNumNodes = 5000;
  static std::unique_ptr<NodeTable> New() {
    return GetParam() ? NewDenseNodeTable(kNumNodes) : NewHashedNodeTable();
  }
};
INSTANTIATE_TEST_SUITE_P(, NodeTableTest, testing::Bool(), [](const auto& param_info) {
  return param_info.param ? "Dense" : "Hashed";
});

TEST_P(NodeTableTest, PlacesNodesInTheOrderOfTheirDiscovery) {
  const std::unique_ptr<NodeTable> table = New();
  std::vector<int64_t> nodes;
  std::vector<int32_t> trees;
  std::vector<int32_t> places(4);
  table->StartBatch();
  table->AppendSeeds({7, 3, 7}, {}, {nodes, trees});
  table->FindOrAppend({9, 7, 9, 0}, {}, {nodes, trees}, places.data());
  EXPECT_EQ(nodes, (std::vector<int64_t>{7, 3, 7, 9, 0}));
  EXPECT_EQ(places, (std::vector<int32_t>{3, 0, 3, 4}));
  table->Find({3, 1, 0, 4999}, {}, places.data());
  EXPECT_EQ(places, (std::vector<int32_t>{1, -1, 4, -1}));
  EXPECT_TRUE(trees.empty());
}

TEST_P(NodeTableTest, AgreesWithAMapOverManyBatchesOfAllSizes) {
  const std::unique_ptr<NodeTable> table = New();
  std::mt19937 random(4);
  for (const size_t size : {10u, 3000u, 1u, 4000u, 2u, 3u, 5u, 0u, 800u}) {
    table->StartBatch();
    std::vector<int64_t> nodes;
    std::vector<int32_t> trees;
    std::map<int64_t, int32_t> expected;
    for (int round = 0; round < 3; ++round) {
      std::vector<int64_t> asked(size);
      for (int64_t& node : asked) node = static_cast<int64_t>(random() % kNumNodes);
      std::vector<int32_t> places(size);
      table->FindOrAppend(asked, {}, {nodes, trees}, places.data());
      for (size_t i = 0; i < size; ++i) {
        const auto next = static_cast<int32_t>(expected.size());
        ASSERT_EQ(places[i], expected.try_emplace(asked[i], next).first->second);
        ASSERT_EQ(nodes[places[i]], asked[i]);
      }
      ASSERT_EQ(nodes.size(), expected.size());
    }
    std::vector<int64_t> all(kNumNodes);
    std::vector<int32_t> places(kNumNodes);
    for (int64_t i = 0; i < kNumNodes; ++i) all[i] = i;
    table->Find(all, {}, places.data());
    for (int64_t i = 0; i < kNumNodes; ++i) {
      const auto found = expected.find(i);
      ASSERT_EQ(places[i], found == expected.end() ? -1 : found->second);
    }
  }
}

TEST(HashedNodeTableTest, TreesShareNoNodes) {
  const std::unique_ptr<NodeTable> table = NewHashedNodeTable();
  std::vector<int64_t> nodes;
  std::vector<int32_t> trees;
  table->StartBatch();
  table->AppendSeeds({5, 5}, {0, 1}, {nodes, trees});
  std::vector<int32_t> places(4);
  table->FindOrAppend({5, 8, 8, 5}, {1, 0, 1, 0}, {nodes, trees}, places.data());
  EXPECT_EQ(nodes, (std::vector<int64_t>{5, 5, 8, 8}));
  EXPECT_EQ(trees, (std::vector<int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(places, (std::vector<int32_t>{1, 2, 3, 0}));
}

// Full tables, where probing meets the same node of other trees.
TEST(HashedNodeTableTest, ManyTreesOfTheSameNodesAgreeWithAMap) {
  const std::unique_ptr<NodeTable> table = NewHashedNodeTable();
  std::mt19937 random(6);
  std::vector<int64_t> nodes;
  std::vector<int32_t> trees;
  std::map<std::pair<int64_t, int32_t>, int32_t> expected;
  table->StartBatch();
  for (int round = 0; round < 50; ++round) {
    std::vector<int64_t> asked(1000);
    std::vector<int32_t> asked_trees(1000);
    for (size_t i = 0; i < asked.size(); ++i) {
      asked[i] = static_cast<int64_t>(random() % 20);
      asked_trees[i] = static_cast<int32_t>(random() % 3000);
    }
    std::vector<int32_t> places(asked.size());
    table->FindOrAppend(asked, asked_trees, {nodes, trees}, places.data());
    for (size_t i = 0; i < asked.size(); ++i) {
      const auto next = static_cast<int32_t>(expected.size());
      const std::pair<int64_t, int32_t> key(asked[i], asked_trees[i]);
      ASSERT_EQ(places[i], expected.try_emplace(key, next).first->second);
      ASSERT_EQ(nodes[places[i]], key.first);
      ASSERT_EQ(trees[places[i]], key.second);
    }
  }
  EXPECT_GT(expected.size(), 30000u);
}

}  // namespace
}  // namespace graphfeed
