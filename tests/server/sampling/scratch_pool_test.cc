#include "server/sampling/scratch_pool.h"

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/sampling/seed_scratch.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

class ScratchPoolTest : public testing::Test {
 protected:
  TestGraph graph_ = Star(999);
  const std::unique_ptr<NeighborSampler> sampler_ = MakeSampler(graph_, {.num_neighbors = {{5}}});
};

TEST_F(ScratchPoolTest, NoMoreThanTheLimitAreDenseAndNobodyIsRefused) {
  ScratchPool pool(2);
  auto first = pool.Take(sampler_.get());
  auto second = pool.Take(sampler_.get());
  auto third = pool.Take(sampler_.get());
  EXPECT_TRUE(first->dense);
  EXPECT_TRUE(second->dense);
  EXPECT_FALSE(third->dense);

  const std::vector<int64_t> seeds = {0, 5};
  Subgraph dense;
  Subgraph hashed;
  ASSERT_TRUE(sampler_->Sample(1, 0, 7, {.nodes = seeds}, *first->sampler, dense).ok());
  ASSERT_TRUE(sampler_->Sample(1, 0, 7, {.nodes = seeds}, *third->sampler, hashed).ok());
  EXPECT_TRUE(SameSubgraph(dense, hashed));

  const SeedScratch* const returned = second.get();
  pool.Return(std::move(third));
  pool.Return(std::move(second));
  EXPECT_EQ(pool.Take(sampler_.get()).get(), returned) << "kept from call to call";
  EXPECT_EQ(pool.num_dense(), 2);
}

TEST_F(ScratchPoolTest, SamplersOfOneGraphShareIt) {
  const auto other = MakeSampler(graph_, {.num_neighbors = {{2, 2}}, .replace = true});
  const auto trees = MakeSampler(graph_, {.num_neighbors = {{2}}, .disjoint = true});
  const std::vector<int64_t> seeds = {0, 5};
  ScratchPool pool(1);
  for (uint64_t batch = 0; batch < 5; ++batch) {
    for (const auto* sampler : {sampler_.get(), other.get(), trees.get()}) {
      auto scratch = pool.Take(sampler);
      EXPECT_EQ(scratch->dense, sampler->dense());
      Subgraph subgraph;
      ASSERT_TRUE(sampler->Sample(1, 0, batch, {.nodes = seeds}, *scratch->sampler, subgraph).ok());
      EXPECT_TRUE(SameSubgraph(subgraph, SampleOnce(*sampler, {.nodes = seeds}, batch)));
      pool.Return(std::move(scratch));
    }
  }
  auto clusters = pool.Take(nullptr);
  EXPECT_FALSE(clusters->dense);
  pool.Return(std::move(clusters));
}

TEST_F(ScratchPoolTest, ALowerLimitFreesIdleTablesAtOnceAndOthersWhenTheyComeBack) {
  ScratchPool pool(2);
  auto used = pool.Take(sampler_.get());
  pool.Return(pool.Take(sampler_.get()));
  EXPECT_EQ(pool.num_dense(), 2);
  pool.SetMaxDense(0);
  EXPECT_EQ(pool.num_dense(), 1);
  EXPECT_FALSE(pool.Take(sampler_.get())->dense);
  pool.Return(std::move(used));
  EXPECT_EQ(pool.num_dense(), 0);
  pool.SetMaxDense(1);
  EXPECT_TRUE(pool.Take(sampler_.get())->dense);
}

}  // namespace
}  // namespace graphfeed
