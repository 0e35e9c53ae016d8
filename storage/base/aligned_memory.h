#ifndef GRAPHFEED_STORAGE_BASE_ALIGNED_MEMORY_H_
#define GRAPHFEED_STORAGE_BASE_ALIGNED_MEMORY_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>

namespace graphfeed {

// Blocks from here on are made of huge pages where the system has them: filling them faults 512
// times less often, and reading all over them misses the TLB less.
inline constexpr size_t kHugePageBytes = size_t{2} << 20;

// At least `bytes` bytes, uninitialised, at a multiple of 64; to be given to std::free. nullptr
// when the memory cannot be had.
inline void* AllocateAligned(size_t bytes) {
  constexpr size_t kAlignment = 64;
  if (bytes < 2 * kHugePageBytes) {
    return std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  }
  if (bytes > SIZE_MAX - kHugePageBytes) return nullptr;
  const size_t rounded = (bytes + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
  void* block = std::aligned_alloc(kHugePageBytes, rounded);
  if (block != nullptr) madvise(block, rounded, MADV_HUGEPAGE);  // a hint: it may fail
  return block;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_ALIGNED_MEMORY_H_
