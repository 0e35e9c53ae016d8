#include "server/batching/packing/look_ahead_pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "storage/base/digest.h"
#include "tests/server/batching/collate_helper.h"
#include "tests/server/batching/graph_sizes.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
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
    RandomStream stream = SizeStream(seed);
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
    const Sizes sizes = ProteinSizes(1113, seed);
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

TEST(PackPlanTest, NamesTheGraphThatFitsNoBatchOrLeavesItOut) {
  MemoryDataset data = DatasetOf({{1, 1, 9, 1}, {1, 66, 1, 1}});
  auto plan = Epoch::Create(data, PackRequest(9, 60, 5, false));
  EXPECT_EQ(plan.status(),
            absl::FailedPreconditionError(
                "graph 1 has 66 edges; a batch holds 59 (num_edges 60, one kept for padding)"));
  BatchSpec skip = PackRequest(9, 60, 5, false);
  skip.over_size = OverSize::kSkip;
  plan = Epoch::Create(data, skip);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->plan().summary().skipped_graphs, 2);
  EXPECT_EQ(plan->plan().num_batches(), 1);
  EXPECT_THAT(plan->Graphs(0), ::testing::ElementsAre(0, 3));
}

TEST(PackPlanTest, WithoutShufflingPacksKeepTheirOrder) {
  MemoryDataset data = DatasetOf(MoleculeSizes(500, 9));
  auto epoch = Epoch::Create(data, PackRequest(256, 560, 16, false), 1, 3);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  int64_t before = -1;
  for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
    EXPECT_GT(epoch->Graphs(b).front(), before);
    before = epoch->Graphs(b).front();
  }
}

}  // namespace
}  // namespace graphfeed
