#include "storage/chunks/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "storage/chunks/column_writer.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

// A column of int64 rows, of which row r holds r, in chunks of 8.
class ChunkCacheTest : public testing::Test {
 protected:
  static constexpr int64_t kRows = 1003;
  static constexpr int64_t kRowsPerChunk = 8;

  ColumnStorage WriteColumn(uint64_t uid, int64_t num_rows = kRows) {
    ColumnWriter writer(store_, uid, sizeof(int64_t), kRowsPerChunk * sizeof(int64_t));
    for (int64_t r = 0; r < num_rows; ++r) {
      EXPECT_TRUE(
          writer.Append(1, absl::string_view(reinterpret_cast<const char*>(&r), sizeof(r))).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    return writer.stored().storage;
  }

  // Rows of the ranges, end to end.
  static absl::StatusOr<std::vector<int64_t>> Read(ChunkCache& cache, ChunkCache::Column& column,
                                                   const std::vector<RowRange>& ranges) {
    std::vector<std::vector<int64_t>> parts;
    for (const RowRange& range : ranges) parts.emplace_back(range.count, -1);
    const absl::Status status = cache.VisitRows(
        column, ranges, [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
          std::memcpy(&parts[range][offset], rows, count * sizeof(int64_t));
        });
    if (!status.ok()) return status;
    std::vector<int64_t> all;
    for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
    return all;
  }

  static std::vector<int64_t> Expected(const std::vector<RowRange>& ranges) {
    std::vector<int64_t> all;
    for (const RowRange& range : ranges) {
      for (int64_t r = range.first; r < range.first + range.count; ++r) all.push_back(r);
    }
    return all;
  }

  static std::vector<RowRange> RandomRanges(std::mt19937_64& rng, int count) {
    std::vector<RowRange> ranges;
    for (int i = 0; i < count; ++i) {
      const auto first = static_cast<int64_t>(rng() % kRows);
      ranges.push_back(
          {first, static_cast<int64_t>(rng() % std::min<uint64_t>(40, kRows - first + 1))});
    }
    return ranges;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  MemoryChunkStore store_{disk_};
};

TEST_F(ChunkCacheTest, ManyRangesOfRowsWithoutBytes) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open({.uid = 1, .num_rows = 100, .row_bytes = 0});
  const std::vector<RowRange> ranges(20, {90, 10});
  int64_t visited = 0;
  const absl::Status status = cache.VisitRows(
      *column, ranges, [&](size_t, int64_t, int64_t count, const std::byte*) { visited += count; });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(visited, 200);
}

TEST_F(ChunkCacheTest, ABadRangeIsAnErrorWhereverItStands) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const RowRange bad : {RowRange{-1, 1}, RowRange{kRows, 1}, RowRange{kRows - 1, 2},
                             RowRange{0, -1}, RowRange{1, kMost}, RowRange{kMost, kMost}}) {
    for (size_t at = 0; at < 8; ++at) {
      std::vector<RowRange> ranges(8, {0, 0});
      ranges[at] = bad;
      const absl::Status status =
          cache.VisitRows(*column, ranges, [](size_t, int64_t, int64_t, const std::byte*) {});
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.first << " at " << at;
    }
  }
}

TEST_F(ChunkCacheTest, RangesMayOverlapRepeatBeEmptyAndCoverAll) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  const std::vector<RowRange> ranges = {{5, 20}, {0, kRows}, {7, 3},  {7, 3},
                                        {9, 0},  {kRows, 0}, {16, 8}, {kRows - 1, 1}};
  for (int pass = 0; pass < 2; ++pass) {
    const auto rows = Read(cache, *column, ranges);
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_EQ(*rows, Expected(ranges));
  }
}

TEST_F(ChunkCacheTest, RowsAreAlignedTo64BytesAtTheChunksStart) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  for (int pass = 0; pass < 2; ++pass) {
    ASSERT_TRUE(cache
                    .VisitRows(*column, {{0, 64}},
                               [](size_t, int64_t, int64_t, const std::byte* rows) {
                                 EXPECT_EQ(reinterpret_cast<uintptr_t>(rows) % 64, 0u);
                               })
                    .ok());
  }
}

TEST_F(ChunkCacheTest, AllMissingChunksOfAGatherAreReadInOneCall) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  const std::vector<RowRange> ranges = {{900, 50}, {0, 100}, {4, 8}, {500, 1}};
  ASSERT_TRUE(Read(cache, *column, ranges).ok());
  EXPECT_EQ(disk_->num_read_calls(), 1);
  ASSERT_TRUE(Read(cache, *column, ranges).ok());
  EXPECT_EQ(disk_->num_read_calls(), 1);  // now in memory
  const ChunkCache::Stats stats = cache.stats();
  EXPECT_EQ(stats.misses, 7 + 13 + 1);  // of rows 900 to 949, 0 to 99 and 500
  EXPECT_EQ(stats.evictions, 0);
}

// The budget decides what stays, never what is read.
TEST_F(ChunkCacheTest, AnyBudgetGivesTheSameRows) {
  const ColumnStorage storage = WriteColumn(1);
  for (const int64_t budget : {0, 1, 100, 300, 1000, 5000, 100000}) {
    SCOPED_TRACE(budget);
    const int64_t of_table = 17 * storage.num_chunks();
    ChunkCache cache(store_, budget + of_table);
    const auto column = cache.Open(storage);
    ASSERT_EQ(cache.stats().table_bytes, of_table);
    std::mt19937_64 rng(1);
    for (int round = 0; round < 100; ++round) {
      const auto ranges = RandomRanges(rng, 20);
      const auto rows = Read(cache, *column, ranges);
      ASSERT_TRUE(rows.ok()) << rows.status();
      ASSERT_EQ(*rows, Expected(ranges));
      ASSERT_LE(cache.stats().cached_bytes, budget);
    }
    EXPECT_EQ(cache.stats().hits > 0, budget >= 300) << cache.stats().hits;
    EXPECT_EQ(cache.stats().evictions > 0, budget >= 300 && budget <= 5000);
  }
}

TEST_F(ChunkCacheTest, WhatIsReadAgainOutlivesWhatIsReadOnce) {
  ChunkCache cache(store_, 20 * 200);
  const auto column = cache.Open(WriteColumn(1));
  ASSERT_TRUE(Read(cache, *column, {{0, 8}}).ok());
  for (int64_t first = 8; first + 8 <= kRows; first += 8) {
    ASSERT_TRUE(Read(cache, *column, {{first, 8}}).ok());  // a scan, each chunk once
    const int64_t misses = cache.stats().misses;
    ASSERT_TRUE(Read(cache, *column, {{0, 8}}).ok());
    EXPECT_EQ(cache.stats().misses, misses) << "evicted at row " << first;
  }
}

TEST_F(ChunkCacheTest, AVisitorMayReadOtherRows) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  for (int pass = 0; pass < 2; ++pass) {
    std::vector<int64_t> inner;
    ASSERT_TRUE(cache
                    .VisitRows(*column, {{0, 1}},
                               [&](size_t, int64_t, int64_t, const std::byte*) {
                                 inner = *Read(cache, *column, {{100, 2}});
                               })
                    .ok());
    EXPECT_EQ(inner, (std::vector<int64_t>{100, 101}));
  }
}

TEST_F(ChunkCacheTest, RowsOutsideTheColumnAreRefused) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  for (const RowRange range :
       {RowRange{-1, 1}, RowRange{0, -1}, RowRange{kRows, 1}, RowRange{0, kRows + 1},
        RowRange{kRows - 1, 2}, RowRange{5, std::numeric_limits<int64_t>::max()}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(cache.VisitRows(
        *column, {range}, [](size_t, int64_t, int64_t, const std::byte*) { FAIL(); })))
        << range.first << " " << range.count;
  }
}

TEST_F(ChunkCacheTest, AReadThatFailsNamesTheChunkAndMayBeRepeated) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  disk_->on_read = [](ChunkKey key) {
    return key.chunk == 3 ? absl::UnavailableError("the disk is away") : absl::OkStatus();
  };
  const auto rows = Read(cache, *column, {{0, 100}});
  EXPECT_EQ(rows.status(), absl::UnavailableError("chunk 3: the disk is away"));
  disk_->on_read = [](ChunkKey) { return absl::OkStatus(); };
  EXPECT_EQ(*Read(cache, *column, {{0, 100}}), Expected({{0, 100}}));
}

TEST_F(ChunkCacheTest, AMissingChunkOfAPublishedColumnIsDataLoss) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  disk_->Erase({1, 2});
  const auto rows = Read(cache, *column, {{0, 100}});
  EXPECT_TRUE(absl::IsDataLoss(rows.status()));
  EXPECT_THAT(std::string(rows.status().message()), HasSubstr("chunk 2: "));
}

TEST_F(ChunkCacheTest, ADamagedChunkNeverReachesTheVisitor) {
  ChunkCache cache(store_, 1 << 20);
  const auto column = cache.Open(WriteColumn(1));
  disk_->Edit({1, 2}, [](std::string& value) { value[kChunkHeaderBytes + 5] ^= 1; });
  const auto status = cache.VisitRows(*column, {{16, 8}},
                                      [](size_t, int64_t, int64_t, const std::byte*) { FAIL(); });
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("chunk 2: "));
}

TEST_F(ChunkCacheTest, ColumnsAreSharedUntilForgotten) {
  ChunkCache cache(store_, 1 << 20);
  const ColumnStorage storage = WriteColumn(1);
  auto column = cache.Open(storage);
  ASSERT_TRUE(Read(cache, *column, {{0, kRows}}).ok());
  EXPECT_EQ(cache.Open(storage), column);
  EXPECT_GT(cache.stats().cached_bytes, kRows * 8);
  column.reset();
  cache.Forget(1);
  cache.Forget(99);  // never opened
  EXPECT_EQ(cache.stats().cached_bytes, 0);
}

TEST_F(ChunkCacheTest, ForgettingAColumnKeepsTheOthers) {
  ChunkCache cache(store_, 1 << 20);
  const auto first = cache.Open(WriteColumn(1));
  const auto second = cache.Open(WriteColumn(2));
  ASSERT_TRUE(Read(cache, *first, {{0, kRows}}).ok());
  ASSERT_TRUE(Read(cache, *second, {{0, kRows}}).ok());
  cache.Forget(1);
  const int64_t misses = cache.stats().misses;
  EXPECT_EQ(*Read(cache, *second, {{0, kRows}}), Expected({{0, kRows}}));
  EXPECT_EQ(cache.stats().misses, misses);
}

// Readers of everything, under a budget that evicts all the time, beside one who takes a column
// away again and again. A sanitizer sees a chunk that is read after it was freed.
TEST_F(ChunkCacheTest, ManyThreadsUnderEvictionReadTheRightRows) {
  const ColumnStorage storage = WriteColumn(1);
  const ColumnStorage passing = WriteColumn(2);
  ChunkCache cache(store_, 6000);  // some 30 of 126 chunks
  const auto column = cache.Open(storage);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 rng(t);
      for (int round = 0; round < 300; ++round) {
        const auto ranges = RandomRanges(rng, 10);
        const auto rows = Read(cache, *column, ranges);
        if (!rows.ok() || *rows != Expected(ranges)) ++wrong;
        if (cache.stats().cached_bytes > 6000) ++wrong;
      }
    });
  }
  threads.emplace_back([&] {
    for (int round = 0; round < 100; ++round) {
      auto other = cache.Open(passing);
      const auto rows = Read(cache, *other, {{round, 100}});
      if (!rows.ok() || *rows != Expected({{round, 100}})) ++wrong;
      other.reset();
      cache.Forget(passing.uid);
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(cache.stats().evictions, 100);
}

TEST_F(ChunkCacheTest, TablesOfColumnsTakeTheirShareOfTheBudget) {
  const ColumnStorage small = WriteColumn(1, 8 * kRowsPerChunk);
  const ColumnStorage large = WriteColumn(2);
  constexpr int64_t kPerChunk = 17;  // a pointer in the table, a mark, a place in the clock
  const int64_t of_large = large.num_chunks() * kPerChunk;
  ChunkCache cache(store_, of_large);  // room for the small one's chunks, before the other comes
  const auto column = cache.Open(small);
  EXPECT_EQ(cache.stats().table_bytes, small.num_chunks() * kPerChunk);
  ASSERT_TRUE(Read(cache, *column, {{0, 64}}).ok());
  EXPECT_GT(cache.stats().cached_bytes, 0);
  ASSERT_TRUE(cache.Open(large) != nullptr);
  EXPECT_EQ(cache.stats().table_bytes, of_large + small.num_chunks() * kPerChunk);
  EXPECT_EQ(cache.stats().cached_bytes, 0);
  EXPECT_EQ(*Read(cache, *column, {{0, 64}}), Expected({{0, 64}}));
  EXPECT_EQ(cache.stats().cached_bytes, 0);
  cache.Forget(2);
  ASSERT_TRUE(Read(cache, *column, {{0, 64}}).ok());
  EXPECT_GT(cache.stats().cached_bytes, 0);
}

}  // namespace
}  // namespace graphfeed
