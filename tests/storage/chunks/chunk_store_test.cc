// What every ChunkStore promises, over each of them.

#include "storage/chunks/chunk_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/chunks/open_store.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

absl::Status Unchecked(const std::string&) { return absl::OkStatus(); }

class ChunkStoreTest : public EveryStore {};
INSTANTIATE_TEST_SUITE_P(All, ChunkStoreTest,
                         testing::ValuesIn(AndRados({StoreKind::kMemory, StoreKind::kSharedMemory,
                                                     StoreKind::kCachedMemory,
                                                     StoreKind::kRocksDb})),
                         StoreKindName);

void Write(ChunkStore& store, uint64_t column, const std::vector<std::string>& chunks) {
  auto writer = store.NewWriter(column, 0);
  ASSERT_TRUE(writer.ok());
  for (size_t i = 0; i < chunks.size(); ++i) {
    ASSERT_TRUE((*writer)->Add(static_cast<uint32_t>(i), chunks[i]).ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
}

absl::StatusOr<std::string> Read(ChunkStore& store, ChunkKey key) {
  absl::StatusOr<std::string> result = absl::InternalError("not visited");
  int visits = 0;
  store.ReadChunks({key}, [&](size_t index, absl::StatusOr<absl::string_view> value) {
    EXPECT_EQ(index, 0u);
    ++visits;
    if (value.ok()) {
      result = std::string(*value);
    } else {
      result = value.status();
    }
  });
  EXPECT_EQ(visits, 1);
  return result;
}

std::vector<uint64_t> Columns(ChunkStore& store) { return ColumnUids(store); }

// Without those that have only been begun.
std::vector<uint64_t> ColumnsWithChunks(ChunkStore& store) {
  const auto columns = store.ListColumns();
  EXPECT_TRUE(columns.ok()) << columns.status();
  std::vector<uint64_t> uids;
  for (const ColumnChunks& column : *columns) {
    if (column.num_chunks > 0) uids.push_back(column.column);
  }
  return uids;
}

TEST_P(ChunkStoreTest, ReadsManyChunksAtOnceEachExactlyOnce) {
  const auto store = Open();
  std::mt19937_64 rng(1);
  std::map<ChunkKey, std::string> expected;
  for (uint64_t column : {3, 1, 700}) {
    std::vector<std::string> chunks;
    for (uint32_t i = 0; i < 300; ++i) {
      std::string chunk(rng() % 5000, '\0');
      for (char& c : chunk) c = static_cast<char>(rng());
      expected[{column, i}] = chunk;
      chunks.push_back(std::move(chunk));
    }
    Write(*store, column, chunks);
  }
  std::vector<ChunkKey> keys;
  for (const auto& [key, value] : expected) keys.push_back(key);
  std::shuffle(keys.begin(), keys.end(), rng);
  keys.push_back(keys.front());  // repeated
  keys.push_back({3, 300});      // beyond the end
  keys.push_back({2, 0});        // of no column
  std::vector<int> visits(keys.size());
  store->ReadChunks(keys, [&](size_t i, absl::StatusOr<absl::string_view> value) {
    ++visits[i];
    const auto it = expected.find(keys[i]);
    if (it == expected.end()) {
      EXPECT_TRUE(absl::IsNotFound(value.status())) << value.status();
    } else {
      ASSERT_TRUE(value.ok()) << value.status();
      EXPECT_TRUE(*value == it->second);
    }
  });
  EXPECT_THAT(visits, testing::Each(1));
}

TEST_P(ChunkStoreTest, NothingIsReadableBeforeFinish) {
  const auto store = Open();
  auto writer = store->NewWriter(5, 0);
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Add(0, "rows").ok());
  EXPECT_TRUE(absl::IsNotFound(Read(*store, {5, 0}).status()));
  EXPECT_THAT(ColumnsWithChunks(*store), IsEmpty());
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_EQ(*Read(*store, {5, 0}), "rows");
  EXPECT_THAT(Columns(*store), ElementsAre(5));
}

TEST_P(ChunkStoreTest, AnUnfinishedWriterLeavesNothing) {
  const auto store = Open();
  const int64_t before = store->StoredBytes();
  {
    auto writer = store->NewWriter(5, 0);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Add(0, std::string(1 << 20, 'x')).ok());
  }
  EXPECT_THAT(Columns(*store), IsEmpty());
  EXPECT_LE(store->StoredBytes(), before + 4096);
}

TEST_P(ChunkStoreTest, AWriterWithoutChunksMakesNoColumn) {
  const auto store = Open();
  Write(*store, 5, {});
  EXPECT_THAT(Columns(*store), IsEmpty());
}

TEST_P(ChunkStoreTest, ChunksAndRecordsSurviveReopening) {
  {
    const auto store = Open();
    Write(*store, 1, {"a", "b"});
    Write(*store, uint64_t{1} << 40, {"c"});
    ASSERT_TRUE(ChangeRecord(*store, "k", "v").ok());
    ASSERT_TRUE(ChangeRecord(*store, "gone", "v").ok());
    ASSERT_TRUE(ChangeRecord(*store, "gone", std::nullopt).ok());
  }
  for (int reopened = 0; reopened < 3; ++reopened) {
    const auto store = Open();
    EXPECT_EQ(*Read(*store, {1, 1}), "b");
    EXPECT_EQ(*Read(*store, {uint64_t{1} << 40, 0}), "c");
    EXPECT_THAT(*store->ListRecords(), ElementsAre(Pair("k", "v")));
    EXPECT_THAT(Columns(*store), ElementsAre(1, uint64_t{1} << 40));
  }
}

TEST_P(ChunkStoreTest, DeletingColumnsLeavesTheirNeighbours) {
  {
    const auto store = Open();
    for (uint64_t column = 1; column <= 6; ++column) {
      Write(*store, column, {"first", "second"});
    }
    ASSERT_TRUE(store->DeleteColumns({2, 3, 5, 99}).ok());
    EXPECT_THAT(Columns(*store), ElementsAre(1, 4, 6));
    EXPECT_TRUE(absl::IsNotFound(Read(*store, {3, 1}).status()));
    EXPECT_EQ(*Read(*store, {4, 1}), "second");
    ASSERT_TRUE(store->DeleteColumns({}).ok());
  }
  const auto store = Open();
  EXPECT_THAT(Columns(*store), ElementsAre(1, 4, 6));
}

TEST_P(ChunkStoreTest, DeletingColumnsFreesTheirBytes) {
  const auto store = Open();
  const int64_t before = store->StoredBytes();
  std::mt19937_64 rng(2);
  std::vector<std::string> chunks(64, std::string(16 << 10, '\0'));
  for (std::string& chunk : chunks) {
    for (char& c : chunk) c = static_cast<char>(rng());
  }
  Write(*store, 1, chunks);
  EXPECT_GE(store->StoredBytes(), before + (1 << 20));
  ASSERT_TRUE(store->DeleteColumns({1}).ok());
  EXPECT_LE(store->StoredBytes(), before + (64 << 10));
}

TEST_P(ChunkStoreTest, RecordsAreListedInOrderAndOverwritten) {
  const auto store = Open();
  EXPECT_THAT(*store->ListRecords(), IsEmpty());
  for (const char* key : {"b", "a", "c"}) ASSERT_TRUE(ChangeRecord(*store, key, "1").ok());
  ASSERT_TRUE(ChangeRecord(*store, "b", "2").ok());
  ASSERT_TRUE(ChangeRecord(*store, "c", std::nullopt).ok());
  ASSERT_TRUE(ChangeRecord(*store, "never there", std::nullopt).ok());
  EXPECT_THAT(*store->ListRecords(), ElementsAre(Pair("a", "1"), Pair("b", "2")));
}

TEST_P(ChunkStoreTest, AllRecordsAreChangedOrNone) {
  const auto store = Open();
  ASSERT_TRUE(store->ChangeRecords({{"a", std::nullopt, "1"}, {"b", std::nullopt, "1"}}).ok());
  ASSERT_TRUE(store->ChangeRecords({{"a", "1", "2"}, {"b", "1", std::nullopt}}).ok());
  EXPECT_THAT(*store->ListRecords(), ElementsAre(Pair("a", "2")));
  using Changes = std::vector<RecordChange>;
  for (const Changes& changes : {
           Changes{{"c", std::nullopt, "1"}, {"a", "1", "3"}},           // was changed
           Changes{{"a", "2", "3"}, {"b", "1", "2"}},                    // is gone
           Changes{{"a", "2", "3"}, {"b", "1", "1"}},                    // must not change
           Changes{{"a", std::nullopt, "3"}, {"c", std::nullopt, "1"}},  // is there
           Changes{{"a", std::nullopt, std::nullopt}, {"c", std::nullopt, "1"}},
       }) {
    const absl::Status status = store->ChangeRecords(changes);
    EXPECT_TRUE(absl::IsAborted(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("\" was changed since it was read"));
    EXPECT_THAT(*store->ListRecords(), ElementsAre(Pair("a", "2")));
  }
  EXPECT_TRUE(store->ChangeRecords({{"a", "2", "2"}, {"b", std::nullopt, std::nullopt}}).ok());
  EXPECT_TRUE(store->ChangeRecords({}).ok());
  EXPECT_THAT(*store->ListRecords(), ElementsAre(Pair("a", "2")));
}

TEST_P(ChunkStoreTest, OfManyWhoChangeARecordEachIsCounted) {
  const auto first = Open();
  const auto second = first->shared() ? Open() : nullptr;
  constexpr int kThreads = 4;
  constexpr int kTimes = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ChunkStore& store = second != nullptr && t % 2 == 1 ? *second : *first;
      for (int done = 0; done < kTimes;) {
        const auto records = store.ListRecords();
        ASSERT_TRUE(records.ok()) << records.status();
        const std::optional<std::string> before = FindRecord(*records, "count");
        const int count = before.has_value() ? std::stoi(*before) : 0;
        const absl::Status status =
            store.ChangeRecords({{"count", before, std::to_string(count + 1)}});
        ASSERT_TRUE(status.ok() || absl::IsAborted(status)) << status;
        if (status.ok()) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(*first->ListRecords(), ElementsAre(Pair("count", std::to_string(kThreads * kTimes))));
}

TEST(OpenStoreTest, APathIsAFolderOfRocksDb) {
  const TestFolder folder;
  const std::string path = (folder.path() / "data").string();
  for (const std::string& place : {path, "rocksdb://" + path}) {
    const auto store = OpenStore(place);
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_TRUE((*store)->StartWriting().ok());
    EXPECT_TRUE(std::filesystem::exists(path + "/CATALOG"));
    EXPECT_FALSE((*store)->shared());
    EXPECT_FALSE((*store)->read_only());
  }
  EXPECT_TRUE((*OpenStore(path, {.access = StoreAccess::kReadOnly}))->read_only());
  EXPECT_EQ(
      OpenStore("tape://1").status(),
      absl::InvalidArgumentError("\"tape://1\" is no store: \"tape\" is none of rocksdb, rados"));
  EXPECT_TRUE(absl::IsInvalidArgument(OpenStore("").status()));
}

TEST(RocksDbChunkStoreTest, ASecondProcessIsToldWhoIsInTheWay) {
  const TestFolder folder;
  const auto first = OpenToWrite(folder.path());
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = OpenToWrite(folder.path());
  EXPECT_TRUE(absl::IsFailedPrecondition(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(folder.path().string()));
}

TEST(RocksDbChunkStoreTest, ASnapshotRemovesNothingThatWasThere) {
  TestFolder folder;
  const auto store = OpenToWrite(folder.path() / "data");
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(
      (*store)->snapshots()->Snapshot((folder.path() / "monday.tmp").string(), Unchecked).ok());
  ASSERT_TRUE(std::filesystem::exists(folder.path() / "monday.tmp" / "CURRENT"));
  for (const char* name : {"monday", "monday/"}) {
    const absl::Status status =
        (*store)->snapshots()->Snapshot((folder.path() / name).string(), Unchecked);
    EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "monday.tmp" / "CURRENT"));
  }
  std::filesystem::remove_all(folder.path() / "monday.tmp");
  EXPECT_TRUE((*store)->snapshots()->Snapshot((folder.path() / "monday").string(), Unchecked).ok());
}

TEST(RocksDbChunkStoreTest, BulkFilesOfACrashAreRemoved) {
  const TestFolder folder;
  ASSERT_TRUE(OpenToWrite(folder.path()).ok());
  const auto left = folder.path() / "bulk" / "7.sst";
  std::ofstream(left) << "half a file";
  ASSERT_TRUE(OpenToWrite(folder.path()).ok());
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST(RocksDbChunkStoreTest, AFolderOfSomebodyElseIsLeftAsItIs) {
  const TestFolder folder;
  const auto bulk = folder.path() / "bulk";
  std::filesystem::create_directories(bulk);
  std::ofstream(bulk / "letter.txt") << "dear";
  const absl::Status status = OpenToWrite(folder.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("holds \"bulk\""));
  EXPECT_TRUE(std::filesystem::exists(bulk / "letter.txt"));
  std::filesystem::remove_all(bulk);
  std::ofstream(folder.path() / ".keep") << "";
  std::filesystem::create_directories(folder.path() / "lost+found");
  EXPECT_TRUE(OpenToWrite(folder.path()).ok());
}

TEST(RocksDbChunkStoreTest, StartingAgainAndAgainDoesNotGrowTheFolder) {
  const TestFolder folder;
  const auto start = [&] {
    const auto store = OpenToWrite(folder.path());
    EXPECT_TRUE(store.ok()) << store.status();
  };
  const auto num_files = [&] {
    const std::filesystem::directory_iterator files(folder.path());
    return std::distance(begin(files), end(files));
  };
  for (int i = 0; i < 10; ++i) start();
  const auto files = num_files();
  for (int i = 0; i < 10; ++i) start();
  EXPECT_LE(num_files(), files + 4);  // small tables that await their compaction
}

TEST(RocksDbChunkStoreTest, AColumnMayBeLargerThanAFile) {
  const TestFolder folder;
  const auto store = OpenToWrite(folder.path());
  ASSERT_TRUE(store.ok()) << store.status();
  std::mt19937_64 rng(3);
  std::string chunk(4 << 20, '\0');
  for (size_t i = 0; i + 8 <= chunk.size(); i += 8) {
    const uint64_t noise = rng();
    std::memcpy(&chunk[i], &noise, 8);
  }
  auto writer = (*store)->NewWriter(1, 0);
  ASSERT_TRUE(writer.ok());
  for (uint32_t i = 0; i < 40; ++i) {  // 160 MiB
    chunk[0] = static_cast<char>(i);
    ASSERT_TRUE((*writer)->Add(i, chunk).ok());
  }
  ASSERT_TRUE((*writer)->Finish().ok());
  for (uint32_t i : {0, 15, 16, 39}) {
    const auto value = Read(**store, {1, i});
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(value->at(0), static_cast<char>(i));
  }
  EXPECT_THAT(Columns(**store), ElementsAre(1));
  ASSERT_TRUE((*store)->DeleteColumns({1}).ok());
  EXPECT_LE((*store)->StoredBytes(), 1 << 20);
}

}  // namespace
}  // namespace graphfeed
