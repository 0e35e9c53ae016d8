#include "storage/ingest/size_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace graphfeed {
namespace {

SizeSummary Summarise(const std::vector<int64_t>& sizes) {
  SizeCounts counts;
  for (const int64_t size : sizes) counts.Add(size);
  return counts.Summary();
}

TEST(SizeCountsTest, OneGraphHasNoDeviation) {
  const SizeSummary s = Summarise({5});
  EXPECT_EQ(s.mean, 5);
  EXPECT_EQ(s.std, 0);
  EXPECT_EQ(s.min, 5);
  EXPECT_EQ(s.quantile25, 5);
  EXPECT_EQ(s.median, 5);
  EXPECT_EQ(s.quantile75, 5);
  EXPECT_EQ(s.max, 5);
}

TEST(SizeCountsTest, QuantilesInterpolateBetweenNeighbours) {
  const SizeSummary s = Summarise({1, 2, 3, 10});
  EXPECT_EQ(s.quantile25, 1.75);
  EXPECT_EQ(s.quantile75, 4.75);
}

TEST(SizeCountsTest, TheMedianIsTheSmallerOfTwoMiddleSizes) {
  EXPECT_EQ(Summarise({10, 3, 2, 1}).median, 2);
  EXPECT_EQ(Summarise({7, 4}).median, 4);
  EXPECT_EQ(Summarise({9, 1, 5}).median, 5);
}

TEST(SizeCountsTest, DeviationIsTheSamples) {
  EXPECT_DOUBLE_EQ(Summarise({1, 2, 3, 4}).std, std::sqrt(5.0 / 3));
}

TEST(SizeCountsTest, EqualsTheDirectComputation) {
  std::mt19937_64 rng(4);
  for (int round = 0; round < 50; ++round) {
    std::vector<int64_t> sizes(1 + rng() % 200);
    for (int64_t& size : sizes) size = static_cast<int64_t>(rng() % 30);
    const SizeSummary s = Summarise(sizes);
    std::sort(sizes.begin(), sizes.end());
    const auto n = static_cast<double>(sizes.size());
    double mean = 0;
    for (const int64_t size : sizes) mean += static_cast<double>(size) / n;
    double squares = 0;
    for (const int64_t size : sizes) squares += std::pow(static_cast<double>(size) - mean, 2);
    const auto quantile = [&](double q) {
      const double position = q * (n - 1);
      const auto low = static_cast<size_t>(position);
      const size_t high = std::min(low + 1, sizes.size() - 1);
      return static_cast<double>(sizes[low]) +
             (position - static_cast<double>(low)) * static_cast<double>(sizes[high] - sizes[low]);
    };
    EXPECT_NEAR(s.mean, mean, 1e-9);
    EXPECT_NEAR(s.std, sizes.size() > 1 ? std::sqrt(squares / (n - 1)) : 0, 1e-9);
    EXPECT_EQ(s.min, sizes.front());
    EXPECT_DOUBLE_EQ(s.quantile25, quantile(0.25));
    EXPECT_EQ(s.median, static_cast<double>(sizes[(sizes.size() - 1) / 2]));
    EXPECT_DOUBLE_EQ(s.quantile75, quantile(0.75));
    EXPECT_EQ(s.max, sizes.back());
  }
}

}  // namespace
}  // namespace graphfeed
