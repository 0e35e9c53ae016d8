#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "server/sampling/uniform_choice.h"
#include "server/sampling/weighted_choice.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

StreamDraws Stream(uint64_t batch) {
  return StreamDraws(CounterRandom(3, 0, RandomPurpose::kNeighbors), batch, 0);
}

std::vector<int64_t> Choose(UniformChoice& choice, uint64_t place, int64_t count, int64_t fan_out,
                            bool replace, int64_t base = 0) {
  std::vector<int64_t> out(static_cast<size_t>(NumChosen(count, fan_out, replace)));
  choice.Choose(Stream(0), place, count, fan_out, replace, base, out.data());
  return out;
}

TEST(UniformChoiceTest, TakesAllInOrderUpToTheFanOut) {
  UniformChoice choice;
  EXPECT_EQ(Choose(choice, 0, 3, 3, false, 10), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(Choose(choice, 0, 3, 5, false, 10), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(Choose(choice, 0, 3, -1, false, 10), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(Choose(choice, 0, 3, -1, true, 10), (std::vector<int64_t>{10, 11, 12}));
  EXPECT_EQ(Choose(choice, 0, 0, 4, false), (std::vector<int64_t>{}));
  EXPECT_EQ(Choose(choice, 0, 0, 4, true), (std::vector<int64_t>{}));
}

// The three ways of remembering what is taken: a mask, a scan, a bitmap.
TEST(UniformChoiceTest, WithoutReplacementNothingTwice) {
  UniformChoice choice;
  const std::vector<std::pair<int64_t, int64_t>> cases = {
      {2, 1},    {64, 63},   {64, 5},     {65, 32},     {65, 33},       {65, 64},
      {1000, 7}, {1000, 33}, {1000, 999}, {100000, 40}, {100000, 5000}, {64, 33}};
  for (const auto& [count, fan_out] : cases) {
    for (uint64_t place = 0; place < 20; ++place) {
      const std::vector<int64_t> chosen = Choose(choice, place, count, fan_out, false, 1000);
      const std::set<int64_t> distinct(chosen.begin(), chosen.end());
      ASSERT_EQ(distinct.size(), static_cast<size_t>(fan_out)) << count << " " << fan_out;
      ASSERT_GE(*distinct.begin(), 1000);
      ASSERT_LT(*distinct.rbegin(), 1000 + count);
    }
  }
}

// Whatever is remembered how, Floyd's algorithm chooses the same.
TEST(UniformChoiceTest, AgreesWithFloydsAlgorithmWordForWord) {
  UniformChoice choice;
  for (const int64_t count : {10, 64, 65, 500}) {
    for (const int64_t fan_out : {1, 9, 32, 33, 63}) {
      if (fan_out >= count) continue;
      const StreamDraws stream = Stream(0);
      PlaceDraws draws(stream, 4);
      std::vector<int64_t> expected;
      for (int64_t j = count - fan_out; j < count; ++j) {
        const auto number = static_cast<int64_t>(draws.Below(static_cast<uint64_t>(j) + 1));
        const bool taken = std::find(expected.begin(), expected.end(), number) != expected.end();
        expected.push_back(taken ? j : number);
      }
      EXPECT_EQ(Choose(choice, 4, count, fan_out, false), expected) << count << " " << fan_out;
    }
  }
}

// Every subset is equally likely, not only every neighbour: this fails for draws of [0, j).
TEST(UniformChoiceTest, WithoutReplacementAllSubsetsAreEquallyLikely) {
  UniformChoice choice;
  const std::vector<std::tuple<int64_t, int64_t, int>> cases = {
      {5, 2, 10}, {6, 3, 20}, {4, 3, 4}, {7, 1, 7}, {6, 5, 6}};
  for (const auto& [count, fan_out, subsets] : cases) {
    std::map<std::set<int64_t>, int64_t> seen;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const std::vector<int64_t> chosen = Choose(choice, i, count, fan_out, false);
      ++seen[std::set<int64_t>(chosen.begin(), chosen.end())];
    }
    ASSERT_EQ(seen.size(), static_cast<size_t>(subsets));
    std::vector<int64_t> counts;
    for (const auto& [subset, times] : seen) counts.push_back(times);
    EXPECT_LT(ChiSquare(counts, std::vector<double>(counts.size(), double{kDraws} / subsets)),
              ChiSquareLimit(subsets - 1))
        << count << " " << fan_out;
  }
}

// Large runs: each neighbour as often as any other. Choosing k of c without replacement, counts
// vary by the factor (1 - k / c) less than independent draws.
TEST(UniformChoiceTest, NeighboursOfLargeRunsAreUniform) {
  UniformChoice choice;
  const std::vector<std::tuple<int64_t, int64_t, bool>> cases = {
      {64, 15, false}, {200, 15, false}, {200, 60, false}, {200, 15, true}, {10, 15, true}};
  for (const auto& [count, fan_out, replace] : cases) {
    constexpr int kDraws = 20000;
    std::vector<int64_t> counts(static_cast<size_t>(count), 0);
    for (int i = 0; i < kDraws; ++i) {
      for (const int64_t number : Choose(choice, i, count, fan_out, replace)) ++counts[number];
    }
    const double expected = double{kDraws} * fan_out / count;
    double statistic = ChiSquare(counts, std::vector<double>(counts.size(), expected));
    if (!replace) statistic *= (count - 1.0) / static_cast<double>(count - fan_out);
    EXPECT_LT(statistic, ChiSquareLimit(count - 1.0)) << count << " " << fan_out;
    EXPECT_GT(statistic, (count - 1.0) / 3) << "too even to be random";
  }
}

TEST(WeightedChoiceTest, NegativeLogIsAccurate) {
  for (const double u : {0x1p-53, 1e-9, 0.1, 0.5, 0.7071067811865475, 0.7071067811865477, 0.9,
                         1 - 1e-9, 1 - 0x1p-53}) {
    const double expected = -std::log(u);
    EXPECT_NEAR(NegativeLog(u), expected, 4e-16 * expected) << u;
  }
}

std::vector<int64_t> Weighted(uint64_t place, const std::vector<double>& weights, int64_t fan_out,
                              bool replace) {
  WeightedChoice choice;
  std::vector<int64_t> numbers;
  choice.Choose(Stream(1), place, weights, fan_out, replace, numbers);
  return numbers;
}

TEST(WeightedChoiceTest, NeverTakesWeightZero) {
  EXPECT_EQ(Weighted(0, {0, 2, 0, 1, 0}, 4, false), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(Weighted(0, {0, 2, 0, 1, 0}, -1, false), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(Weighted(0, {0, 0}, 3, false), (std::vector<int64_t>{}));
  EXPECT_EQ(Weighted(0, {0, 0}, 3, true), (std::vector<int64_t>{}));
  EXPECT_EQ(Weighted(0, {}, 3, true), (std::vector<int64_t>{}));
  EXPECT_EQ(Weighted(0, {0, 5, 0}, 3, true), (std::vector<int64_t>{1, 1, 1}));
  for (uint64_t place = 0; place < 500; ++place) {
    for (const int64_t number : Weighted(place, {0, 1, 0, 3, 1, 0}, 2, place % 2 == 0)) {
      ASSERT_TRUE(number == 1 || number == 3 || number == 4);
    }
  }
}

TEST(WeightedChoiceTest, WithReplacementInProportion) {
  const std::vector<double> weights = {1, 0.5, 8, 0, 2.5};
  std::vector<int64_t> counts(weights.size(), 0);
  constexpr int kPlaces = 10000;
  for (int i = 0; i < kPlaces; ++i) {
    for (const int64_t number : Weighted(i, weights, 4, true)) ++counts[number];
  }
  EXPECT_EQ(counts[3], 0);
  counts.erase(counts.begin() + 3);
  std::vector<double> expected;
  for (const double weight : {1.0, 0.5, 8.0, 2.5}) expected.push_back(4 * kPlaces * weight / 12);
  EXPECT_LT(ChiSquare(counts, expected), ChiSquareLimit(3));
}

// Successive sampling: P(first i, then j) = w_i / W * w_j / (W - w_i), summed over both orders.
TEST(WeightedChoiceTest, WithoutReplacementIsSuccessiveSampling) {
  const std::vector<double> weights = {1, 2, 3, 6};
  std::map<std::vector<int64_t>, int64_t> seen;
  constexpr int kPlaces = 30000;
  for (int i = 0; i < kPlaces; ++i) {
    const std::vector<int64_t> chosen = Weighted(i, weights, 2, false);
    ASSERT_EQ(chosen.size(), 2u);
    ASSERT_LT(chosen[0], chosen[1]);
    ++seen[chosen];
  }
  std::vector<int64_t> counts;
  std::vector<double> expected;
  for (size_t i = 0; i < weights.size(); ++i) {
    for (size_t j = i + 1; j < weights.size(); ++j) {
      const double a = weights[i] / 12;
      const double b = weights[j] / 12;
      counts.push_back(seen[{static_cast<int64_t>(i), static_cast<int64_t>(j)}]);
      expected.push_back(kPlaces * (a * b / (1 - a) + b * a / (1 - b)));
    }
  }
  EXPECT_LT(ChiSquare(counts, expected), ChiSquareLimit(5));
}

TEST(WeightedChoiceTest, HugeAndTinyWeightsDoNotOverflow) {
  const std::vector<double> huge = {1e308, 1e308, 1e308, 1e308};
  std::vector<int64_t> counts(4, 0);
  for (uint64_t place = 0; place < 4000; ++place) {
    for (const int64_t number : Weighted(place, huge, 1, true)) ++counts[number];
    for (const int64_t number : Weighted(place, huge, 1, false)) ++counts[number];
  }
  EXPECT_LT(ChiSquare(counts, std::vector<double>(4, 2000)), ChiSquareLimit(3));
  EXPECT_EQ(Weighted(0, {5e-324, 1, 5e-324}, 1, false), (std::vector<int64_t>{1}));
  EXPECT_EQ(Weighted(0, {5e-324, 1, 5e-324}, 2, false).size(), 2u);
}

}  // namespace
}  // namespace graphfeed
