#ifndef GRAPHFEED_STORAGE_CHUNKS_MEMORY_H_
#define GRAPHFEED_STORAGE_CHUNKS_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "absl/functional/function_ref.h"
#include "storage/base/aligned_memory.h"

namespace graphfeed {

// Buffers for chunks, cut from blocks of huge pages within a limit of bytes: rows that are looked
// up all over a graph then miss the TLB much less often than in pages of 4 KiB.
//
// A buffer takes the smallest hole that it fits into, the one at the lowest address among equals;
// neighbouring holes of a block become one, and a block without buffers goes back to the system at
// once. So chunks of one size replace each other without waste, and holes that are too small can
// only pile up when sizes change; VisitBlocks tells what to clear then. Holes count as held:
// what is held is what the system has given, and that is never more than the limit.
//
// Buffers beyond kMaxBlockBufferBytes are single allocations: they are read in long pieces, and no
// block needs to be cleared for them. Thread-compatible.
class ChunkMemory {
 public:
  static constexpr int64_t kAlignment = 64;
  static constexpr int64_t kBlockBytes = int64_t{kHugePageBytes};
  static constexpr int64_t kMaxBlockBufferBytes = kBlockBytes / 16;

  explicit ChunkMemory(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}
  ~ChunkMemory();
  ChunkMemory(const ChunkMemory&) = delete;
  ChunkMemory& operator=(const ChunkMemory&) = delete;

  // What a buffer of `bytes` takes: the next multiple of the alignment.
  static int64_t Rounded(int64_t bytes) { return (bytes + kAlignment - 1) & -kAlignment; }

  // `bytes` > 0 of memory at a multiple of kAlignment, uninitialised; nullptr when they fit in no
  // hole and the limit allows no more, or the system has none.
  std::byte* Allocate(int64_t bytes);
  // `buffer` is one that Allocate gave for `bytes`.
  void Free(std::byte* buffer, int64_t bytes);

  // Memory that is not from here takes so much of the limit; with a negative number, so much less.
  // It may be more than there is: then nothing is allocated.
  void Charge(int64_t bytes) { limit_bytes_ -= bytes; }
  // Also when so many bytes have come back.
  bool over_limit(int64_t to_come_back = 0) const {
    return held_bytes_ - to_come_back > limit_bytes_;
  }

  // Calls `visit` for each buffer of a block, in order, and goes on to the next block while `more`
  // says so: first those with the largest share of holes, to a sixteenth. `visit` returns the bytes
  // that the buffer was allocated for, and does not free any.
  void VisitBlocks(absl::FunctionRef<int64_t(std::byte* buffer)> visit,
                   absl::FunctionRef<bool()> more) const;

  int64_t held_bytes() const { return held_bytes_; }  // holes included
  int64_t hole_bytes() const { return hole_bytes_; }

 private:
  // Blocks by their share of holes, in parts of so many.
  static constexpr size_t kShares = 16;
  struct BlockUse {
    int64_t bytes;
    int64_t hole_bytes;

    size_t share() const {
      return static_cast<size_t>(hole_bytes * static_cast<int64_t>(kShares) / bytes);
    }
  };
  using Blocks = std::map<uintptr_t, BlockUse>;

  bool AddBlock(int64_t min_bytes);
  void RemoveBlock(Blocks::iterator block);
  // Adds to the bytes of its holes.
  void ChangeHoles(Blocks::iterator block, int64_t bytes);
  Blocks::iterator BlockOf(uintptr_t address);
  void AddHole(uintptr_t address, int64_t bytes);
  void MoveHole(std::map<uintptr_t, int64_t>::iterator hole, uintptr_t address, int64_t bytes);
  void RemoveHole(std::map<uintptr_t, int64_t>::iterator hole);

  int64_t limit_bytes_;
  int64_t held_bytes_ = 0;
  int64_t hole_bytes_ = 0;
  Blocks blocks_;                                          // by address
  std::set<uintptr_t> blocks_by_share_[kShares + 1];       // of holes
  std::map<uintptr_t, int64_t> holes_;                     // sizes by address
  std::set<std::pair<int64_t, uintptr_t>> holes_by_size_;  // the same ones
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_MEMORY_H_
