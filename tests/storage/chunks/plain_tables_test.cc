#include "storage/chunks/plain_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "storage/chunks/column_reader.h"
#include "storage/chunks/column_writer.h"
#include "storage/chunks/folder_lock.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

std::string RandomRows(int64_t bytes, uint64_t seed) {
  std::mt19937_64 rng(seed);
  std::string rows(static_cast<size_t>(bytes), '\0');
  for (char& c : rows) c = static_cast<char>(rng());
  return rows;
}

class PlainTablesTest : public testing::Test {
 protected:
  // A column of `rows`, in a chunk each of which lie `chunk_bytes`.
  ColumnStorage Write(uint64_t uid, const std::string& rows, int64_t row_bytes,
                      int64_t chunk_bytes) {
    const auto store = Store();
    ColumnWriter writer(*store, uid, row_bytes, chunk_bytes);
    EXPECT_TRUE(writer.Append(std::ssize(rows) / row_bytes, rows).ok());
    EXPECT_TRUE(writer.Finish().ok());
    return writer.stored().storage;
  }

  std::unique_ptr<ChunkStore> Store() {
    auto store = *OpenRocksDbChunkStore(folder_.path().string());
    EXPECT_TRUE(store->StartWriting().ok());
    return store;
  }

  void Open(int max_files) {
    lock_ = *FolderLock::Acquire(folder_.path().string(), FolderLock::Kind::kShared);
    database_ = *RocksDbDatabase::Open(*lock_, RocksDbDatabase::Mode::kRead, 20);
    tables_ = std::make_unique<PlainTables>(*lock_, max_files);
  }

  // The chunks, in this order, without RocksDB; where that is not possible nothing.
  std::map<uint32_t, std::string> Read(const ColumnStorage& storage,
                                       const std::vector<uint32_t>& chunks) {
    std::vector<ChunkKey> keys;
    for (const uint32_t chunk : chunks) keys.push_back({storage.uid, chunk});
    std::map<uint32_t, std::string> read;
    std::vector<int> visits(keys.size());
    tables_->Read(
        *database_, keys,
        [&](size_t i, absl::string_view value) {
          ++visits[i];
          const auto rows =
              OpenChunk(keys[i], storage.rows_in_chunk(keys[i].chunk), storage.row_bytes, value);
          EXPECT_TRUE(rows.ok()) << rows.status();
          if (rows.ok()) read[keys[i].chunk] = std::string(*rows);
        },
        [&](size_t i) { ++visits[i]; });
    EXPECT_THAT(visits, testing::Each(1));
    return read;
  }

  static std::vector<uint32_t> All(const ColumnStorage& storage) {
    std::vector<uint32_t> chunks(static_cast<size_t>(storage.num_chunks()));
    for (size_t i = 0; i < chunks.size(); ++i) chunks[i] = static_cast<uint32_t>(i);
    return chunks;
  }

  TestFolder folder_;
  std::unique_ptr<FolderLock> lock_;
  std::unique_ptr<RocksDbDatabase> database_;
  std::unique_ptr<PlainTables> tables_;
};

TEST_F(PlainTablesTest, FindsEveryChunkOfWhatDoesNotCompress) {
  struct Case {
    int64_t row_bytes;
    int64_t num_rows;
    int64_t chunk_bytes;
  };
  std::vector<std::pair<ColumnStorage, std::string>> columns;
  for (const Case& c :
       {Case{512, 1000, 512}, Case{300, 777, 512}, Case{8, 999, 64}, Case{1500, 50, 3000},
        Case{400, 10, 400}, Case{400, 18, 400}, Case{400, 19, 400}, Case{64, 10'001, 16 << 10},
        Case{100, 1, 512}, Case{20'000, 9, 512}}) {
    const std::string rows = RandomRows(c.num_rows * c.row_bytes, columns.size());
    columns.emplace_back(Write(columns.size() + 1, rows, c.row_bytes, c.chunk_bytes), rows);
  }
  Open(16);
  for (const auto& [storage, rows] : columns) {
    SCOPED_TRACE(storage.row_bytes);
    std::string all;
    for (const auto& [chunk, value] : Read(storage, All(storage))) all += value;
    EXPECT_TRUE(all == rows);
    // In any order, some twice, with gaps, and none that there is not.
    std::vector<uint32_t> some = All(storage);
    std::mt19937_64 rng(5);
    std::shuffle(some.begin(), some.end(), rng);
    some.resize((some.size() + 1) / 2);
    some.push_back(some.front());
    const size_t expected = some.size() - 1;
    some.push_back(static_cast<uint32_t>(storage.num_chunks()));
    const auto read = Read(storage, some);
    EXPECT_EQ(read.size(), expected);
    const int64_t full = storage.rows_per_chunk * storage.row_bytes;
    for (const auto& [chunk, value] : read) {
      EXPECT_TRUE(value == rows.substr(chunk * static_cast<size_t>(full), value.size()));
    }
  }
  EXPECT_TRUE(Read({.uid = 99, .num_rows = 8, .row_bytes = 8}, {0, 1}).empty());
}

// Files are of 64 MiB.
TEST_F(PlainTablesTest, FindsChunksInEveryFileOfAColumn) {
  constexpr int64_t kRow = int64_t{1} << 20;
  const std::string rows = RandomRows(kRow, 1);
  {
    const auto store = Store();
    ColumnWriter writer(*store, 1, kRow, kRow);
    for (int i = 0; i < 70; ++i) ASSERT_TRUE(writer.Append(1, rows).ok());
    ASSERT_TRUE(writer.Finish().ok());
  }
  const ColumnStorage storage{.uid = 1, .num_rows = 70, .row_bytes = kRow};
  Open(1);  // two are one too many
  EXPECT_TRUE(Read(storage, All(storage)).empty());
  tables_ = std::make_unique<PlainTables>(*lock_, 2);
  EXPECT_EQ(Read(storage, All(storage)).size(), 70);
}

TEST_F(PlainTablesTest, LeavesWhatIsCompressedOrOfSeveralSizesToRocksDb) {
  const ColumnStorage compressed = Write(1, std::string(100'000, 'x'), 100, 1000);
  std::string mixed = RandomRows(500'000, 2);
  mixed.append(500'000, 'x');
  const ColumnStorage half = Write(2, mixed, 100, 16 << 10);
  {
    const auto store = Store();
    const auto writer = *store->NewWriter(3, 0);
    for (uint32_t i = 0; i < 50; ++i) {
      ASSERT_TRUE(writer->Add(i, RandomRows(100 + i % 3, i)).ok());
    }
    ASSERT_TRUE(writer->Finish().ok());
  }
  Open(8);
  EXPECT_TRUE(Read(compressed, All(compressed)).empty());
  EXPECT_TRUE(Read(half, All(half)).empty());
  EXPECT_TRUE(Read({.uid = 3, .num_rows = 50, .row_bytes = 100}, {0, 1, 2}).empty());
}

// A row of zeros among floats must not send the whole column through RocksDB.
TEST_F(PlainTablesTest, ShortChunksAreCompressedAllOrNone) {
  std::string floats = RandomRows(100 * 512, 4);
  floats.replace(0, 512, 512, '\0');
  floats.replace(90 * 512, 512, 512, '\0');
  const ColumnStorage dense = Write(1, floats, 512, 512);
  std::string words(100 * 512, '\0');
  for (int i = 0; i < 100; ++i) words[static_cast<size_t>(i * 512 + i)] = 1;
  const ColumnStorage sparse = Write(2, words, 512, 512);
  Open(8);
  EXPECT_EQ(Read(dense, All(dense)).size(), 100);
  EXPECT_TRUE(Read(sparse, All(sparse)).empty());
  std::map<uint64_t, uint64_t> bytes;
  for (const TableFile& table : database_->Tables()) {
    bytes[std::stoull(table.name)] = table.bytes;
  }
  ASSERT_EQ(bytes.size(), 2u);
  EXPECT_GT(bytes.begin()->second, 100u * 512);
  EXPECT_LT(bytes.rbegin()->second, 100u * 200);
}

TEST_F(PlainTablesTest, KeepsNoMoreFilesOpenThanItMay) {
  std::vector<ColumnStorage> columns;
  for (uint64_t uid = 1; uid <= 5; ++uid) {
    columns.push_back(Write(uid, RandomRows(4000, uid), 400, 400));
  }
  const auto open = [&] {
    int64_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const auto file = std::filesystem::read_symlink(entry.path(), gone);
      count += !gone && file.extension() == ".sst" && file.parent_path() == folder_.path();
    }
    return count;
  };
  Open(2);
  for (int round = 0; round < 2; ++round) {
    for (const ColumnStorage& column : columns) EXPECT_EQ(Read(column, All(column)).size(), 10);
  }
  const int64_t of_rocksdb = 5;
  EXPECT_LE(open(), of_rocksdb + 2);
  const int64_t before = open();
  tables_->Forget({4, 5, 77});
  EXPECT_EQ(open(), before - 2);
  tables_ = std::make_unique<PlainTables>(*lock_, 0);
  EXPECT_TRUE(Read(columns[0], {0}).empty());
}

// Over the bytes of two chunks and of what RocksDB has between them.
TEST_F(PlainTablesTest, NoFlippedBitIsRead) {
  const std::string rows = RandomRows(400 * 20, 3);
  const ColumnStorage storage = Write(1, rows, 400, 400);
  std::string path;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    if (entry.path().extension() == ".sst") path = entry.path().string();
  }
  int losses = 0;
  for (int64_t position = 0; position < 2 * 470; position += 7) {
    SCOPED_TRACE(position);
    const auto flip = [&] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(position);
      const char c = static_cast<char>(file.get());
      file.seekp(position);
      file.put(static_cast<char>(c ^ 0x10));
    };
    flip();
    std::string read;
    const absl::Status status = ReadColumn(*Store(), storage, [&](absl::string_view part) {
      read.append(part.data(), part.size());
      return absl::OkStatus();
    });
    if (status.ok()) {
      EXPECT_TRUE(read == rows);
    } else {
      ++losses;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("chunk "));
    }
    flip();
  }
  EXPECT_GE(losses, 2 * 432 / 7);
}

TEST_F(PlainTablesTest, AColumnThatIsGoneIsNotReadFromItsFile) {
  Write(1, RandomRows(4000, 1), 400, 400);
  const auto store = Store();
  const ColumnStorage storage{.uid = 1, .num_rows = 10, .row_bytes = 400};
  const auto read = [&] {
    return ReadColumn(*store, storage, [](absl::string_view) { return absl::OkStatus(); });
  };
  EXPECT_TRUE(read().ok());
  ASSERT_TRUE(store->DeleteColumns({1}).ok());
  EXPECT_TRUE(absl::IsDataLoss(read())) << read();
  // A column that is asked for before it is there is found when it is.
  const ColumnStorage next{.uid = 2, .num_rows = 10, .row_bytes = 400};
  EXPECT_FALSE(ReadColumn(*store, next, [](auto) { return absl::OkStatus(); }).ok());
  ColumnWriter writer(*store, 2, 400, 400);
  ASSERT_TRUE(writer.Append(10, RandomRows(4000, 2)).ok());
  ASSERT_TRUE(writer.Finish().ok());
  EXPECT_TRUE(ReadColumn(*store, next, [](auto) { return absl::OkStatus(); }).ok());
}

}  // namespace
}  // namespace graphfeed
