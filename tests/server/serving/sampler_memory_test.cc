#include "server/serving/sampler_memory.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gtest/gtest.h"
#include "server/serving/seed_cache.h"

namespace graphfeed {
namespace {

DatasetInfo InfoOf(uint8_t content, int64_t num_nodes) {
  DatasetInfo info;
  info.fingerprint[0] = content;
  info.num_nodes = {num_nodes / 2, num_nodes - num_nodes / 2};
  return info;
}

TEST(SamplerMemoryTest, HoweverManyStreamsHoldTheTablesTheyAreChargedOnce) {
  Admission admission("streams", 10'000, 10);
  SamplerMemories memories(admission, /*max_tables=*/3);
  std::vector<std::shared_ptr<const void>> holders;
  for (int i = 0; i < 64; ++i) holders.push_back(memories.Of(InfoOf(1, 100))->Hold());
  EXPECT_EQ(admission.reserved_bytes(), 3 * 800);
  EXPECT_EQ(memories.charged_bytes(), 3 * 800);
  holders.push_back(memories.Of(InfoOf(2, 50))->Hold());
  EXPECT_EQ(admission.reserved_bytes(), 3 * 800 + 3 * 400) << "each dataset has its own";
  holders.erase(holders.begin(), holders.begin() + 63);
  EXPECT_EQ(memories.charged_bytes(), 3 * 800 + 3 * 400);
  holders.clear();
  EXPECT_EQ(admission.reserved_bytes(), 0);
  EXPECT_EQ(memories.charged_bytes(), 0);
}

TEST(SamplerMemoryTest, TablesLeaveAsMuchFreeAsTheyTakeAndAreNoReasonToRefuse) {
  Admission admission("streams", 2'000, 10);
  SamplerMemories memories(admission, 3);
  const auto memory = memories.Of(InfoOf(1, 100));
  auto frames = admission.Reserve(300, 4);
  ASSERT_TRUE(frames.ok());
  auto first = memory->Hold();
  EXPECT_EQ(memory->charged_bytes(), 0) << "of 800 free bytes one table would leave nothing";
  frames->reset();
  const auto second = memory->Hold();
  EXPECT_EQ(memory->charged_bytes(), 800) << "who comes when there is more room gets more";
  first.reset();
  EXPECT_EQ(memory->charged_bytes(), 800);
  EXPECT_TRUE(admission.Reserve(1200, 1).ok());
}

TEST(SamplerMemoryTest, TablesMayOutliveWhoMadeThem) {
  Admission admission("streams", 10'000, 10);
  auto memories = std::make_unique<SamplerMemories>(admission, 1);
  auto held = memories->Of(InfoOf(1, 100))->Hold();
  memories.reset();
  EXPECT_EQ(admission.reserved_bytes(), 800);
  held.reset();
  EXPECT_EQ(admission.reserved_bytes(), 0);
}

TEST(SeedCacheTest, SeedsAreReadOnceForAllWhoUseThemAndGoWithTheLast) {
  Admission admission("streams", 10'000, 10);
  SeedCache cache(INT64_MAX);
  int reads = 0;
  const auto get = [&](int column) {
    SeedCache::ValueOr seeds = absl::UnknownError("nobody else reads");
    cache.Get(
        {.fingerprint = {}, .column = column},
        [&]() -> SeedCache::ValueOr {
          ++reads;
          auto place = admission.ReserveShared("a set of seeds", 3000);
          if (!place.ok()) return place.status();
          return std::make_shared<const ChargedSeeds>(
              ChargedSeeds{.place = *std::move(place), .seeds = SeedSet()});
        },
        [&](SeedCache::ValueOr got) { seeds = std::move(got); });
    return seeds;
  };
  std::vector<SeedCache::ValueOr> users;
  for (int i = 0; i < 64; ++i) users.push_back(get(1));
  for (const SeedCache::ValueOr& user : users) EXPECT_EQ(user->get(), users[0]->get());
  EXPECT_EQ(reads, 1);
  EXPECT_EQ(admission.reserved_bytes(), 3000);
  users.push_back(get(2));
  EXPECT_EQ(reads, 2);
  EXPECT_EQ(admission.reserved_bytes(), 6000);
  users.erase(users.begin(), users.begin() + 64);
  EXPECT_EQ(admission.reserved_bytes(), 3000) << "of the column that is not in use any more";
  users.clear();
  EXPECT_EQ(admission.reserved_bytes(), 0);
  EXPECT_TRUE(get(1).ok());
  EXPECT_EQ(reads, 3);
  for (int column = 0; column < 200; ++column) EXPECT_TRUE(get(column).ok());
  EXPECT_EQ(admission.reserved_bytes(), 0);
}

}  // namespace
}  // namespace graphfeed
