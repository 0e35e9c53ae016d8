#include "server/batching/packing/look_ahead_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "server/batching/random.h"
#include "storage/base/digest.h"
#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
using Sizes = std::vector<std::vector<int32_t>>;

RandomStream Stream(uint64_t seed) {
  return RandomStream(CounterRandom(seed, 0, RandomPurpose::kTrim), 0, 0);
}

// Sizes as those of QM9: about 18 nodes, of 3 to 29, and a little more than twice as many edges.
Sizes MoleculeSizes(int64_t count, uint64_t seed) {
  RandomStream stream = Stream(seed);
  Sizes sizes(2);
  for (int64_t i = 0; i < count; ++i) {
    int64_t nodes = 0;
    for (int k = 0; k < 4; ++k) nodes += static_cast<int64_t>(stream.Below(9));
    nodes = std::clamp<int64_t>(nodes + 2, 3, 29);
    sizes[0].push_back(static_cast<int32_t>(nodes));
    // Bonds, in both directions.
    const auto bonds = nodes + static_cast<int64_t>(stream.Below(2));
    sizes[1].push_back(static_cast<int32_t>(2 * bonds));
  }
  return sizes;
}

// Sizes as those of PROTEINS: 39 nodes on average, and one in some hundred 620.
Sizes Proteins(int64_t count, uint64_t seed) {
  RandomStream stream = Stream(seed);
  Sizes sizes(2);
  for (int64_t i = 0; i < count; ++i) {
    const double u = (static_cast<double>(stream.Below(1'000'000)) + 1) / 1'000'001;
    const auto nodes = std::clamp<int64_t>(static_cast<int64_t>(20 * std::pow(u, -0.55)), 4, 620);
    sizes[0].push_back(static_cast<int32_t>(nodes));
    sizes[1].push_back(static_cast<int32_t>(3 * nodes + static_cast<int64_t>(stream.Below(40))));
  }
  return sizes;
}

int64_t Bound(const PackCapacity& capacity, const Sizes& sizes) {
  const auto ceil = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  int64_t bound = ceil(std::ssize(sizes[0]), capacity.items);
  for (size_t d = 0; d < sizes.size(); ++d) {
    bound = std::max(bound, ceil(std::accumulate(sizes[d].begin(), sizes[d].end(), int64_t{0}),
                                 capacity.sizes[d]));
  }
  return bound;
}

// Every item is in one pack, and no pack has more than it holds.
void ExpectValid(const PackCapacity& capacity, const Sizes& sizes, const PackedItems& packs) {
  std::vector<int64_t> items = packs.items;
  std::sort(items.begin(), items.end());
  ASSERT_EQ(items.size(), sizes[0].size());
  for (size_t i = 0; i < items.size(); ++i) ASSERT_EQ(items[i], static_cast<int64_t>(i));
  ASSERT_EQ(packs.starts.back(), std::ssize(items));
  for (size_t p = 0; p + 1 < packs.starts.size(); ++p) {
    const int64_t begin = packs.starts[p];
    const int64_t end = packs.starts[p + 1];
    ASSERT_GT(end, begin);
    ASSERT_LE(end - begin, capacity.items);
    for (size_t d = 0; d < sizes.size(); ++d) {
      int64_t sum = 0;
      for (int64_t i = begin; i < end; ++i) sum += sizes[d][packs.items[i]];
      ASSERT_LE(sum, capacity.sizes[d]) << "pack " << p << ", dimension " << d;
    }
    ASSERT_TRUE(std::is_sorted(packs.items.begin() + begin, packs.items.begin() + end));
  }
}

int64_t NumPacks(const PackedItems& packs) { return std::ssize(packs.starts) - 1; }

TEST(LookAheadPackTest, EachItemIsPackedOnceWhateverTheSizes) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream stream = Stream(seed);
    PackCapacity capacity{.items = static_cast<int64_t>(1 + stream.Below(20)), .sizes = {}};
    Sizes sizes(1 + stream.Below(4));
    const uint64_t count = stream.Below(1500);
    for (auto& dimension : sizes) {
      capacity.sizes.push_back(static_cast<int64_t>(stream.Below(200)));
      const uint64_t largest = stream.Below(static_cast<uint64_t>(capacity.sizes.back()) + 1);
      for (uint64_t i = 0; i < count; ++i) {
        dimension.push_back(static_cast<int32_t>(stream.Below(largest + 1)));
      }
    }
    ExpectValid(capacity, sizes, *PackWithLookAhead(capacity, sizes));
  }
}

TEST(LookAheadPackTest, MoleculesMeetTheBound) {
  for (const auto& [items, nodes, edges] : std::vector<std::array<int64_t, 3>>{
           {127, 2303, 4773}, {159, 2303, 4899}, {31, 511, 1099}, {15, 255, 559}}) {
    const PackCapacity capacity{.items = items, .sizes = {nodes, edges}};
    for (uint64_t seed = 0; seed < 20; ++seed) {
      const Sizes sizes = MoleculeSizes(20'000, seed);
      const PackedItems packs = *PackWithLookAhead(capacity, sizes);
      ExpectValid(capacity, sizes, packs);
      const int64_t bound = Bound(capacity, sizes);
      EXPECT_LE(static_cast<double>(NumPacks(packs)), static_cast<double>(bound) * 1.002 + 1)
          << items << " items, seed " << seed << ", bound " << bound;
    }
  }
}

TEST(LookAheadPackTest, HeavyTailsCostOnePackAtMost) {
  const PackCapacity capacity{.items = 63, .sizes = {1239, 4699}};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Sizes sizes = Proteins(1113, seed);
    const PackedItems packs = *PackWithLookAhead(capacity, sizes);
    ExpectValid(capacity, sizes, packs);
    EXPECT_LE(NumPacks(packs), Bound(capacity, sizes) + 1) << seed;
  }
}

// The first item waits for nobody, and none is taken from further ahead than 384.
TEST(LookAheadPackTest, ItLooksAheadSoFarAndNoFurther) {
  const Sizes sizes = MoleculeSizes(5000, 1);
  const PackedItems packs = *PackWithLookAhead({.items = 15, .sizes = {255, 559}}, sizes);
  std::vector<bool> packed(sizes[0].size());
  int64_t first_left = 0;
  for (int64_t p = 0; p < NumPacks(packs); ++p) {
    EXPECT_EQ(packs.items[packs.starts[p]], first_left);
    for (int64_t i = packs.starts[p]; i < packs.starts[p + 1]; ++i) {
      EXPECT_LT(packs.items[i], first_left + 384 + 15);
      packed[packs.items[i]] = true;
    }
    while (first_left < std::ssize(packed) && packed[first_left]) ++first_left;
  }
}

// Recorded: a change of the rules changes the batches, and needs a new version.
TEST(LookAheadPackTest, PacksAreTheRecordedOnes) {
  const PackedItems packs =
      *PackWithLookAhead({.items = 15, .sizes = {255, 559}}, MoleculeSizes(3000, 7));
  const auto bytes = [](const std::vector<int64_t>& values) {
    return absl::string_view(reinterpret_cast<const char*>(values.data()),
                             values.size() * sizeof(int64_t));
  };
  EXPECT_EQ(NumPacks(packs), 213);
  EXPECT_EQ(Hash64(bytes(packs.items), Hash64(bytes(packs.starts), 0)), 13103727533954415763u);
}

MemoryDataset DatasetOf(const Sizes& sizes) {
  MemoryDataset data(Schema::Homogeneous(true));
  for (size_t i = 0; i < sizes[0].size(); ++i) data.AddGraph({sizes[0][i]}, {sizes[1][i]});
  data.Finish();
  return data;
}

BatchSpec Request(int64_t num_nodes, int64_t num_edges, int64_t num_graphs, bool shuffle) {
  BatchSpec request = Packed(num_nodes, num_edges, num_graphs);
  request.strategy = Strategy::kPack;
  request.shuffle = shuffle;
  return request;
}

TEST(PackPlanTest, NamesTheGraphThatFitsNoBatchOrLeavesItOut) {
  MemoryDataset data = DatasetOf({{1, 1, 9, 1}, {1, 66, 1, 1}});
  auto plan = Epoch::Create(data, Request(9, 60, 5, false));
  EXPECT_EQ(plan.status(),
            absl::FailedPreconditionError(
                "graph 1 has 66 edges; a batch holds 59 (num_edges 60, one kept for padding)"));
  BatchSpec skip = Request(9, 60, 5, false);
  skip.over_size = OverSize::kSkip;
  plan = Epoch::Create(data, skip);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->plan().summary().skipped_graphs, 2);
  EXPECT_EQ(plan->plan().num_batches(), 1);
  EXPECT_THAT(plan->Graphs(0), ::testing::ElementsAre(0, 3));
}

// Over 50 epochs: where a graph stands in the epoch has nothing to do with its size, and an epoch
// does not go from large graphs to small ones.
TEST(PackPlanTest, AnEpochDoesNotDriftFromOneSizeToAnother) {
  constexpr int kEpochs = 50;
  constexpr size_t kParts = 10;
  const Sizes sizes = Proteins(2000, 3);
  MemoryDataset data = DatasetOf(sizes);
  std::vector<size_t> by_size(sizes[0].size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](size_t a, size_t b) { return sizes[0][a] < sizes[0][b]; });
  std::vector<size_t> decile(by_size.size());
  for (size_t i = 0; i < by_size.size(); ++i) decile[by_size[i]] = i * kParts / by_size.size();

  double counts[kParts][kParts] = {};  // by decile of size, by tenth of the epoch
  double sums[kParts] = {};
  double graphs[kParts] = {};
  for (int64_t e = 0; e < kEpochs; ++e) {
    auto epoch = Epoch::Create(data, Request(1240, 4700, 64, true), 1, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    const int64_t batches = epoch->plan().num_batches();
    for (int64_t b = 0; b < batches; ++b) {
      const auto part = static_cast<size_t>(b * static_cast<int64_t>(kParts) / batches);
      for (const int64_t graph : epoch->Graphs(b)) {
        counts[decile[graph]][part] += 1;
        sums[part] += sizes[0][graph];
        graphs[part] += 1;
      }
    }
  }
  // Parts of an epoch have somewhat different numbers of packs, so what is expected of a decile is
  // the share of all graphs.
  const double all = 2000.0 * kEpochs;
  for (size_t d = 0; d < kParts; ++d) {
    double chi_square = 0;
    for (size_t p = 0; p < kParts; ++p) {
      const double expected = graphs[p] * (all / kParts) / all;
      chi_square += (counts[d][p] - expected) * (counts[d][p] - expected) / expected;
    }
    EXPECT_LT(chi_square, 27.9) << "decile " << d;  // 9 degrees of freedom, 0.1 %
  }
  const double mean = std::accumulate(sums, sums + kParts, 0.0) / all;
  for (size_t p = 0; p < kParts; ++p) EXPECT_NEAR(sums[p] / graphs[p], mean, 0.05 * mean) << p;
}

// Two graphs meet no more often than if batches were cut from a random order.
TEST(PackPlanTest, TheSameGraphsDoNotMeetAgainAndAgain) {
  constexpr int kEpochs = 200;
  constexpr size_t kGraphs = 300;
  Sizes sizes = MoleculeSizes(kGraphs, 5);
  MemoryDataset data = DatasetOf(sizes);
  std::vector<int> met(kGraphs * kGraphs);
  double pairs = 0;
  for (int64_t e = 0; e < kEpochs; ++e) {
    auto epoch = Epoch::Create(data, Request(256, 560, 16, true), 2, e);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
      const std::vector<int64_t> graphs = epoch->Graphs(b);
      for (const int64_t first : graphs) {
        for (const int64_t second : graphs) {
          if (first < second) {
            ++met[static_cast<size_t>(first) * kGraphs + static_cast<size_t>(second)];
            pairs += 1;
          }
        }
      }
    }
  }
  // Of 44,850 pairs, each of which meets about 9 times: a Poisson variable of that mean is beyond
  // mean + 6 sigma for none of them in most runs.
  const double mean = pairs / (kGraphs * (kGraphs - 1) / 2.0);
  EXPECT_LT(*std::max_element(met.begin(), met.end()), mean + 7 * std::sqrt(mean) + 1);
}

TEST(PackPlanTest, WithoutShufflingPacksKeepTheirOrder) {
  MemoryDataset data = DatasetOf(MoleculeSizes(500, 9));
  auto epoch = Epoch::Create(data, Request(256, 560, 16, false), 1, 3);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  int64_t before = -1;
  for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
    EXPECT_GT(epoch->Graphs(b).front(), before);
    before = epoch->Graphs(b).front();
  }
}

}  // namespace
}  // namespace graphfeed
