#include "storage/chunks/memory.h"

#include <sanitizer/asan_interface.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "storage/base/check.h"

namespace graphfeed {
namespace {

std::byte* Pointer(uintptr_t address) {
  // Holes are kept as numbers, which have an order. NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<std::byte*>(address);
}

uintptr_t Address(const std::byte* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

// Memory of the system at a multiple of the block size; 0 when there is none.
uintptr_t MapBlock(size_t bytes) {
  constexpr auto kAlignment = static_cast<size_t>(ChunkMemory::kBlockBytes);
  const size_t mapped = bytes + kAlignment;
  void* const memory =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 0;
  // Both ends are cut off; where the kernel refuses, they stay reserved, untouched.
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t block = (begin + kAlignment - 1) & -kAlignment;
  constexpr size_t kPage = 4096;
  const uintptr_t end = block + (bytes + kPage - 1) / kPage * kPage;
  if (block > begin) munmap(memory, block - begin);
  if (begin + mapped > end) munmap(Pointer(end), begin + mapped - end);
  if (bytes == kAlignment) madvise(Pointer(block), bytes, MADV_HUGEPAGE);  // a hint: it may fail
  return block;
}

}  // namespace

ChunkMemory::~ChunkMemory() {
  while (!blocks_.empty()) RemoveBlock(blocks_.begin());
}

std::byte* ChunkMemory::Allocate(int64_t bytes) {
  GF_CHECK(bytes > 0) << bytes;
  bytes = Rounded(bytes);
  if (bytes > kMaxBlockBufferBytes) {
    if (bytes > limit_bytes_ - held_bytes_) return nullptr;
    void* const buffer =
        std::aligned_alloc(static_cast<size_t>(kAlignment), static_cast<size_t>(bytes));
    if (buffer != nullptr) held_bytes_ += bytes;
    return static_cast<std::byte*>(buffer);
  }
  auto fit = holes_by_size_.lower_bound({bytes, 0});
  if (fit == holes_by_size_.end()) {
    if (!AddBlock(bytes)) return nullptr;
    fit = holes_by_size_.lower_bound({bytes, 0});
  }
  const auto [size, address] = *fit;
  const auto hole = holes_.find(address);
  if (size > bytes) {
    MoveHole(hole, address + static_cast<uintptr_t>(bytes), size - bytes);
  } else {
    RemoveHole(hole);
  }
  ChangeHoles(BlockOf(address), -bytes);
  ASAN_UNPOISON_MEMORY_REGION(Pointer(address), static_cast<size_t>(bytes));
  return Pointer(address);
}

void ChunkMemory::Free(std::byte* buffer, int64_t bytes) {
  bytes = Rounded(bytes);
  if (bytes > kMaxBlockBufferBytes) {
    held_bytes_ -= bytes;
    std::free(buffer);
    return;
  }
  const uintptr_t address = Address(buffer);
  const auto block = BlockOf(address);
  const uintptr_t end = address + static_cast<uintptr_t>(bytes);
  const uintptr_t block_end = block->first + static_cast<uintptr_t>(block->second.bytes);
  auto after = holes_.lower_bound(address);
  auto before = after == holes_.begin() ? holes_.end() : std::prev(after);
  if (after == holes_.end() || after->first != end || end == block_end) after = holes_.end();
  if (before != holes_.end() &&
      (before->first < block->first ||
       before->first + static_cast<uintptr_t>(before->second) != address)) {
    before = holes_.end();
  }
  const int64_t bytes_after = after == holes_.end() ? 0 : after->second;
  if (before != holes_.end()) {
    if (after != holes_.end()) RemoveHole(after);
    MoveHole(before, before->first, before->second + bytes + bytes_after);
  } else if (after != holes_.end()) {
    MoveHole(after, address, bytes + bytes_after);
  } else {
    AddHole(address, bytes);  // may fail: then nothing has changed
  }
  ASAN_POISON_MEMORY_REGION(buffer, static_cast<size_t>(bytes));
  ChangeHoles(block, bytes);
  if (block->second.hole_bytes == block->second.bytes) RemoveBlock(block);
}

void ChunkMemory::ChangeHoles(Blocks::iterator block, int64_t bytes) {
  const size_t before = block->second.share();
  block->second.hole_bytes += bytes;
  hole_bytes_ += bytes;
  const size_t after = block->second.share();
  if (after == before) return;
  blocks_by_share_[after].insert(blocks_by_share_[before].extract(block->first));
}

void ChunkMemory::VisitBlocks(absl::FunctionRef<int64_t(std::byte* buffer)> visit,
                              absl::FunctionRef<bool()> more) const {
  for (size_t share = kShares + 1; share-- > 0;) {
    for (const uintptr_t begin : blocks_by_share_[share]) {
      const uintptr_t end = begin + static_cast<uintptr_t>(blocks_.find(begin)->second.bytes);
      auto hole = holes_.lower_bound(begin);
      for (uintptr_t address = begin; address < end;) {
        if (hole != holes_.end() && hole->first == address) {
          address += static_cast<uintptr_t>(hole->second);
          ++hole;
        } else {
          address += static_cast<uintptr_t>(Rounded(visit(Pointer(address))));
        }
      }
      if (!more()) return;
    }
  }
}

bool ChunkMemory::AddBlock(int64_t min_bytes) {
  const int64_t bytes = std::min(kBlockBytes, (limit_bytes_ - held_bytes_) & -kAlignment);
  if (bytes < min_bytes) return false;
  const uintptr_t address = MapBlock(static_cast<size_t>(bytes));
  if (address == 0) return false;
  absl::Cleanup undo = [&] {
    blocks_by_share_[kShares].erase(address);
    blocks_.erase(address);
    munmap(Pointer(address), static_cast<size_t>(bytes));
  };
  blocks_[address] = {.bytes = bytes, .hole_bytes = bytes};
  blocks_by_share_[kShares].insert(address);
  AddHole(address, bytes);
  std::move(undo).Cancel();
  ASAN_POISON_MEMORY_REGION(Pointer(address), static_cast<size_t>(bytes));
  held_bytes_ += bytes;
  hole_bytes_ += bytes;
  return true;
}

void ChunkMemory::RemoveBlock(Blocks::iterator block) {
  const auto [address, use] = *block;
  blocks_by_share_[use.share()].erase(address);
  const uintptr_t end = address + static_cast<uintptr_t>(use.bytes);
  for (auto hole = holes_.lower_bound(address); hole != holes_.end() && hole->first < end;) {
    RemoveHole(hole++);
  }
  held_bytes_ -= use.bytes;
  hole_bytes_ -= use.hole_bytes;
  ASAN_UNPOISON_MEMORY_REGION(Pointer(address), static_cast<size_t>(use.bytes));
  munmap(Pointer(address), static_cast<size_t>(use.bytes));
  blocks_.erase(block);
}

ChunkMemory::Blocks::iterator ChunkMemory::BlockOf(uintptr_t address) {
  return std::prev(blocks_.upper_bound(address));
}

void ChunkMemory::AddHole(uintptr_t address, int64_t bytes) {
  const auto hole = holes_.emplace(address, bytes).first;
  absl::Cleanup undo = [&] { holes_.erase(hole); };
  holes_by_size_.emplace(bytes, address);
  std::move(undo).Cancel();
}

// Allocates nothing: a hole that is there takes another place or size.
void ChunkMemory::MoveHole(std::map<uintptr_t, int64_t>::iterator hole, uintptr_t address,
                           int64_t bytes) {
  auto by_size = holes_by_size_.extract({hole->second, hole->first});
  by_size.value() = {bytes, address};
  holes_by_size_.insert(std::move(by_size));
  auto by_address = holes_.extract(hole);
  by_address.key() = address;
  by_address.mapped() = bytes;
  holes_.insert(std::move(by_address));
}

void ChunkMemory::RemoveHole(std::map<uintptr_t, int64_t>::iterator hole) {
  holes_by_size_.erase({hole->second, hole->first});
  holes_.erase(hole);
}

}  // namespace graphfeed
