#include "proto/frame/slab.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace graphfeed {
namespace {

TEST(SlabPoolTest, SlabsAreAlignedAndAsLargeAsAsked) {
  SlabPool pool(2);
  for (const int64_t size : {0, 1, 63, 64, 65, 100000}) {
    const Slab slab = pool.Take(size);
    ASSERT_TRUE(slab);
    EXPECT_EQ(slab.size(), size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slab.data()) % 64, 0u);
    std::memset(slab.data(), 1, size);
  }
}

TEST(SlabPoolTest, ABufferIsUsedAgainOnlyWhenItsLastReferenceIsGone) {
  SlabPool pool(2);
  Slab first = pool.Take(1000);
  const std::byte* data = first.data();
  Slab second = first.Share();
  EXPECT_EQ(second.data(), data);
  first = Slab();
  EXPECT_NE(pool.Take(1000).data(), data);
  second = Slab();
  EXPECT_EQ(pool.Take(1000).data(), data);
}

TEST(SlabPoolTest, KeepsNoMoreThanMaxIdle) {
  const int64_t before = SlabPool::TotalBytes();
  {
    SlabPool pool(2);
    {
      std::vector<Slab> slabs(5);
      for (Slab& slab : slabs) slab = pool.Take(640);
      EXPECT_EQ(SlabPool::TotalBytes() - before, 5 * 640);
    }
    EXPECT_EQ(SlabPool::TotalBytes() - before, 2 * 640);
  }
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

TEST(SlabPoolTest, AnotherSizeFreesTheIdleBuffers) {
  const int64_t before = SlabPool::TotalBytes();
  SlabPool pool(4);
  Slab old = pool.Take(640);
  pool.Take(640);
  EXPECT_EQ(SlabPool::TotalBytes() - before, 2 * 640);
  const Slab other = pool.Take(128);
  EXPECT_EQ(SlabPool::TotalBytes() - before, 640 + 128);
  old = Slab();  // of a size that is no longer asked for
  EXPECT_EQ(SlabPool::TotalBytes() - before, 128);
}

TEST(SlabPoolTest, SlabsOutliveTheirPool) {
  const int64_t before = SlabPool::TotalBytes();
  auto pool = std::make_unique<SlabPool>(4);
  pool->Take(64);
  Slab slab = pool->Take(64);
  pool.reset();
  std::memset(slab.data(), 7, 64);
  EXPECT_EQ(SlabPool::TotalBytes() - before, 64);
  slab = Slab();
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

TEST(SlabPoolTest, MemoryThatCannotBeHadIsAnEmptySlab) {
  SlabPool pool(1);
  EXPECT_FALSE(pool.Take(std::numeric_limits<int64_t>::max()));
}

TEST(SlabTest, MovesLeaveNothingBehind) {
  SlabPool pool(1);
  Slab a = pool.Take(64);
  const std::byte* data = a.data();
  Slab b = std::move(a);
  // What is left behind is what is tested. NOLINTBEGIN
  EXPECT_FALSE(a);
  EXPECT_EQ(a.data(), nullptr);
  EXPECT_EQ(a.size(), 0);
  // NOLINTEND
  EXPECT_EQ(b.data(), data);
  Slab& same = b;
  b = std::move(same);
  EXPECT_EQ(b.data(), data);
}

TEST(SlabTest, RawPointersCarryOneReference) {
  const int64_t before = SlabPool::TotalBytes();
  SlabPool pool(0);
  Slab slab = pool.Take(64);
  void* raw = slab.Share().ToRaw();
  const std::byte* data = slab.data();
  slab = Slab();
  EXPECT_EQ(SlabPool::TotalBytes() - before, 64);
  Slab back = Slab::FromRaw(raw);
  EXPECT_EQ(back.data(), data);
  back = Slab();
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

TEST(SlabPoolTest, ThreadsMayTakeShareAndDrop) {
  const int64_t before = SlabPool::TotalBytes();
  {
    SlabPool pool(3);
    std::vector<std::thread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&pool, t] {
        for (int i = 0; i < 2000; ++i) {
          const Slab slab = pool.Take(256);
          const Slab shared = slab.Share();
          std::memset(slab.data(), t, 256);
          ASSERT_EQ(shared.data()[255], static_cast<std::byte>(t));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(SlabPool::TotalBytes() - before, 3 * 256);
  }
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

}  // namespace
}  // namespace graphfeed
