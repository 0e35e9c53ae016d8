// ChunkCache's gathers: the same rows as VisitRows, whatever is in memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/chunks/cache.h"
#include "storage/chunks/column_writer.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GatherTest : public testing::Test {
 protected:
  ColumnStorage Write(int64_t row_bytes, int64_t num_rows, const std::string& rows,
                      int64_t chunk_bytes) {
    ColumnWriter writer(store_, next_uid_++, row_bytes, chunk_bytes);
    EXPECT_TRUE(writer.Append(num_rows, rows).ok());
    EXPECT_TRUE(writer.Finish().ok());
    return writer.stored().storage;
  }
  template <typename T>
  ColumnStorage WriteInts(const std::vector<T>& values, int64_t chunk_bytes) {
    return Write(
        sizeof(T), static_cast<int64_t>(values.size()),
        std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)),
        chunk_bytes);
  }
  static std::vector<int64_t> RandomRows(std::mt19937_64& rng, size_t count, int64_t below) {
    std::vector<int64_t> rows(count);
    for (int64_t& row : rows) row = static_cast<int64_t>(rng() % static_cast<uint64_t>(below));
    return rows;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  MemoryChunkStore store_{disk_};
  uint64_t next_uid_ = 1;
};

TEST_F(GatherTest, RowsOfEverySizeComeInTheOrderAskedFor) {
  std::mt19937_64 rng(1);
  for (const int64_t row_bytes : {0, 1, 3, 4, 8, 12, 16, 20, 63, 64, 100, 128, 512, 1024, 5000}) {
    const int64_t num_rows = 300;
    std::string rows(static_cast<size_t>(row_bytes * num_rows), '\0');
    for (char& c : rows) c = static_cast<char>(rng());
    const ColumnStorage storage = Write(row_bytes, num_rows, rows, 1 << 10);
    for (const int64_t budget : {0, 3000, 1 << 20}) {
      SCOPED_TRACE(testing::Message() << "rows of " << row_bytes << ", budget " << budget);
      ChunkCache cache(store_, budget);
      const auto column = cache.Open(storage);
      for (int pass = 0; pass < 3; ++pass) {
        const auto asked = RandomRows(rng, 1000, num_rows);
        std::string got(asked.size() * static_cast<size_t>(row_bytes), '?');
        const absl::Status status =
            cache.GatherRows(*column, asked, reinterpret_cast<std::byte*>(got.data()));
        ASSERT_TRUE(status.ok()) << status;
        std::string expected;
        for (const int64_t row : asked) expected += rows.substr(row * row_bytes, row_bytes);
        ASSERT_TRUE(got == expected);
      }
      EXPECT_LE(cache.stats().cached_bytes, budget);
    }
  }
}

TEST_F(GatherTest, IntegersAreWidened) {
  std::mt19937_64 rng(2);
  std::vector<int32_t> narrow(1000);
  std::vector<int64_t> wide(1000);
  for (size_t i = 0; i < wide.size(); ++i) {
    wide[i] = static_cast<int64_t>(rng());
    narrow[i] = static_cast<int32_t>(rng());
  }
  ChunkCache cache(store_, 5000);
  const auto narrow_column = cache.Open(WriteInts(narrow, 64));
  const auto wide_column = cache.Open(WriteInts(wide, 64));
  const auto asked = RandomRows(rng, 3000, 1000);
  std::vector<int64_t> got(asked.size());
  ASSERT_TRUE(cache.GatherInts(*narrow_column, asked, absl::MakeSpan(got)).ok());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], narrow[asked[i]]);
  ASSERT_TRUE(cache.GatherInts(*wide_column, asked, absl::MakeSpan(got)).ok());
  for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], wide[asked[i]]);
}

// With chunks of one row every run has its ends in two chunks; with chunks of four some have.
TEST_F(GatherTest, RunsAcrossChunksAreWholeWhicheverHalfIsInMemory) {
  std::mt19937_64 rng(3);
  std::vector<int64_t> ptr = {0};
  for (int i = 0; i < 500; ++i) ptr.push_back(ptr.back() + static_cast<int64_t>(rng() % 5));
  for (const int64_t chunk_bytes : {8, 32, 4096}) {
    const ColumnStorage storage = WriteInts(ptr, chunk_bytes);
    for (const int64_t budget : {0, 2000, 10'000, 1 << 20}) {
      SCOPED_TRACE(testing::Message() << "chunks of " << chunk_bytes << ", budget " << budget);
      ChunkCache cache(store_, budget);
      const auto column = cache.Open(storage);
      for (int pass = 0; pass < 5; ++pass) {
        const auto asked = RandomRows(rng, pass < 2 ? 10 : 2000, 500);
        std::vector<InRun> runs(asked.size());
        ASSERT_TRUE(cache.GatherRuns(*column, asked, absl::MakeSpan(runs)).ok());
        for (size_t i = 0; i < runs.size(); ++i) {
          ASSERT_EQ(runs[i].begin, ptr[asked[i]]);
          ASSERT_EQ(runs[i].count, ptr[asked[i] + 1] - ptr[asked[i]]);
        }
      }
    }
  }
}

TEST_F(GatherTest, EverythingMissingComesInOneCall) {
  std::vector<int64_t> values(4000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i);
  const ColumnStorage storage = WriteInts(values, 64);
  for (const int64_t budget : {0, 1 << 20}) {
    ChunkCache cache(store_, budget);
    const auto column = cache.Open(storage);
    std::mt19937_64 rng(4);
    const auto asked = RandomRows(rng, 20'000, 3999);
    std::vector<int64_t> got(asked.size());
    std::vector<InRun> runs(asked.size());
    const int64_t before = disk_->num_read_calls();
    ASSERT_TRUE(cache.GatherInts(*column, asked, absl::MakeSpan(got)).ok());
    EXPECT_EQ(disk_->num_read_calls(), before + 1);
    EXPECT_EQ(cache.stats().misses, 500);  // each chunk once
    ASSERT_TRUE(cache.GatherRuns(*column, asked, absl::MakeSpan(runs)).ok());
    EXPECT_EQ(disk_->num_read_calls(), before + (budget == 0 ? 2 : 1));
    EXPECT_EQ(got, asked);
  }
}

TEST_F(GatherTest, AGatherOfMoreThanAGroupIsWhole) {
  std::vector<int32_t> values(100'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int32_t>(i);
  const ColumnStorage storage = WriteInts(values, 1 << 10);
  ChunkCache cache(store_, 100'000);
  const auto column = cache.Open(storage);
  std::mt19937_64 rng(5);
  const auto asked = RandomRows(rng, 600'000, 100'000);
  std::vector<int64_t> got(asked.size());
  const int64_t before = disk_->num_read_calls();
  ASSERT_TRUE(cache.GatherInts(*column, asked, absl::MakeSpan(got)).ok());
  EXPECT_TRUE(got == asked);
  EXPECT_EQ(disk_->num_read_calls(), before + 3);
}

TEST_F(GatherTest, RowsThatDoNotExistAreRefusedWhereverTheyStand) {
  const ColumnStorage storage = WriteInts(std::vector<int64_t>(100), 64);
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(storage);
  for (const size_t place : {0, 10, 99, 4999}) {
    for (const int64_t bad : {int64_t{-1}, int64_t{100}, INT64_MIN, INT64_MAX}) {
      std::vector<int64_t> asked(5000, 5);
      asked[place] = bad;
      std::vector<int64_t> got(asked.size());
      std::vector<InRun> runs(asked.size());
      const absl::Status status = cache.GatherInts(*column, asked, absl::MakeSpan(got));
      EXPECT_TRUE(absl::IsInvalidArgument(status));
      EXPECT_THAT(std::string(status.message()),
                  HasSubstr(absl::StrCat("row ", bad, " of a column of 100")));
      EXPECT_TRUE(absl::IsInvalidArgument(
          cache.GatherRows(*column, asked, reinterpret_cast<std::byte*>(got.data()))));
      EXPECT_TRUE(absl::IsInvalidArgument(cache.GatherRuns(*column, asked, absl::MakeSpan(runs))));
    }
  }
  // The last row begins no run.
  InRun run;
  const int64_t last = 99;
  EXPECT_TRUE(absl::IsInvalidArgument(cache.GatherRuns(*column, {&last, 1}, {&run, 1})));
  const int64_t none = 3;
  const auto empty = cache.Open(Write(0, 3, "", 64));
  EXPECT_TRUE(absl::IsInvalidArgument(cache.GatherRows(*empty, {&none, 1}, nullptr)));
}

TEST_F(GatherTest, AChunkThatCannotBeReadIsNamed) {
  const ColumnStorage storage = WriteInts(std::vector<int64_t>(100), 64);
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(storage);
  disk_->Edit({storage.uid, 7}, [](std::string& value) { value.back() ^= 1; });
  const std::vector<int64_t> asked = {1, 60, 20};
  std::vector<int64_t> got(asked.size());
  std::vector<InRun> runs(asked.size());
  for (const absl::Status& status :
       {cache.GatherInts(*column, asked, absl::MakeSpan(got)),
        cache.GatherRuns(*column, asked, absl::MakeSpan(runs)),
        cache.GatherRows(*column, asked, reinterpret_cast<std::byte*>(got.data()))}) {
    EXPECT_TRUE(absl::IsDataLoss(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("chunk 7: "));
  }
}

// Memory for small chunks is taken for many at a time: what an error leaves over goes back, and
// what was read before it stays.
TEST_F(GatherTest, WhatAnErrorLeavesOverGoesBack) {
  const ColumnStorage storage = WriteInts(std::vector<int64_t>(8 * 300, 5), 64);
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(storage);
  std::vector<int64_t> asked;
  for (int64_t chunk = 0; chunk < 300; ++chunk) asked.push_back(8 * chunk);
  std::vector<int64_t> got(asked.size());
  disk_->Edit({storage.uid, 150}, [](std::string& value) { value.back() ^= 1; });
  EXPECT_TRUE(absl::IsDataLoss(cache.GatherInts(*column, asked, absl::MakeSpan(got))));
  EXPECT_EQ(cache.stats().misses, 300);
  disk_->Edit({storage.uid, 150}, [](std::string& value) { value.back() ^= 1; });
  ASSERT_TRUE(cache.GatherInts(*column, asked, absl::MakeSpan(got)).ok());
  EXPECT_LE(cache.stats().misses, 300 + 151) << "from whichever end they are read";
  EXPECT_EQ(got, std::vector<int64_t>(300, 5));
  EXPECT_EQ(cache.stats().evictions, 0);
  cache.Forget(storage.uid);
  EXPECT_EQ(cache.stats().cached_bytes, 0);
}

// Readers of hot and cold rows beside each other, with budgets that evict all the time, and from
// which memory is taken for one chunk or for some at a time.
class GatherUnderEvictionTest : public GatherTest, public testing::WithParamInterface<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Budgets, GatherUnderEvictionTest, testing::Values(20 * 300, 100 * 300));

TEST_P(GatherUnderEvictionTest, ThreadsGatherWhileOthersEvict) {
  std::vector<int64_t> values(4096);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(7 * i);
  const ColumnStorage storage = WriteInts(values, 128);
  ChunkCache cache(store_, GetParam());
  const auto column = cache.Open(storage);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 rng(static_cast<uint64_t>(t));
      for (int round = 0; round < 150; ++round) {
        const auto asked = RandomRows(rng, 300, round % 3 == 0 ? 4095 : 200);
        std::vector<int64_t> got(asked.size());
        std::vector<int64_t> rows(asked.size());
        std::vector<InRun> runs(asked.size());
        const bool ok =
            cache.GatherInts(*column, asked, absl::MakeSpan(got)).ok() &&
            cache.GatherRuns(*column, asked, absl::MakeSpan(runs)).ok() &&
            cache.GatherRows(*column, asked, reinterpret_cast<std::byte*>(rows.data())).ok();
        for (size_t i = 0; i < asked.size(); ++i) {
          if (!ok || got[i] != 7 * asked[i] || rows[i] != got[i] || runs[i].begin != got[i] ||
              runs[i].count != 7) {
            ++wrong;
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(cache.stats().evictions, 0);
  EXPECT_GT(cache.stats().hits, 0);
  EXPECT_LE(cache.stats().cached_bytes, GetParam());
}

}  // namespace
}  // namespace graphfeed
