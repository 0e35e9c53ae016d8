#include "storage/chunks/disk_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/chunks/cached_store.h"
#include "storage/chunks/format.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

std::string SealedChunk(ChunkKey key, size_t bytes = 1000) {
  std::string value(kChunkHeaderBytes + bytes, static_cast<char>('a' + key.chunk % 26));
  SealChunk(key, 1, value);
  return value;
}

class DiskCacheTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<DiskCache>> TryOpen(int64_t capacity,
                                                     int64_t index_bytes = 1 << 30) {
    return DiskCache::Open({.dir = folder_.path() / "cache",
                            .capacity_bytes = capacity,
                            .index_bytes = index_bytes,
                            .retry_after = absl::ZeroDuration()});
  }
  std::unique_ptr<DiskCache> Open(int64_t capacity = 64 << 20, int64_t index_bytes = 1 << 30) {
    auto cache = TryOpen(capacity, index_bytes);
    EXPECT_TRUE(cache.ok()) << cache.status();
    return *std::move(cache);
  }

  // The cache's files, and what they hold together.
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder_.path() / "cache")) {
      files.push_back(entry.path());
    }
    return files;
  }
  int64_t FileBytes() const {
    int64_t bytes = 0;
    for (const fs::path& file : Files()) bytes += static_cast<int64_t>(fs::file_size(file));
    return bytes;
  }

  TestFolder folder_;
};

void Keep(DiskCache& cache, const std::vector<ChunkKey>& keys, size_t bytes = 1000) {
  DiskCache::Batch batch;
  for (const ChunkKey& key : keys) batch.Add(key, SealedChunk(key, bytes));
  cache.Keep(std::move(batch));
  cache.WaitUntilWritten();
}

// Those of the keys that are there, and as they should be.
std::set<ChunkKey> Found(DiskCache& cache, const std::vector<ChunkKey>& keys, size_t bytes = 1000) {
  std::set<ChunkKey> found;
  std::vector<size_t> missing;
  cache.Read(
      keys,
      [&](size_t i, absl::string_view value) {
        EXPECT_TRUE(value == SealedChunk(keys[i], bytes)) << keys[i].chunk;
        EXPECT_TRUE(found.insert(keys[i]).second);
      },
      missing);
  EXPECT_TRUE(std::is_sorted(missing.begin(), missing.end()));
  for (const size_t i : missing) EXPECT_FALSE(found.contains(keys[i]));
  EXPECT_EQ(found.size() + missing.size(), keys.size());
  return found;
}

std::vector<ChunkKey> Chunks(uint64_t column, uint32_t first, uint32_t count) {
  std::vector<ChunkKey> keys;
  for (uint32_t i = 0; i < count; ++i) keys.push_back({column, first + i});
  return keys;
}

TEST_F(DiskCacheTest, WhatWasKeptIsFoundAndNothingElse) {
  const auto cache = Open();
  Keep(*cache, {{3, 1}, {3, 5}, {4, 1}});
  EXPECT_EQ(Found(*cache, {{3, 0}, {3, 1}, {3, 5}, {4, 1}, {5, 1}}),
            (std::set<ChunkKey>{{3, 1}, {3, 5}, {4, 1}}));
  const StoreStats::DiskCache stats = cache->stats();
  EXPECT_EQ(stats.hits, 3);
  EXPECT_EQ(stats.misses, 2);
  EXPECT_EQ(stats.bytes, FileBytes());
  EXPECT_EQ(stats.index_bytes, 3 * DiskCache::kEntryBytes);
  EXPECT_TRUE(stats.filling);
}

TEST_F(DiskCacheTest, WhatIsKeptAgainTakesNoMoreRoom) {
  const auto cache = Open();
  Keep(*cache, {{3, 1}});
  const int64_t bytes = cache->stats().bytes;
  Keep(*cache, {{3, 1}, {3, 1}});
  EXPECT_EQ(cache->stats().bytes, bytes);
}

TEST_F(DiskCacheTest, TheOldestGoesForTheNewestAndTheDiskHoldsNoMoreThanItMay) {
  constexpr int64_t kCapacity = 1 << 20;
  const auto cache = Open(kCapacity);
  for (uint32_t i = 0; i < 4000; i += 100) {
    Keep(*cache, Chunks(7, i, 100));
    EXPECT_LE(FileBytes(), kCapacity);
    EXPECT_EQ(cache->stats().bytes, FileBytes());
  }
  EXPECT_THAT(Found(*cache, Chunks(7, 0, 2000)), IsEmpty());
  EXPECT_EQ(Found(*cache, Chunks(7, 3100, 900)).size(), 900u);
  EXPECT_GT(FileBytes(), kCapacity * 9 / 10);
}

TEST_F(DiskCacheTest, TheIndexIsBoundedToo) {
  const auto cache = Open(64 << 20, 100 * DiskCache::kEntryBytes);
  for (uint32_t i = 0; i < 5000; i += 10) {
    Keep(*cache, Chunks(7, i, 10), 60'000);
    EXPECT_LE(cache->stats().index_bytes, 100 * DiskCache::kEntryBytes);
  }
  EXPECT_EQ(Found(*cache, Chunks(7, 4990, 10), 60'000).size(), 10u);
}

TEST_F(DiskCacheTest, ColumnsThatAreForgottenAreNotFound) {
  const auto cache = Open(1 << 20);
  Keep(*cache, {{3, 1}, {4, 1}});
  cache->Forget({3});
  EXPECT_EQ(Found(*cache, {{3, 1}, {4, 1}}), (std::set<ChunkKey>{{4, 1}}));
  // Their segment goes without them.
  for (uint32_t i = 0; i < 2000; i += 100) Keep(*cache, Chunks(7, i, 100));
  EXPECT_THAT(Found(*cache, {{4, 1}}), IsEmpty());
}

TEST_F(DiskCacheTest, AByteThatIsFlippedIsAMissWhereverItIs) {
  const auto cache = Open();
  Keep(*cache, {{3, 1}}, 20);
  const std::vector<fs::path> files = Files();
  ASSERT_EQ(files.size(), 1u);
  const auto size = static_cast<int64_t>(fs::file_size(files[0]));
  for (int64_t at = 0; at < size; ++at) {
    std::fstream file(files[0], std::ios::in | std::ios::out | std::ios::binary);
    // Each time it is kept it lies behind the last one.
    file.seekg(at * size + at);
    const auto byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at * size + at);
    file.put(byte);
    file.close();
    EXPECT_THAT(Found(*cache, {{3, 1}}, 20), IsEmpty()) << at;
    EXPECT_EQ(cache->stats().damaged, at + 1);
    Keep(*cache, {{3, 1}}, 20);
    EXPECT_EQ(Found(*cache, {{3, 1}}, 20).size(), 1u) << at;
  }
  EXPECT_EQ(cache->stats().errors, 0);
}

TEST_F(DiskCacheTest, AFileThatIsCutIsMissedFromThereOn) {
  const auto cache = Open();
  Keep(*cache, Chunks(3, 0, 10));
  fs::resize_file(Files().at(0), fs::file_size(Files().at(0)) / 2);
  EXPECT_EQ(Found(*cache, Chunks(3, 0, 10)).size(), 5u);
  EXPECT_EQ(cache->stats().damaged, 5);
  EXPECT_EQ(Found(*cache, Chunks(3, 0, 10)).size(), 5u);
  EXPECT_EQ(cache->stats().damaged, 5) << "they are forgotten";
}

TEST_F(DiskCacheTest, TheSameChunkOfAnotherStoreIsAMiss) {
  const TestFolder elsewhere;
  const auto keys = Chunks(7, 0, 50);
  const auto other = *DiskCache::Open({.dir = elsewhere.path(), .capacity_bytes = 64 << 20});
  DiskCache::Batch batch;
  for (const ChunkKey& key : keys) {
    std::string value(kChunkHeaderBytes + 1000, '!');  // sealed as well
    SealChunk(key, 1, value);
    batch.Add(key, value);
  }
  other->Keep(std::move(batch));
  other->WaitUntilWritten();
  const auto cache = Open();
  Keep(*cache, keys);
  EXPECT_EQ(Found(*cache, keys).size(), keys.size());
  for (const fs::path& file : Files()) {
    const fs::path theirs = elsewhere.path() / file.filename();
    ASSERT_EQ(fs::file_size(theirs), fs::file_size(file));
    // Into the file that is open, not in its place.
    std::ofstream(file, std::ios::in | std::ios::out | std::ios::binary)
        << std::ifstream(theirs, std::ios::binary).rdbuf();
  }
  EXPECT_THAT(Found(*cache, keys), IsEmpty());
  EXPECT_EQ(cache->stats().damaged, 50);
}

TEST_F(DiskCacheTest, AKeyThatIsAskedForTwiceIsReadTwice) {
  const auto cache = Open();
  Keep(*cache, {{3, 1}});
  int reads = 0;
  std::vector<size_t> missing;
  cache->Read(
      std::vector<ChunkKey>{{3, 1}, {3, 1}},
      [&](size_t, absl::string_view value) {
        reads += value == SealedChunk({3, 1}) ? 1 : 0;
      },
      missing);
  EXPECT_EQ(reads, 2);
}

TEST_F(DiskCacheTest, AChunkThatCameDamagedIsNotKept) {
  const auto cache = Open();
  DiskCache::Batch batch;
  std::string damaged = SealedChunk({3, 1});
  damaged.back() ^= 1;
  batch.Add({3, 1}, damaged);
  batch.Add({3, 2}, SealedChunk({3, 7}));  // another's
  batch.Add({3, 3}, "");
  batch.Add({3, 4}, SealedChunk({3, 4}));
  cache->Keep(std::move(batch));
  cache->WaitUntilWritten();
  EXPECT_EQ(Found(*cache, Chunks(3, 1, 4)), (std::set<ChunkKey>{{3, 4}}));
}

TEST_F(DiskCacheTest, ADiskThatIsFullStopsItAndItGoesOn) {
  const auto cache = Open();
  Keep(*cache, Chunks(3, 0, 10));
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = static_cast<rlim_t>(FileBytes() + 100);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  Keep(*cache, Chunks(3, 10, 10));
  EXPECT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, before);
  StoreStats::DiskCache stats = cache->stats();
  EXPECT_FALSE(stats.filling);
  EXPECT_THAT(stats.why, HasSubstr("\"chunks.0\": File too large"));
  EXPECT_EQ(stats.errors, 1);
  EXPECT_EQ(Found(*cache, Chunks(3, 0, 20)).size(), 10u) << "what is there is read";
  Keep(*cache, Chunks(3, 10, 10));
  EXPECT_EQ(Found(*cache, Chunks(3, 0, 20)).size(), 20u);
  EXPECT_TRUE(cache->stats().filling);
}

TEST_F(DiskCacheTest, WhatDoesNotFitIntoTheQueueIsDroppedAndCounted) {
  const auto cache = Open(256 << 20);
  const std::vector<ChunkKey> many = Chunks(1, 0, 20);
  Keep(*cache, many, DiskCache::kQueueBytes / 20);  // with headers, more than it takes
  EXPECT_EQ(cache->stats().dropped, 20);
  EXPECT_EQ(cache->stats().bytes, 0);
  // What was written makes room: so many are more than the queue together.
  for (uint64_t column = 2; column < 6; ++column) {
    Keep(*cache, Chunks(column, 0, 10), DiskCache::kQueueBytes / 20);
    EXPECT_EQ(Found(*cache, Chunks(column, 0, 10), DiskCache::kQueueBytes / 20).size(), 10u);
  }
  EXPECT_EQ(cache->stats().dropped, 20);
}

TEST_F(DiskCacheTest, AFolderHasOneCacheAndNothingElse) {
  auto cache = Open();
  const absl::Status second = TryOpen(1 << 20).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(second)) << second;
  Keep(*cache, {{3, 1}});
  cache.reset();
  EXPECT_THAT(Files(), IsEmpty());

  std::ofstream(folder_.path() / "cache" / "chunks.7") << "left by a process that was killed";
  cache = Open();
  EXPECT_THAT(Files(), IsEmpty());
  cache.reset();
  std::ofstream(folder_.path() / "cache" / "CATALOG") << "data";
  const absl::Status other = TryOpen(1 << 20).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(other)) << other;
  EXPECT_THAT(std::string(other.message()), HasSubstr("holds \"CATALOG\""));
  EXPECT_TRUE(fs::exists(folder_.path() / "cache" / "CATALOG"));
}

TEST_F(DiskCacheTest, ManyThreadsReadWhileOthersFillIt) {
  const auto cache = Open(4 << 20);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint32_t round = 0; round < 30; ++round) {
        const auto keys = Chunks(t % 2, round * 100, 300);
        DiskCache::Batch batch;
        for (const ChunkKey& key : keys) batch.Add(key, SealedChunk(key));
        cache->Keep(std::move(batch));
        (void)Found(*cache, keys);
        if (round % 10 == 9) cache->Forget({t % 2});
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache->stats().damaged, 0);
}

// Datasets over a store with a cache on disk, and no room in memory.
class CachedStoreTest : public testing::Test {
 protected:
  CachedStoreTest() {
    cache_ =
        *DiskCache::Open({.dir = (folder_.path() / "cache").string(), .capacity_bytes = 64 << 20});
    catalog_ = *Catalog::Open(WithDiskCache(std::make_unique<MemoryChunkStore>(disk_), cache_),
                              {.memory_budget_bytes = 0});
    EXPECT_TRUE(Ingest(*catalog_, {.name = "d"}, {graphs_}).ok());
  }

  void ExpectAllIsThere() { ExpectHolds(**catalog_->OpenDataset("d"), graphs_); }
  int64_t misses() { return catalog_->stats().store.disk_cache->misses; }

  TestFolder folder_;
  const GraphBlock graphs_ = RandomGraphs(5, 500);
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::shared_ptr<DiskCache> cache_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(CachedStoreTest, TheSecondTimeTheStoreIsNotAsked) {
  ExpectAllIsThere();
  cache_->WaitUntilWritten();
  const int64_t misses_before = misses();
  EXPECT_GT(misses_before, 0);
  disk_->on_read = [](ChunkKey) { return absl::UnavailableError("far away"); };
  ExpectAllIsThere();
  EXPECT_EQ(misses(), misses_before);
  EXPECT_GT(catalog_->stats().store.disk_cache->hits, 0);
}

TEST_F(CachedStoreTest, DamageOnTheLocalDiskChangesNothing) {
  ExpectAllIsThere();
  cache_->WaitUntilWritten();
  for (const auto& entry : fs::directory_iterator(folder_.path() / "cache")) {
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    for (std::streamoff at = 40; at < static_cast<std::streamoff>(entry.file_size()); at += 1000) {
      file.seekp(at);
      file.put('#');
    }
  }
  ExpectAllIsThere();
  EXPECT_GT(catalog_->stats().store.disk_cache->damaged, 0);
}

TEST_F(CachedStoreTest, WhatTheStoreCannotReadIsItsError) {
  disk_->on_read = [](ChunkKey) { return absl::UnavailableError("far away"); };
  const auto dataset = catalog_->OpenDataset("d");
  const absl::Status status = dataset.ok() ? (*dataset)->Verify() : dataset.status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
}

TEST_F(CachedStoreTest, WhatIsDeletedIsForgotten) {
  ExpectAllIsThere();
  cache_->WaitUntilWritten();
  const std::vector<ChunkKey> keys = disk_->chunk_keys();
  ASSERT_FALSE(keys.empty());
  ASSERT_TRUE(catalog_->Delete("d", 1).ok());
  std::vector<size_t> missing;
  cache_->Read(
      keys, [](size_t, absl::string_view) {}, missing);
  EXPECT_EQ(missing.size(), keys.size());
}

}  // namespace
}  // namespace graphfeed
