#include "storage/chunks/memory.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <random>
#include <vector>

namespace graphfeed {
namespace {

constexpr int64_t kBlock = ChunkMemory::kBlockBytes;
constexpr int64_t kLarge = ChunkMemory::kMaxBlockBufferBytes + 1;

struct Buffer {
  std::byte* memory;
  int64_t bytes;
};

// Buffers of `bytes` until there is no room.
std::vector<Buffer> Fill(ChunkMemory& memory, int64_t bytes) {
  std::vector<Buffer> buffers;
  while (std::byte* const buffer = memory.Allocate(bytes)) buffers.push_back({buffer, bytes});
  return buffers;
}

void FreeAll(ChunkMemory& memory, const std::vector<Buffer>& buffers) {
  for (const Buffer& buffer : buffers) memory.Free(buffer.memory, buffer.bytes);
}

// Whatever comes and goes: buffers are aligned and apart, what is held is within the limit and is
// the buffers and the holes, and without buffers nothing is held.
TEST(ChunkMemoryTest, BuffersOfAllSizesComeAndGoWithinTheLimit) {
  for (const int64_t limit : {int64_t{0}, int64_t{1000}, kBlock, 5 * kBlock / 2, 8 * kBlock}) {
    SCOPED_TRACE(limit);
    std::mt19937_64 rng(1);
    ChunkMemory memory(limit);
    std::vector<Buffer> buffers;
    int64_t used = 0;
    int refused = 0;
    for (int step = 0; step < 20'000; ++step) {
      // Now more come than go, now more go than come.
      const bool comes = rng() % 8 < (step / 2000 % 2 == 0 ? 6 : 2);
      if (comes || buffers.empty()) {
        const auto below = static_cast<uint64_t>(rng() % 20 == 0 ? 4 * kLarge : 40'000);
        const auto bytes = static_cast<int64_t>(1 + rng() % below);
        std::byte* const buffer = memory.Allocate(bytes);
        if (buffer == nullptr) {
          ++refused;
          continue;
        }
        ASSERT_EQ(reinterpret_cast<uintptr_t>(buffer) % ChunkMemory::kAlignment, 0u);
        std::memset(buffer, static_cast<int>(bytes % 251), static_cast<size_t>(bytes));
        buffers.push_back({buffer, bytes});
        used += ChunkMemory::Rounded(bytes);
      } else {
        std::swap(buffers[rng() % buffers.size()], buffers.back());
        const Buffer gone = buffers.back();
        buffers.pop_back();
        for (int64_t i = 0; i < gone.bytes; ++i) {
          ASSERT_EQ(static_cast<int64_t>(gone.memory[i]), gone.bytes % 251);
        }
        memory.Free(gone.memory, gone.bytes);
        used -= ChunkMemory::Rounded(gone.bytes);
      }
      ASSERT_LE(memory.held_bytes(), limit);
      ASSERT_EQ(memory.held_bytes(), used + memory.hole_bytes());
    }
    EXPECT_GT(refused, 0);
    FreeAll(memory, buffers);
    EXPECT_EQ(memory.held_bytes(), 0);
    EXPECT_EQ(memory.hole_bytes(), 0);
  }
}

TEST(ChunkMemoryTest, BuffersOfOneSizeReplaceEachOtherWithoutWaste) {
  ChunkMemory memory(4 * kBlock);
  constexpr int64_t kBytes = 16 * 1024 + 64;
  std::vector<Buffer> buffers = Fill(memory, kBytes);
  EXPECT_EQ(buffers.size(), 4u * (kBlock / kBytes));
  std::mt19937_64 rng(2);
  for (int round = 0; round < 1000; ++round) {
    Buffer& buffer = buffers[rng() % buffers.size()];
    memory.Free(buffer.memory, buffer.bytes);
    EXPECT_EQ(memory.Allocate(kBytes), buffer.memory);
    EXPECT_EQ(memory.Allocate(kBytes), nullptr);
  }
  FreeAll(memory, buffers);
}

TEST(ChunkMemoryTest, TheEmptiestBlockIsVisitedWholeWhateverIsInIt) {
  ChunkMemory memory(6 * kBlock);
  std::mt19937_64 rng(5);
  std::map<std::byte*, int64_t> buffers;
  for (int step = 0; step < 4000; ++step) {
    if (rng() % 2 == 0 || buffers.empty()) {
      const auto bytes = static_cast<int64_t>(1 + rng() % (kBlock / 16));
      if (std::byte* const buffer = memory.Allocate(bytes)) buffers[buffer] = bytes;
    } else {
      auto gone = buffers.begin();
      std::advance(gone, static_cast<std::ptrdiff_t>(rng() % buffers.size()));
      memory.Free(gone->first, gone->second);
      buffers.erase(gone);
    }
    std::map<uintptr_t, int64_t> used;  // by block
    for (const auto& [buffer, bytes] : buffers) {
      used[reinterpret_cast<uintptr_t>(buffer) / kBlock] += ChunkMemory::Rounded(bytes);
    }
    int64_t visited = 0;
    std::byte* any = nullptr;
    memory.VisitBlocks(
        [&](std::byte* buffer) {
          EXPECT_TRUE(buffers.contains(buffer));
          any = buffer;
          visited += ChunkMemory::Rounded(buffers[buffer]);
          return buffers[buffer];
        },
        [] { return false; });
    size_t all = 0;
    memory.VisitBlocks(
        [&](std::byte* buffer) {
          ++all;
          return buffers[buffer];
        },
        [] { return true; });
    ASSERT_EQ(all, buffers.size());
    if (any == nullptr) continue;
    ASSERT_EQ(visited, used[reinterpret_cast<uintptr_t>(any) / kBlock]);
    for (const auto& [block, bytes] : used) {
      ASSERT_LE(visited / (kBlock / 16), bytes / (kBlock / 16) + 1) << "another one is emptier";
    }
  }
}

TEST(ChunkMemoryTest, ABlockGoesBackWhenItsLastBufferDoes) {
  ChunkMemory memory(2 * kBlock);
  const std::vector<Buffer> buffers = Fill(memory, kBlock / 16);
  ASSERT_EQ(buffers.size(), 32u);
  memory.Free(buffers[20].memory, buffers[20].bytes);
  std::vector<std::byte*> left;
  memory.VisitBlocks(
      [&](std::byte* buffer) {
        left.push_back(buffer);
        return kBlock / 16;
      },
      [] { return false; });
  ASSERT_EQ(left.size(), 15u);
  EXPECT_TRUE(std::is_sorted(left.begin(), left.end()));
  for (std::byte* const buffer : left) {
    EXPECT_EQ(memory.held_bytes(), 2 * kBlock);
    memory.Free(buffer, kBlock / 16);
  }
  EXPECT_EQ(memory.held_bytes(), kBlock);
  EXPECT_EQ(memory.hole_bytes(), 0);
}

TEST(ChunkMemoryTest, NeighbouringHolesBecomeOneInAnyOrder) {
  for (const std::vector<size_t>& order :
       {std::vector<size_t>{0, 1, 2}, {2, 1, 0}, {0, 2, 1}, {1, 0, 2}}) {
    ChunkMemory memory(kBlock);
    const std::vector<Buffer> buffers = Fill(memory, kBlock / 64);
    ASSERT_EQ(buffers.size(), 64u);
    for (const size_t i : order) {
      EXPECT_EQ(memory.Allocate(3 * kBlock / 64), nullptr);
      memory.Free(buffers[10 + i].memory, buffers[10 + i].bytes);
    }
    EXPECT_NE(memory.Allocate(3 * kBlock / 64), nullptr);
    EXPECT_EQ(memory.held_bytes(), kBlock);
  }
}

// Blocks lie side by side in the address space, but a buffer never spans two: one may go back.
TEST(ChunkMemoryTest, HolesOfDifferentBlocksStayApart) {
  ChunkMemory memory(8 * kBlock);
  const std::vector<Buffer> buffers = Fill(memory, kBlock / 16);
  ASSERT_EQ(buffers.size(), 8u * 16);
  // The ends of all blocks become holes of 1/16.
  int kept = 0;
  for (const Buffer& buffer : buffers) {
    const auto place = reinterpret_cast<uintptr_t>(buffer.memory) % kBlock / (kBlock / 16);
    if (place == 0 || place == 15) {
      memory.Free(buffer.memory, buffer.bytes);
    } else {
      ++kept;
    }
  }
  EXPECT_EQ(kept, 8 * 14);
  EXPECT_EQ(memory.hole_bytes(), kBlock);
  EXPECT_EQ(Fill(memory, kBlock / 16).size(), 16u);
  EXPECT_EQ(memory.hole_bytes(), 0);
}

TEST(ChunkMemoryTest, ALargeBufferIsHeldByItself) {
  ChunkMemory memory(kBlock);
  std::byte* const buffer = memory.Allocate(kLarge);
  ASSERT_NE(buffer, nullptr);
  EXPECT_EQ(memory.held_bytes(), ChunkMemory::Rounded(kLarge));
  EXPECT_EQ(memory.hole_bytes(), 0);
  EXPECT_EQ(memory.Allocate(kBlock), nullptr);
  memory.Free(buffer, kLarge);
  EXPECT_EQ(memory.held_bytes(), 0);
}

}  // namespace
}  // namespace graphfeed
