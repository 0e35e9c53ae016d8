#include "server/store_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/servers.h"
#include "tests/storage/graph_blocks.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

template <typename Condition>
bool Comes(Condition condition) {
  for (const absl::Time end = absl::Now() + absl::Seconds(60); absl::Now() < end;) {
    if (condition()) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

// A server's catalogue in a store that others share, with a version to be swept.
absl::StatusOr<std::shared_ptr<Catalog>> WithWhatWasDeleted(
    const std::shared_ptr<MemoryDisk>& disk) {
  GF_ASSIGN_OR_RETURN(
      std::shared_ptr<Catalog> catalog,
      Catalog::Open(std::make_unique<MemoryChunkStore>(disk, /*shared=*/true),
                    {.sweep_after = absl::ZeroDuration(), .lease = absl::Milliseconds(100)}));
  GF_RETURN_IF_ERROR(Ingest(*catalog, {.name = "d"}, {TwoGraphs()}).status());
  GF_RETURN_IF_ERROR(catalog->Delete("d", 1));
  return catalog;
}

// Who is silent for a lease is taken for dead, and removing much takes longer.
TEST(StoreWatchTest, AServerShowsThatItIsAliveWhileItRemoves) {
  const auto disk = std::make_shared<MemoryDisk>();
  std::atomic<bool> removing{false};
  std::atomic<bool> may_remove{false};
  disk->on_delete_columns = [&] {
    removing = true;
    while (!may_remove) std::this_thread::yield();
    return absl::OkStatus();
  };
  auto catalog = WithWhatWasDeleted(disk);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  const auto beat = [&] { return ServersOf(disk->records())->begin()->second.beat; };
  {
    StoreWatch watch(
        **catalog, [] { return absl::OkStatus(); }, [](const absl::Status&) {},
        /*log=*/nullptr, /*on_reachable=*/nullptr, /*sweep_every=*/absl::ZeroDuration());
    EXPECT_TRUE(Comes([&] { return removing.load(); }));
    const uint64_t then = beat();
    EXPECT_TRUE(Comes([&] { return beat() > then + 1; }));
    EXPECT_THAT(disk->chunk_keys(), testing::Not(testing::IsEmpty()));
    may_remove = true;
    EXPECT_TRUE(Comes([&] { return disk->chunk_keys().empty(); }));
  }
}

TEST(StoreWatchTest, ASweepDoesNotHoldUpTheEnd) {
  const auto disk = std::make_shared<MemoryDisk>();
  std::atomic<bool> removing{false};
  disk->on_delete_columns = [&] {
    removing = true;
    absl::Status wanted;
    Comes([&] { return !(wanted = CheckWanted()).ok(); });
    return wanted;
  };
  auto catalog = WithWhatWasDeleted(disk);
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  absl::Time began;
  {
    StoreWatch watch(
        **catalog, [] { return absl::OkStatus(); }, [](const absl::Status&) {},
        /*log=*/nullptr, /*on_reachable=*/nullptr, /*sweep_every=*/absl::ZeroDuration());
    EXPECT_TRUE(Comes([&] { return removing.load(); }));
    began = absl::Now();
  }
  EXPECT_LT(absl::Now() - began, absl::Seconds(30));
  catalog->reset();
  EXPECT_EQ(ServersOf(disk->records())->size(), 1u)
      << "by which others know that it left something";
}

}  // namespace
}  // namespace graphfeed
