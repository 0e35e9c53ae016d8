#include "server/sampling/draws.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

TEST(DrawsTest, CountersAreNestedAsDocumented) {
  const CounterRandom random(5, 2, RandomPurpose::kNeighbors);
  const StreamDraws stream(random, 77, 3);
  const auto key = random.At(77, 3, 0);
  const uint64_t place = (uint64_t{9} << 32) | 4;
  const r123::Philox4x32::ctr_type counter = {{4, 9, 6, 0}};
  const r123::Philox4x32::key_type stream_key = {{key[0], key[1]}};
  EXPECT_EQ(stream.Block(place, 6), r123::Philox4x32()(counter, stream_key));

  PlaceDraws draws(stream, place, 6);
  for (uint64_t block = 6; block < 9; ++block) {
    for (const uint32_t word : stream.Block(place, block)) EXPECT_EQ(draws.Next(), word);
  }
}

TEST(DrawsTest, PlacesStreamsAndBatchesDrawDifferently) {
  const CounterRandom random(5, 2, RandomPurpose::kNeighbors);
  std::set<uint64_t> seen;
  for (const uint64_t batch : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 40}) {
    for (const uint32_t stream : {0u, 1u, 1u << 16}) {
      const StreamDraws draws(random, batch, stream);
      for (const uint64_t place : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 33}) {
        seen.insert(PlaceDraws(draws, place).Next64());
      }
    }
  }
  EXPECT_EQ(seen.size(), 27u);
}

TEST(DrawsTest, ReduceRejectsExactlyTheSurplusWords) {
  // 2^32 = 3 * 1431655765 + 1: one word must go, and the rest falls on the three values alike.
  uint64_t value = 0;
  EXPECT_FALSE(Reduce(uint32_t{0}, uint32_t{3}, value));
  EXPECT_TRUE(Reduce(uint32_t{1}, uint32_t{3}, value));
  EXPECT_EQ(value, 0u);
  EXPECT_TRUE(Reduce(uint32_t{1431655766}, uint32_t{3}, value));
  EXPECT_EQ(value, 1u);
  EXPECT_TRUE(Reduce(UINT32_MAX, uint32_t{3}, value));
  EXPECT_EQ(value, 2u);
  EXPECT_TRUE(Reduce(uint32_t{0}, uint32_t{4}, value));  // a power of two rejects nothing

  EXPECT_FALSE(Reduce(uint64_t{0}, uint64_t{3}, value));
  EXPECT_TRUE(Reduce(UINT64_MAX, uint64_t{3}, value));
  EXPECT_EQ(value, 2u);
}

TEST(DrawsTest, BelowIsUniformForSmallAndForHugeBounds) {
  const CounterRandom random(1, 0, RandomPurpose::kNeighbors);
  const StreamDraws stream(random, 0, 0);
  PlaceDraws draws(stream, 0);
  constexpr int kDraws = 60000;
  for (const uint64_t bound : {uint64_t{2}, uint64_t{7}, uint64_t{3} << 30, uint64_t{3} << 62}) {
    constexpr size_t kBins = 6;
    const bool binned = bound > kBins + 1;
    std::vector<int64_t> counts(binned ? kBins : bound, 0);
    for (int i = 0; i < kDraws; ++i) {
      const uint64_t value = draws.Below(bound);
      ASSERT_LT(value, bound);
      ++counts[binned ? static_cast<size_t>(value / (bound / kBins)) : value];
    }
    const std::vector<double> expected(counts.size(), double{kDraws} / counts.size());
    EXPECT_LT(ChiSquare(counts, expected), ChiSquareLimit(counts.size() - 1.0)) << bound;
  }
}

}  // namespace
}  // namespace graphfeed
