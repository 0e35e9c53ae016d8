#include "storage/catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "storage/set_aside.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class CatalogTest : public EveryStore {};
INSTANTIATE_TEST_SUITE_P(All, CatalogTest, testing::Values(StoreKind::kMemory, StoreKind::kRocksDb),
                         StoreKindName);

std::vector<std::string> Names(const Catalog& catalog) {
  std::vector<std::string> names;
  for (const DatasetInfo& info : catalog.List()) {
    names.push_back(absl::StrCat(info.name, "@", info.version));
  }
  return names;
}

void Add(Catalog& catalog, const std::string& name) {
  const auto info = Ingest(catalog, {.name = name}, {TwoGraphs()});
  ASSERT_TRUE(info.ok()) << info.status();
}

TEST_P(CatalogTest, ListsByNameThenVersion) {
  const auto catalog = OpenCatalog();
  for (const char* name : {"b", "a", "b", "a", "a.b"}) Add(*catalog, name);
  for (int i = 0; i < 9; ++i) Add(*catalog, "c");
  EXPECT_THAT(Names(*catalog), ElementsAre("a@1", "a@2", "a.b@1", "b@1", "b@2", "c@1", "c@2", "c@3",
                                           "c@4", "c@5", "c@6", "c@7", "c@8", "c@9"));
}

TEST_P(CatalogTest, ANameIsItsNewestVersion) {
  const auto catalog = OpenCatalog();
  for (int i = 0; i < 3; ++i) Add(*catalog, "mutag");
  EXPECT_EQ(catalog->Get("mutag")->version, 3);
  EXPECT_EQ(catalog->Get("mutag@2")->version, 2);
  EXPECT_EQ((*catalog->OpenDataset("mutag"))->info().version, 3);
}

TEST_P(CatalogTest, WhatIsNotThereIsNamedBesideWhatIs) {
  const auto catalog = OpenCatalog();
  for (int i = 0; i < 2; ++i) Add(*catalog, "mutag");
  const absl::Status expected =
      absl::NotFoundError("dataset \"mutag\" has no version 7; versions: 1, 2");
  EXPECT_EQ(catalog->Get("mutag@7").status(), expected);
  EXPECT_EQ(catalog->OpenDataset("mutag@7").status(), expected);
  EXPECT_EQ(catalog->Delete("mutag", 7), expected);
  EXPECT_EQ(catalog->Get("nope").status(), absl::NotFoundError("there is no dataset \"nope\""));
  for (const char* bad : {"mutag@", "mutag@x", "mutag@0", "mutag@-1", "mutag@1@2", "mutag@ 1",
                          "mutag@99999999999999999999", "", "@1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(catalog->Get(bad).status())) << bad;
  }
}

TEST_P(CatalogTest, ADeletedVersionIsGoneAndItsNumberIsNotUsedAgain) {
  {
    const auto catalog = OpenCatalog();
    for (int i = 0; i < 3; ++i) Add(*catalog, "d");
    ASSERT_TRUE(catalog->Delete("d", 3).ok());
    EXPECT_EQ(catalog->Get("d")->version, 2);
    ASSERT_TRUE(catalog->Delete("d", 1).ok());
    EXPECT_THAT(Names(*catalog), ElementsAre("d@2"));
    Add(*catalog, "d");
    EXPECT_THAT(Names(*catalog), ElementsAre("d@2", "d@4"));
    ASSERT_TRUE(catalog->Delete("d", 2).ok());
    ASSERT_TRUE(catalog->Delete("d", 4).ok());
    EXPECT_THAT(catalog->List(), IsEmpty());
    EXPECT_TRUE(absl::IsNotFound(catalog->Get("d").status()));
  }
  const auto catalog = OpenCatalog();
  EXPECT_THAT(catalog->List(), IsEmpty());
  Add(*catalog, "d");
  EXPECT_THAT(Names(*catalog), ElementsAre("d@5"));
}

TEST(UnusedVersionTest, WhatIsOpenOrWasNotLongAgoIsNotDeletedUnused) {
  std::chrono::steady_clock::time_point now{std::chrono::hours(1)};
  auto disk = std::make_shared<MemoryDisk>();
  const auto opened =
      Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {.clock = [&now] { return now; }});
  ASSERT_TRUE(opened.ok()) << opened.status();
  Catalog& catalog = **opened;
  Add(catalog, "d");
  const auto unused = [&] { return catalog.DeleteUnused("d", 1, absl::Minutes(10)); };
  EXPECT_TRUE(absl::IsFailedPrecondition(unused()));  // published just now
  now += std::chrono::minutes(11);
  {
    const auto dataset = catalog.OpenDataset("d");
    now += std::chrono::minutes(60);
    EXPECT_TRUE(absl::IsFailedPrecondition(unused()));
  }
  now += std::chrono::minutes(9);
  EXPECT_TRUE(absl::IsFailedPrecondition(unused()));
  EXPECT_TRUE(absl::IsFailedPrecondition(catalog.DeleteUnused("d", 1, absl::Hours(1))));
  now += std::chrono::minutes(2);
  EXPECT_TRUE(unused().ok());
  EXPECT_TRUE(absl::IsNotFound(unused()));
}

TEST_P(CatalogTest, AVersionKnowsWhenItWasPublishedHere) {
  const absl::Time before = absl::Now() - absl::Seconds(1);
  {
    const auto catalog = OpenCatalog();
    Add(*catalog, "d");
  }
  const absl::Time after = absl::Now();
  const auto catalog = OpenCatalog();
  const std::vector<VersionAge> ages = catalog->Ages();
  ASSERT_THAT(ages, SizeIs(1));
  ASSERT_TRUE(ages[0].published.has_value());
  EXPECT_GE(*ages[0].published, before);
  EXPECT_LE(*ages[0].published, after);
}

TEST_P(CatalogTest, DeletingFreesTheDisk) {
  const auto catalog = OpenCatalog();
  Add(*catalog, "small");
  const int64_t before = catalog->stats().stored_bytes;
  ASSERT_TRUE(Ingest(*catalog, {.name = "d"}, {RandomGraphs(1, 3000)}).ok());
  EXPECT_GT(catalog->stats().stored_bytes, before + (1 << 20));
  ASSERT_TRUE(catalog->Delete("d", 1).ok());
  EXPECT_LE(catalog->stats().stored_bytes, before + (32 << 10));
}

TEST_P(CatalogTest, AnOpenDatasetOutlivesItsVersion) {
  const auto catalog = OpenCatalog({.memory_budget_bytes = 0});  // every read goes to the store
  const GraphBlock graphs = RandomGraphs(2, 3000);
  ASSERT_TRUE(Ingest(*catalog, {.name = "d"}, {graphs}).ok());
  const int64_t full = catalog->stats().stored_bytes;
  auto dataset = *catalog->OpenDataset("d");
  ASSERT_TRUE(catalog->Delete("d", 1).ok());
  EXPECT_TRUE(absl::IsNotFound(catalog->OpenDataset("d").status()));
  ExpectHolds(*dataset, graphs);
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  dataset.reset();
  // Swept in the background; the test's timeout ends it where that never comes.
  while (catalog->stats().stored_bytes > full / 4) std::this_thread::yield();
}

TEST_P(CatalogTest, DatasetsAndIngestsMayOutliveTheCatalog) {
  std::shared_ptr<Dataset> dataset;
  std::unique_ptr<GraphSink> session;
  {
    const auto catalog = OpenCatalog();
    Add(*catalog, "d");
    dataset = *catalog->OpenDataset("d");
    session = *catalog->StartIngest({.name = "e"});
  }
  ExpectHolds(*dataset, TwoGraphs());
  ASSERT_TRUE(session->Append(TwoGraphs()).ok());
  ASSERT_TRUE(session->Commit().ok());
  dataset.reset();
  session.reset();
  EXPECT_THAT(Names(*OpenCatalog()), ElementsAre("d@1", "e@1"));
}

TEST_P(CatalogTest, AllWhoOpenAVersionShareIt) {
  const auto catalog = OpenCatalog();
  Add(*catalog, "d");
  auto first = *catalog->OpenDataset("d");
  const int64_t offsets = catalog->stats().offsets_bytes;
  EXPECT_EQ(offsets, 2 * 3 * 8);
  EXPECT_EQ(*catalog->OpenDataset("d@1"), first);
  EXPECT_EQ(catalog->stats().offsets_bytes, offsets);
  first.reset();
  EXPECT_EQ(catalog->stats().offsets_bytes, 0);
}

TEST_P(CatalogTest, ClosingADatasetKeepsItsChunksInMemory) {
  const auto catalog = OpenCatalog();
  Add(*catalog, "d");
  for (int round = 0; round < 2; ++round) {
    const auto dataset = *catalog->OpenDataset("d");
    ASSERT_TRUE(ReadColumnRows(*dataset, 0).ok());
  }
  EXPECT_EQ(catalog->stats().chunk_misses, 1);
  EXPECT_EQ(catalog->stats().chunk_hits, 1);
  ASSERT_TRUE(catalog->Delete("d", 1).ok());
  EXPECT_EQ(catalog->stats().cached_bytes, 0);
}

TEST_P(CatalogTest, ConcurrentIngestsOfOneNameGetDifferentVersions) {
  const auto catalog = OpenCatalog();
  std::vector<std::thread> threads;
  std::vector<int64_t> versions(4);
  for (size_t t = 0; t < versions.size(); ++t) {
    threads.emplace_back([&, t] {
      const auto info = Ingest(*catalog, {.name = "d"}, {RandomGraphs(t, 50)});
      if (info.ok()) versions[t] = info->version;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(std::set<int64_t>(versions.begin(), versions.end()), ElementsAre(1, 2, 3, 4));
  for (size_t t = 0; t < versions.size(); ++t) {
    SCOPED_TRACE(t);
    ExpectHolds(**catalog->OpenDataset(absl::StrCat("d@", versions[t])), RandomGraphs(t, 50));
  }
}

// Versions come, are read and go, all at once.
TEST_P(CatalogTest, IngestReadAndDeleteMayRunTogether) {
  const auto catalog = OpenCatalog({.memory_budget_bytes = 4000, .chunk_bytes = 128});
  const GraphBlock graphs = RandomGraphs(3, 40);
  ASSERT_TRUE(Ingest(*catalog, {.name = "d"}, {graphs}).ok());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto dataset = catalog->OpenDataset("d");
        if (!dataset.ok()) {
          ++wrong;  // there is always a newest version
          continue;
        }
        const auto rows = ReadColumnRows(**dataset, 0);
        if (!rows.ok() || *rows != graphs.columns[0].rows) ++wrong;
        if (catalog->stats().cached_bytes > 4000) ++wrong;
      }
    });
  }
  for (int64_t version = 2; version <= 12; ++version) {
    ASSERT_TRUE(Ingest(*catalog, {.name = "d"}, {graphs}).ok());
    ASSERT_TRUE(catalog->Delete("d", version - 1).ok());
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_THAT(catalog->List(), SizeIs(1));
}

// A crash between the chunks and the manifest of "e": nothing can be written or deleted any more.
void CrashWhilePublishing(const std::shared_ptr<MemoryDisk>& disk) {
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
  disk->on_put_record = [](absl::string_view key) {
    return key == "next_column" ? absl::OkStatus() : absl::UnavailableError("crash");
  };
  disk->on_delete_record = [](absl::string_view) { return absl::UnavailableError("crash"); };
  EXPECT_FALSE(Ingest(**catalog, {.name = "e"}, {TwoGraphs()}).ok());
  catalog->reset();
  disk->on_put_record = [](absl::string_view) { return absl::OkStatus(); };
  disk->on_delete_record = [](absl::string_view) { return absl::OkStatus(); };
}

class SweepTest : public testing::Test {
 protected:
  SweepTest() {
    Add(**Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), {}), "d");
    published_ = disk_->chunk_keys();
    CrashWhilePublishing(disk_);
    EXPECT_GT(disk_->chunk_keys().size(), published_.size());
  }

  const std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::vector<ChunkKey> published_;
};

TEST_F(SweepTest, ColumnsThatNoManifestListsAreSetAsideAtTheStart) {
  const auto all = disk_->chunk_keys();
  for (int start = 0; start < 2; ++start) {
    auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), {});
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    EXPECT_THAT(Names(**catalog), ElementsAre("d@1"));
    EXPECT_EQ((*catalog)->stats().set_aside_columns, 5) << "those of \"e\"";
    EXPECT_TRUE((*catalog)->Sweep().ok());
    EXPECT_EQ(disk_->chunk_keys(), all);
  }
}

TEST_F(SweepTest, AndRemovedOnceTheyHaveBeenForLongEnough) {
  { auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), {}); }
  // Two hours ago they were seen.
  disk_->EditRecord("set_aside", [](std::string& value) {
    auto columns = DecodeSetAside(value);
    ASSERT_TRUE(columns.ok());
    EXPECT_FALSE(columns->empty());
    for (auto& [column, seen] : *columns) seen -= absl::Hours(2);
    value = EncodeSetAside(*columns);
  });
  auto catalog =
      Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), {.sweep_after = absl::Hours(3)});
  EXPECT_GT(disk_->chunk_keys().size(), published_.size());
  catalog->reset();
  catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), {});
  EXPECT_THAT(Names(**catalog), ElementsAre("d@1"));
  EXPECT_EQ(disk_->chunk_keys(), published_);
}

TEST_F(SweepTest, AtOnceIfSoWished) {
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_),
                               {.sweep_after = absl::ZeroDuration()});
  EXPECT_THAT(Names(**catalog), ElementsAre("d@1"));
  EXPECT_EQ(disk_->chunk_keys(), published_);
}

TEST_F(SweepTest, NotInTheStartThatTakesTheRecordsOfTheOlderFormat) {
  disk_->EditRecord("format", [](std::string& value) { value = "1"; });
  const auto all = disk_->chunk_keys();
  const CatalogOptions options = {.sweep_after = absl::ZeroDuration()};
  {
    auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), options);
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    EXPECT_THAT(Names(**catalog), ElementsAre("d@1"));
    EXPECT_EQ(disk_->chunk_keys(), all);
  }
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), options);
  EXPECT_EQ(disk_->chunk_keys(), published_);
}

TEST_F(SweepTest, NothingIsSweptWhereAColumnOfAVersionIsMissing) {
  ASSERT_TRUE(MemoryChunkStore(disk_).DeleteColumns({published_.front().column}).ok());
  const auto left = disk_->chunk_keys();
  const auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_),
                                     {.sweep_after = absl::ZeroDuration()});
  EXPECT_TRUE(absl::IsDataLoss(catalog.status())) << catalog.status();
  EXPECT_THAT(std::string(catalog.status().message()), HasSubstr("dataset \"d@1\""));
  EXPECT_EQ(disk_->chunk_keys(), left);
}

TEST(SetAsideTest, AClockThatWasWrongDelaysTheRemovalByNoMoreThanItShould) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const SetAsideColumns columns = MergeSetAside(
      {{1, now + absl::Hours(24 * 365)}, {2, now - absl::Hours(2)}, {3, now}}, {1, 2, 4}, now);
  EXPECT_EQ(columns, (SetAsideColumns{{1, now}, {2, now - absl::Hours(2)}, {4, now}}));
  EXPECT_THAT(DueColumns(columns, now, absl::Hours(1)), ElementsAre(2));
  EXPECT_EQ(*DecodeSetAside(EncodeSetAside(columns)), columns);
  EXPECT_TRUE(absl::IsDataLoss(DecodeSetAside("1\n").status()));
}

TEST(CatalogRecoveryTest, ColumnUidsAreNeverUsedAgain) {
  const auto disk = std::make_shared<MemoryDisk>();
  std::set<uint64_t> seen;
  for (int start = 0; start < 5; ++start) {
    auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
    Add(**catalog, "d");
    std::set<uint64_t> columns;
    for (const ChunkKey& key : disk->chunk_keys()) columns.insert(key.column);
    for (const uint64_t column : columns) EXPECT_TRUE(seen.insert(column).second) << column;
    ASSERT_TRUE((*catalog)->Delete("d", start + 1).ok());
    EXPECT_THAT(disk->chunk_keys(), IsEmpty());
  }
}

TEST(CatalogRecoveryTest, ColumnsThatCouldNotBeDeletedAreDeletedByTheNextSweep) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
  Add(**catalog, "d");
  Add(**catalog, "d");
  disk->on_delete_columns = [] { return absl::UnavailableError("busy"); };
  EXPECT_TRUE((*catalog)->Delete("d", 1).ok());
  EXPECT_TRUE(absl::IsUnavailable((*catalog)->Sweep()));
  disk->on_delete_columns = [] { return absl::OkStatus(); };
  EXPECT_TRUE((*catalog)->Delete("d", 2).ok());
  EXPECT_THAT(disk->chunk_keys(), testing::Not(IsEmpty()));
  EXPECT_TRUE((*catalog)->Sweep().ok());
  EXPECT_THAT(disk->chunk_keys(), IsEmpty());
}

TEST(CatalogRecoveryTest, ADeleteThatFailsKeepsTheVersion) {
  const auto disk = std::make_shared<MemoryDisk>();
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
  Add(**catalog, "d");
  disk->on_delete_record = [](absl::string_view) { return absl::UnavailableError("busy"); };
  EXPECT_TRUE(absl::IsUnavailable((*catalog)->Delete("d", 1)));
  ExpectHolds(**(*catalog)->OpenDataset("d"), TwoGraphs());
}

TEST(CatalogRecoveryTest, AnotherFormatIsRefusedBeforeAnythingIsSwept) {
  const auto disk = std::make_shared<MemoryDisk>();
  {
    auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
    Add(**catalog, "d");
  }
  disk->EditRecord("format", [](std::string& value) { value = "3"; });
  const auto before = disk->chunk_keys();
  const auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(catalog.status())) << catalog.status();
  EXPECT_EQ(disk->chunk_keys(), before);
}

TEST(CatalogOptionsTest, ImpossibleOptionsAreRefused) {
  const auto open = [](const CatalogOptions& options) {
    return Catalog::Open(std::make_unique<MemoryChunkStore>(), options).status();
  };
  EXPECT_THAT(std::string(open({.memory_budget_bytes = -1}).message()),
              HasSubstr("memory_budget_bytes is -1"));
  EXPECT_THAT(std::string(open({.ingest_memory_bytes = 0}).message()),
              HasSubstr("ingest_memory_bytes is 0"));
  EXPECT_THAT(std::string(open({.chunk_bytes = 0}).message()), HasSubstr("chunk_bytes is 0"));
  EXPECT_TRUE(open({.memory_budget_bytes = 0}).ok());
}

}  // namespace
}  // namespace graphfeed
