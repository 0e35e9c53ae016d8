// What servers on a pool tell each other, and what of the records they read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/storage/chunks/rados_fixture.h"
#include "tests/storage/graph_blocks.h"

namespace graphfeed {
namespace {

double CountOf(const StoreStats& stats, const std::string& name) {
  for (const StoreStats::Count& count : stats.counts) {
    if (count.name == name) return count.value;
  }
  ADD_FAILURE() << "there is no " << name;
  return -1;
}

// Fails after a minute.
void WaitUntil(const std::function<bool()>& condition) {
  for (int i = 0; !condition(); ++i) {
    ASSERT_LT(i, 6000) << "it did not happen";
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

bool Watches(const Catalog& catalog) { return CountOf(catalog.stats().store, "watching") == 1; }
double NoticesAt(const Catalog& catalog) { return CountOf(catalog.stats().store, "notices_total"); }

TEST_F(RadosTest, RadosWhatOthersPublishAndDeleteIsKnownThoughNobodyLooks) {
  const auto a = *Catalog::Open(Open(), {.listens = true});
  const auto b = *Catalog::Open(Open(), {.listens = true});
  WaitUntil([&] { return Watches(*a) && Watches(*b); });
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  WaitUntil([&] { return b->Get("d@1").ok(); });
  ExpectHolds(**b->OpenDataset("d"), TwoGraphs());
  ASSERT_TRUE(b->Delete("d", 1).ok());
  WaitUntil([&] { return absl::IsNotFound(a->Get("d@1").status()); });
}

TEST_F(RadosTest, RadosOnlyWhatOthersMustSeeIsAnnounced) {
  const auto a = *Catalog::Open(Open(), {.listens = true});
  const auto b = *Catalog::Open(Open(), {.listens = true});
  WaitUntil([&] { return Watches(*a) && Watches(*b); });
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(a->KeepUp().ok());
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());  // reserves columns, publishes
  WaitUntil([&] { return NoticesAt(*b) > 0; });
  ASSERT_TRUE(a->Delete("d", 1).ok());
  WaitUntil([&] { return NoticesAt(*b) > 1; });
  EXPECT_EQ(NoticesAt(*b), 2);
  EXPECT_EQ(NoticesAt(*a), 0) << "its own";
}

TEST_F(RadosTest, RadosWithoutNoticesVersionsAreSeenByLooking) {
  const auto a = *Catalog::Open(Open(), {.listens = true});
  auto store = OpenAs("reader", StoreAccess::kAsPermitted);  // who may not write may not watch
  ASSERT_TRUE(store.ok()) << store.status();
  const auto b = *Catalog::Open(*std::move(store), {.listens = true});
  WaitUntil([&] { return Watches(*a); });
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  ASSERT_TRUE(b->KeepUp().ok());
  EXPECT_TRUE(b->Get("d@1").ok());
  EXPECT_FALSE(Watches(*b));
}

TEST_F(RadosTest, RadosAWatchThatIsBrokenIsSetUpAnew) {
  const auto a = Open();
  const auto b = Open();
  std::atomic<int> calls{0};
  const auto watch = b->WatchRecords([&] { ++calls; });
  WaitUntil([&] { return CountOf(b->Stats(), "watching") == 1; });
  ASSERT_TRUE(Remove("records").ok());
  WaitUntil([&] { return CountOf(b->Stats(), "watching") == 0; });
  ASSERT_TRUE(a->StartWriting().ok());
  WaitUntil([&] { return CountOf(b->Stats(), "watches_total") == 2; });
  WaitUntil([&] { return calls >= 2; });  // something may have been missed
  const int before = calls;
  a->Announce();
  WaitUntil([&] { return calls > before; });
  EXPECT_EQ(CountOf(b->Stats(), "notices_total"), 1);
}

TEST_F(RadosTest, RadosManyNoticesAreFewReads) {
  const auto a = Open();
  const auto b = Open();
  std::atomic<int> calls{0};
  const auto watch = b->WatchRecords([&] { ++calls; });
  WaitUntil([&] { return calls == 1; });
  for (int round = 0; round < 3; ++round) {
    const int before = calls;
    const double notices = CountOf(b->Stats(), "notices_total");
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) a->Announce();
    WaitUntil([&] { return CountOf(b->Stats(), "notices_total") == notices + 100; });
    const auto took = std::chrono::steady_clock::now() - began;
    WaitUntil([&] { return calls > before; });
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LE(calls - before, 3 + took / std::chrono::milliseconds(50));
  }
}

TEST_F(RadosTest, RadosRecordsOfAnotherStoreAreToldFromThoseThatWereRead) {
  const auto a = *Catalog::Open(Open(), {});
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  EXPECT_TRUE(a->Health().ok());
  ASSERT_TRUE(Remove("records").ok());
  ASSERT_TRUE(Remove("columns").ok());
  const auto b = *Catalog::Open(Open(), {});                   // gives out the same numbers
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(b->KeepUp().ok());  // a higher revision
  EXPECT_TRUE(absl::IsFailedPrecondition(a->KeepUp()));
  EXPECT_TRUE(absl::IsFailedPrecondition(Ingest(*a, {.name = "e"}, {TwoGraphs()}).status()));
  EXPECT_THAT(Message(a->Health()), HasSubstr("are another store's"));
  EXPECT_TRUE(b->KeepUp().ok()) << "nothing of the other was written";
  EXPECT_TRUE(b->Health().ok());
}

TEST_F(RadosTest, RadosRecordsThatAreGoneAreNoEmptyStore) {
  const auto a = *Catalog::Open(Open(), {});
  ASSERT_TRUE(Ingest(*a, {.name = "d"}, {TwoGraphs()}).ok());
  ASSERT_TRUE(Remove("records").ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(a->KeepUp()));
  EXPECT_THAT(Message(a->Health()), HasSubstr("were removed"));
  EXPECT_TRUE(a->Get("d@1").ok()) << "nobody deleted it";
}

TEST_F(RadosTest, RadosAWatcherThatIsStuckHoldsNobodyUp) {
  const auto a = Open();
  const auto b = Open();
  std::promise<void> go_on;
  std::atomic<int> calls{0};
  auto watch = b->WatchRecords([&, free = go_on.get_future().share()] {
    ++calls;
    free.wait();
  });
  WaitUntil([&] { return calls == 1; });
  for (int i = 0; i < 20; ++i) {
    a->Announce();
    ASSERT_TRUE(a->ChangeRecords({{absl::StrCat("k", i), std::nullopt, "v"}}).ok());
  }
  EXPECT_EQ(calls, 1);
  go_on.set_value();
  WaitUntil([&] { return CountOf(b->Stats(), "notices_total") > 0; });
  watch.reset();
  EXPECT_LT(calls, 20) << "what comes meanwhile is one call";
}

TEST_F(RadosTest, RadosOfManyRecordsThoseAreReadThatChange) {
  const auto a = Open();
  const auto b = Open();
  std::vector<RecordChange> changes = {{"beat", std::nullopt, "0"}};
  for (int i = 0; i < 500; ++i) {
    changes.push_back({absl::StrCat("record ", i), std::nullopt, std::string(1000, 'x')});
  }
  ASSERT_TRUE(a->ChangeRecords(changes).ok());
  ASSERT_EQ(b->ListRecords()->size(), 501u);
  const auto read = [&] { return CountOf(b->Stats(), "record_read_bytes_total"); };
  const auto beat = [&](int i) {
    ASSERT_TRUE(a->ChangeRecords({{"beat", absl::StrCat(i), absl::StrCat(i + 1)}}).ok());
    EXPECT_EQ(b->ListRecords()->at("beat"), absl::StrCat(i + 1));
  };
  beat(0);  // the first time nobody knows which
  const double before = read();
  EXPECT_GT(before, 1'000'000);
  for (int i = 1; i <= 20; ++i) beat(i);
  EXPECT_LT(read() - before, 20 * 20);
  // Others, and new ones, and those that go are seen at once.
  ASSERT_TRUE(a->ChangeRecords({{"record 7", std::string(1000, 'x'), "y"},
                                {"record 8", std::string(1000, 'x'), std::nullopt},
                                {"beat", "21", std::nullopt},
                                {"new", std::nullopt, "z"}})
                  .ok());
  EXPECT_EQ(*b->ListRecords(), *a->ListRecords());
  EXPECT_EQ(b->ListRecords()->at("record 7"), "y");
  EXPECT_EQ(b->ListRecords()->size(), 500u);
}

}  // namespace
}  // namespace graphfeed
