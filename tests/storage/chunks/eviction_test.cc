// What stays in a ChunkCache when chunks of several sizes share its budget.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "storage/chunks/cache.h"
#include "storage/chunks/column_writer.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

class EvictionTest : public testing::Test {
 protected:
  // A column of `total_bytes` of rows, of which row r begins with r; as many rows to a chunk as
  // fit into 16 KiB, at least one.
  ColumnStorage Write(int64_t row_bytes, int64_t total_bytes, int64_t chunk_bytes = 16 << 10) {
    ColumnWriter writer(store_, next_uid_++, row_bytes, chunk_bytes);
    std::string row(static_cast<size_t>(row_bytes), '\0');
    for (int64_t r = 0; r < total_bytes / row_bytes; ++r) {
      std::memcpy(row.data(), &r, sizeof(r));
      EXPECT_TRUE(writer.Append(1, row).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    return writer.stored().storage;
  }

  // Reads the first `bytes` of rows, chunk by chunk in random order. Returns how many chunks were
  // not in memory.
  static int64_t Read(ChunkCache& cache, const ColumnStorage& storage, int64_t bytes,
                      std::mt19937_64& rng) {
    const auto column = cache.Open(storage);
    const int64_t misses = cache.stats().misses;
    std::vector<int64_t> chunks(
        static_cast<size_t>(bytes / (storage.rows_per_chunk * storage.row_bytes)));
    for (size_t i = 0; i < chunks.size(); ++i) chunks[i] = static_cast<int64_t>(i);
    std::shuffle(chunks.begin(), chunks.end(), rng);
    int64_t wrong = 0;
    for (const int64_t chunk : chunks) {
      const RowRange range = {chunk * storage.rows_per_chunk, storage.rows_in_chunk(chunk)};
      const absl::Status status = cache.VisitRows(
          *column, {range}, [&](size_t, int64_t offset, int64_t count, const std::byte* rows) {
            for (int64_t i = 0; i < count; ++i) {
              int64_t value;
              std::memcpy(&value, rows + i * storage.row_bytes, sizeof(value));
              wrong += value != range.first + offset + i;
            }
          });
      EXPECT_TRUE(status.ok()) << status;
    }
    EXPECT_EQ(wrong, 0);
    return cache.stats().misses - misses;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  MemoryChunkStore store_{disk_};
  uint64_t next_uid_ = 1;
};

// Bytes of rows whose chunks take 8,200, 16,384 (twice), 12,300 and 9,000 bytes; and some whose
// chunks are too large for a block of many.
constexpr int64_t kRowBytes[] = {4100, 512, 12'300, 9000, 300'000, 512};
constexpr int64_t kBudget = 16 * kMiB;

// The cache is full of chunks of one column when those of another come, as a rule of another size,
// three quarters of the budget: in the end nearly all of them stay, and no more is evicted than the
// cache held and what was read.
TEST_F(EvictionTest, TheChunksThatAreReadNowTakeOver) {
  std::vector<ColumnStorage> columns;
  for (const int64_t bytes : kRowBytes) columns.push_back(Write(bytes, 5 * kBudget / 4));
  for (const ColumnStorage& before : columns) {
    for (const ColumnStorage& after : columns) {
      if (before == after) continue;
      SCOPED_TRACE(testing::Message() << before.row_bytes << ", then " << after.row_bytes);
      ChunkCache cache(store_, kBudget);
      std::mt19937_64 rng(before.uid * 100 + after.uid);
      Read(cache, before, 5 * kBudget / 4, rng);
      Read(cache, before, 5 * kBudget / 4, rng);
      ASSERT_GT(cache.stats().cached_bytes, 15 * kBudget / 16);
      const int64_t evictions = cache.stats().evictions;
      const int64_t wanted = 3 * kBudget / 4 / (after.rows_per_chunk * after.row_bytes);
      int64_t read = 0;
      int64_t misses = wanted;
      for (int pass = 0; pass < 40 && misses > wanted / 20; ++pass) {
        misses = Read(cache, after, 3 * kBudget / 4, rng);
        read += misses;
        ASSERT_LE(cache.stats().cached_bytes, kBudget);
      }
      EXPECT_LE(misses, wanted / 20);
      const int64_t held = kBudget / (before.rows_per_chunk * before.row_bytes);
      EXPECT_LE(cache.stats().evictions - evictions, held + read);
    }
  }
}

// Chunks of all sizes together, as many bytes as three quarters of the budget: they stay.
TEST_F(EvictionTest, ChunksOfAllSizesShareTheBudget) {
  std::vector<ColumnStorage> columns;
  for (const int64_t bytes : kRowBytes) columns.push_back(Write(bytes, kBudget));
  ChunkCache cache(store_, kBudget);
  std::mt19937_64 rng(3);
  for (const ColumnStorage& column : columns) Read(cache, column, kBudget, rng);
  int64_t first_misses = 0;
  int64_t misses = 0;
  for (int pass = 0; pass < 40; ++pass) {
    misses = 0;
    for (const ColumnStorage& column : columns) {
      misses += Read(cache, column, 3 * kBudget / 4 / std::ssize(columns), rng);
      ASSERT_LE(cache.stats().cached_bytes, kBudget);
    }
    if (pass == 0) first_misses = misses;
  }
  EXPECT_GT(first_misses, 100);
  EXPECT_LE(misses, first_misses / 20);
}

// Chunks of any place in the clock go when their block or their column does: those that stay are
// found again, and go in their turn.
TEST_F(EvictionTest, BlocksAndColumnsAreClearedAnywhereInTheClock) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    std::mt19937_64 rng(seed);
    const int64_t budget = 20'000 + static_cast<int64_t>(rng() % 3) * kMiB;
    std::vector<ColumnStorage> columns;
    for (const int64_t bytes : {4100, 900, 2500, 7000}) columns.push_back(Write(bytes, 2 * kMiB));
    ChunkCache cache(store_, budget);
    for (int step = 0; step < 60; ++step) {
      const ColumnStorage& column = columns[rng() % columns.size()];
      if (rng() % 8 == 0) cache.Forget(column.uid);
      Read(cache, column, static_cast<int64_t>(rng() % kMiB), rng);
      ASSERT_LE(cache.stats().cached_bytes, budget);
    }
  }
}

// What is evicted while a guard may see it keeps its memory. Then a chunk that finds no room is not
// kept, rather than that all others go.
TEST_F(EvictionTest, AReaderWhoStaysDoesNotEmptyTheCache) {
  const ColumnStorage kept = Write(512, kBudget);
  const ColumnStorage passing = Write(4100, kBudget);
  ChunkCache cache(store_, kBudget);
  std::mt19937_64 rng(4);
  Read(cache, kept, kBudget, rng);
  Read(cache, kept, kBudget, rng);
  const int64_t evictions = cache.stats().evictions;
  const auto column = cache.Open(kept);
  // A row that is in memory, or no guard would be held while it is visited.
  int64_t in_memory = 0;
  for (int64_t misses = -1; cache.stats().misses != misses; ++in_memory) {
    misses = cache.stats().misses;
    ASSERT_TRUE(
        cache
            .VisitRows(*column, {{in_memory, 1}}, [](size_t, int64_t, int64_t, const std::byte*) {})
            .ok());
  }
  ASSERT_TRUE(cache
                  .VisitRows(*column, {{in_memory - 1, 1}},
                             [&](size_t, int64_t, int64_t, const std::byte*) {
                               Read(cache, passing, kBudget, rng);
                             })
                  .ok());
  EXPECT_LE(cache.stats().evictions - evictions, 512);
  EXPECT_LE(cache.stats().cached_bytes, kBudget);
}

// A column is opened while another reader has chunks that are not yet found by anybody, in the
// block that has the most holes: its table takes the room of others all the same.
TEST_F(EvictionTest, ATableThatComesWhileSomebodyReadsFindsRoom) {
  const ColumnStorage storage = Write(512, 8 * kMiB, 512);
  const ColumnStorage other = Write(8, kMiB, 8);
  ChunkCache cache(store_, 8 * kMiB);
  const auto column = cache.Open(storage);
  std::vector<std::byte> rows(static_cast<size_t>(storage.num_rows * 512));
  std::vector<int64_t> some;
  const auto read = [&](int64_t first, int64_t last) {
    some.clear();
    for (int64_t row = first; row < last; ++row) some.push_back(row);
    ASSERT_TRUE(cache.GatherRows(*column, some, rows.data()).ok());
  };
  // Until a new block has been begun, short of the budget.
  int64_t row = 0;
  while (cache.stats().cached_bytes <= 7 * kMiB) read(row, row + 1), ++row;
  ASSERT_EQ(cache.stats().evictions, 0);
  std::vector<RowRange> ranges;
  for (int64_t i = 0; i < 200; ++i) ranges.push_back({row + i, 1});
  int64_t visited = 0;
  ASSERT_TRUE(cache
                  .VisitRows(*column, ranges,
                             [&](size_t, int64_t, int64_t, const std::byte*) {
                               if (++visited == 30) (void)cache.Open(other);
                             })
                  .ok());
  read(0, storage.num_rows);
  const ChunkCache::Stats stats = cache.stats();
  EXPECT_GT(stats.table_bytes, 2 * kMiB);
  EXPECT_LE(stats.cached_bytes + stats.table_bytes, stats.budget_bytes);
}

}  // namespace
}  // namespace graphfeed
