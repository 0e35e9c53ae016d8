// A ChunkCache whose allocations fail, each in its turn: a gather fails or gives the right rows,
// and what is read afterwards is right, wherever in the cache it happened.

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <numeric>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "storage/base/allocation.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/column_writer.h"
#include "tests/support/memory_chunk_store.h"

namespace {

// Allocations until one fails, and how many fail then. Nothing fails while it is negative.
thread_local int64_t until_failure = -1;
thread_local int64_t failures = 0;

bool Fails() {
  if (until_failure < 0) return false;
  if (until_failure > 0) {
    --until_failure;
    return false;
  }
  if (--failures == 0) until_failure = -1;
  return true;
}

}  // namespace

void* operator new(size_t size) {
  void* const memory = Fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

namespace graphfeed {
namespace {

constexpr int64_t kRows = 400;
constexpr int64_t kRowBytes = 64;

class CacheAllocationTest : public testing::TestWithParam<int64_t> {
 protected:
  CacheAllocationTest() {
    ColumnWriter writer(store_, 1, kRowBytes, kRowBytes);  // a chunk for each row
    std::string row(kRowBytes, '\0');
    for (int64_t r = 0; r < kRows; ++r) {
      std::memcpy(row.data(), &r, sizeof(r));
      EXPECT_TRUE(writer.Append(1, row).ok());
    }
    EXPECT_TRUE(writer.Finish().ok());
    storage_ = writer.stored().storage;
  }

  absl::Status Gather(ChunkCache& cache, const std::vector<int64_t>& rows) {
    const auto column = cache.Open(storage_);
    std::vector<std::byte> got(rows.size() * kRowBytes);
    const absl::Status status = WithinMemory([&] {
      failures = GetParam();
      until_failure = fail_at_;
      const absl::Cleanup enough = [&] {
        reached_ = failures < GetParam();
        until_failure = -1;
      };
      return cache.GatherRows(*column, rows, got.data());
    });
    if (!status.ok()) return status;
    for (size_t i = 0; i < rows.size(); ++i) {
      int64_t value;
      std::memcpy(&value, got.data() + i * kRowBytes, sizeof(value));
      EXPECT_EQ(value, rows[i]);
    }
    return status;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  MemoryChunkStore store_{disk_};
  ColumnStorage storage_;
  int64_t fail_at_ = -1;
  bool reached_ = false;  // the allocation that fails, by the last gather
};

INSTANTIATE_TEST_SUITE_P(Failures, CacheAllocationTest,
                         testing::Values(1, 2, 3, std::numeric_limits<int64_t>::max()));

TEST_P(CacheAllocationTest, WhatIsReadAfterwardsIsRight) {
  std::vector<int64_t> all(kRows);
  std::iota(all.begin(), all.end(), 0);
  const std::vector<int64_t> some(all.begin() + 50, all.begin() + 300);
  int failed = 0;
  // Room for all rows, and for a part of them.
  for (const int64_t budget : {kRows * 256, kRows * 80}) {
    for (int64_t at = 0;; ++at) {
      SCOPED_TRACE(testing::Message() << "budget " << budget << ", allocation " << at);
      ChunkCache cache(store_, budget);
      fail_at_ = at;
      const absl::Status status = Gather(cache, some);
      fail_at_ = -1;
      const bool reached = reached_;
      if (!status.ok()) {
        ASSERT_TRUE(absl::IsResourceExhausted(status)) << status;
        ++failed;
      }
      ASSERT_EQ(Gather(cache, all), absl::OkStatus());
      ASSERT_EQ(Gather(cache, some), absl::OkStatus());
      ASSERT_EQ(Gather(cache, all), absl::OkStatus());
      EXPECT_LE(cache.stats().cached_bytes, budget);
      if (!reached || HasFailure()) break;
    }
  }
  EXPECT_GT(failed, 100);
}

}  // namespace
}  // namespace graphfeed
