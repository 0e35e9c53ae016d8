#include "server/batching/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "server/batching/feistel_rounds.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;

// Sum of (observed - expected)^2 / expected for equally likely cells.
double ChiSquare(const std::vector<int64_t>& observed) {
  double total = 0;
  for (const int64_t count : observed) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(observed.size());
  double sum = 0;
  for (const int64_t count : observed) {
    const double difference = static_cast<double>(count) - expected;
    sum += difference * difference / expected;
  }
  return sum;
}

// A bound that a chi-square of this many degrees of freedom exceeds about once in 30,000 draws
// (Wilson and Hilferty's approximation, four standard deviations). The seeds are fixed, so a test
// that passes once passes always.
double ChiSquareBound(int64_t freedom) {
  const double k = static_cast<double>(freedom);
  const double root = 1 - 2 / (9 * k) + 4 * std::sqrt(2 / (9 * k));
  return k * root * root * root;
}

// Recorded values. A change here changes every batch: raise kAlgorithmVersion.
TEST(CounterRandomTest, WordsAreTheRecordedOnes) {
  const CounterRandom random(42, 3, RandomPurpose::kTrim);
  EXPECT_THAT(random.At(0, 0, 0), ElementsAre(1586915936u, 1587228795u, 1518192339u, 3333876222u));
  EXPECT_THAT(random.At(uint64_t{1} << 33, 5, 7),
              ElementsAre(3537037208u, 3051088624u, 946594466u, 1785861197u));
}

TEST(CounterRandomTest, TheVersionIsThatOfTheAlgorithmAndPartOfTheKey) {
  const CounterRandom random(42, 3, RandomPurpose::kTrim);
  EXPECT_EQ(CounterRandom(42, 3, RandomPurpose::kTrim, 1).At(0, 0, 0), random.At(0, 0, 0));
  EXPECT_NE(CounterRandom(42, 3, RandomPurpose::kTrim, 2).At(0, 0, 0), random.At(0, 0, 0));
}

TEST(CounterRandomTest, EveryPartOfKeyAndCounterMatters) {
  std::set<std::array<uint32_t, 4>> words;
  for (const uint64_t seed : {0u, 1u}) {
    for (const int64_t epoch : {0, 1}) {
      for (const RandomPurpose purpose : {RandomPurpose::kShuffle, RandomPurpose::kTrim}) {
        const CounterRandom random(seed, epoch, purpose);
        for (const uint64_t batch : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
          for (const uint32_t stream : {0u, 1u}) {
            for (const uint32_t block : {0u, 1u}) words.insert(random.At(batch, stream, block));
          }
        }
      }
    }
  }
  EXPECT_EQ(words.size(), 2u * 2 * 2 * 3 * 2 * 2);
}

TEST(RandomStreamTest, GoesThroughTheBlocksInOrder) {
  const CounterRandom random(1, 2, RandomPurpose::kTrim);
  RandomStream stream(random, 9, 4);
  for (uint32_t block = 0; block < 3; ++block) {
    for (const uint32_t word : random.At(9, 4, block)) EXPECT_EQ(stream.Next(), word);
  }
}

TEST(RandomStreamTest, BelowIsUniform) {
  const CounterRandom random(5, 0, RandomPurpose::kTrim);
  for (const uint64_t bound : {1, 2, 3, 7, 100}) {
    RandomStream stream(random, bound, 0);
    std::vector<int64_t> observed(bound);
    for (int i = 0; i < 20000; ++i) ++observed[stream.Below(bound)];
    if (bound == 1) continue;
    EXPECT_LT(ChiSquare(observed), ChiSquareBound(static_cast<int64_t>(bound) - 1)) << bound;
  }
}

TEST(RandomStreamTest, BelowOfLargeBoundsIsUniform) {
  const CounterRandom random(6, 0, RandomPurpose::kTrim);
  // Three quarters of the words' range: without rejection every third value would be drawn twice
  // as often as the others.
  for (const uint64_t unit : {uint64_t{1} << 30, uint64_t{1} << 62}) {
    RandomStream stream(random, unit, 0);
    std::vector<int64_t> residues(3);
    std::vector<int64_t> thirds(3);
    for (int i = 0; i < 30000; ++i) {
      const uint64_t value = stream.Below(3 * unit);
      ASSERT_LT(value, 3 * unit);
      ++residues[value % 3];
      ++thirds[value / unit];
    }
    EXPECT_LT(ChiSquare(residues), ChiSquareBound(2)) << unit;
    EXPECT_LT(ChiSquare(thirds), ChiSquareBound(2)) << unit;
  }
}

TEST(KeyedPermutationTest, IsABijectionForEverySmallSize) {
  for (int64_t n = 0; n <= 300; ++n) {
    const KeyedPermutation order(7, n % 5, RandomPurpose::kShuffle, n);
    std::vector<int> seen(n);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t value = order(i);
      ASSERT_GE(value, 0);
      ASSERT_LT(value, n);
      ASSERT_EQ(seen[value]++, 0) << "n = " << n;
    }
  }
}

TEST(KeyedPermutationTest, ARangeIsOneByOne) {
  for (const int64_t n : {1, 5, 64, 65, 1000, 4097}) {
    const KeyedPermutation order(3, 1, RandomPurpose::kShuffle, n);
    for (const int64_t begin : {int64_t{0}, n / 3, n}) {
      std::vector<int64_t> values(n - begin, -1);
      order.Range(begin, absl::MakeSpan(values));
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_EQ(values[i], order(begin + static_cast<int64_t>(i))) << n;
      }
    }
  }
}

TEST(FeistelRoundsTest, EveryProcessorMakesTheSame) {
  FeistelKeys keys;
  RandomStream words(CounterRandom(7, 0, RandomPurpose::kShuffle), 0, 0);
  const auto next = [&] { return uint64_t{words.Next()} << 32 | words.Next(); };
  for (const int half_bits : {1, 9, 31, 32}) {
    const uint64_t mask = (uint64_t{1} << half_bits) - 1;
    for (uint64_t& key : keys) key = next();
    std::array<uint64_t, kFeistelLanes> left;
    std::array<uint64_t, kFeistelLanes> right;
    for (size_t i = 0; i < kFeistelLanes; ++i) {
      left[i] = next() & mask;
      right[i] = next() & mask;
    }
    auto expected_left = left;
    auto expected_right = right;
    for (size_t i = 0; i < kFeistelLanes; ++i) {
      FeistelRoundsOf(1, &expected_left[i], &expected_right[i], keys, mask);
    }
    for (const FeistelRounds rounds : AvailableFeistelRounds()) {
      auto found_left = left;
      auto found_right = right;
      rounds(found_left.data(), found_right.data(), keys, mask);
      EXPECT_EQ(found_left, expected_left) << half_bits;
      EXPECT_EQ(found_right, expected_right) << half_bits;
    }
  }
}

TEST(KeyedPermutationTest, IsABijectionAroundPowersOfFour) {
  for (const int64_t n : {65535, 65536, 65537, 130831}) {
    const KeyedPermutation order(8, 0, RandomPurpose::kShuffle, n);
    std::vector<bool> seen(n);
    for (int64_t i = 0; i < n; ++i) seen[order(i)] = true;
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), n);
  }
}

TEST(KeyedPermutationTest, ReachesHugeSizesWithoutMemory) {
  const int64_t n = (int64_t{1} << 40) + 12345;
  const KeyedPermutation order(9, 0, RandomPurpose::kShuffle, n);
  std::set<int64_t> values;
  for (int64_t i = 0; i < 1000; ++i) {
    const int64_t value = order(n - 1 - i);
    EXPECT_GE(value, 0);
    EXPECT_LT(value, n);
    values.insert(value);
  }
  EXPECT_EQ(values.size(), 1000u);
}

TEST(KeyedPermutationTest, EveryElementLandsEverywhereEquallyOften) {
  for (const int64_t n : {3, 10, 16, 17}) {
    std::vector<int64_t> cells(n * n);
    for (uint64_t seed = 0; seed < 4000; ++seed) {
      const KeyedPermutation order(seed, 1, RandomPurpose::kShuffle, n);
      for (int64_t i = 0; i < n; ++i) ++cells[i * n + order(i)];
    }
    // Rows and columns have fixed sums, which leaves (n - 1)^2 degrees of freedom and makes the
    // cells' variance larger by n / (n - 1).
    const double scale = static_cast<double>(n - 1) / static_cast<double>(n);
    EXPECT_LT(scale * ChiSquare(cells), ChiSquareBound((n - 1) * (n - 1))) << n;
  }
}

TEST(KeyedPermutationTest, AllOrdersOfFourAreEquallyLikely) {
  std::vector<int64_t> observed(256);
  for (uint64_t seed = 0; seed < 24000; ++seed) {
    const KeyedPermutation order(seed, 0, RandomPurpose::kShuffle, 4);
    ++observed[order(0) + 4 * order(1) + 16 * order(2) + 64 * order(3)];
  }
  std::erase(observed, 0);
  ASSERT_EQ(observed.size(), 24u);
  EXPECT_LT(ChiSquare(observed), ChiSquareBound(23));
}

TEST(KeyedPermutationTest, NeighboursArePartedAndEpochsDiffer) {
  constexpr int64_t kN = 10000;
  const KeyedPermutation first(1, 0, RandomPurpose::kShuffle, kN);
  const KeyedPermutation second(1, 1, RandomPurpose::kShuffle, kN);
  // Differences of neighbours fall into 100 cells; equal places in two epochs are rare.
  std::vector<int64_t> cells(100);
  int64_t equal = 0;
  for (int64_t i = 0; i < kN; ++i) {
    const int64_t difference = (first((i + 1) % kN) - first(i) + kN) % kN;
    ++cells[difference / 100];
    equal += first(i) == second(i) ? 1 : 0;
  }
  EXPECT_LT(ChiSquare(cells), ChiSquareBound(99));
  EXPECT_LT(equal, 10);
}

// Recorded values; see WordsAreTheRecordedOnes.
TEST(KeyedPermutationTest, OrderIsTheRecordedOne) {
  const KeyedPermutation order(12345, 0, RandomPurpose::kShuffle, 188);
  std::vector<int64_t> head;
  for (int64_t i = 0; i < 8; ++i) head.push_back(order(i));
  EXPECT_THAT(head, ElementsAre(65, 28, 149, 119, 30, 186, 92, 152));
}

}  // namespace
}  // namespace graphfeed
