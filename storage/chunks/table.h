#ifndef GRAPHFEED_STORAGE_CHUNKS_TABLE_H_
#define GRAPHFEED_STORAGE_CHUNKS_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <vector>

#include "storage/chunks/cache.h"
#include "storage/chunks/format.h"

namespace graphfeed {

// What the implementation of ChunkCache shares, and nobody else includes.

// The table of a column: where the rows of each chunk
// lie in memory, and which chunks were read since the clock's hand last passed. Pointers and marks
// are dense arrays, so that looking a row up touches no line but its own outside of the caches.
class ChunkCache::Column {
 public:
  explicit Column(const ColumnStorage& s)
      : storage(s),
        mask(s.rows_per_chunk - 1),
        chunks(static_cast<size_t>(s.num_chunks())),
        marks(chunks.size()) {
    while ((int64_t{1} << shift) < s.rows_per_chunk) ++shift;
  }

  // Looks first, so that a hot chunk's mark stays shared between cores.
  void Mark(size_t chunk) {
    if (!marks[chunk].load(std::memory_order_relaxed)) {
      marks[chunk].store(true, std::memory_order_relaxed);
    }
  }

  // What the table takes, with the places in the clock of as many chunks as there can be.
  int64_t table_bytes() const {
    return std::ssize(chunks) *
           static_cast<int64_t>(sizeof(chunks[0]) + sizeof(marks[0]) + sizeof(void*));
  }

  const ColumnStorage storage;
  int shift = 0;  // rows_per_chunk == 1 << shift
  const int64_t mask;
  std::vector<std::atomic<const std::byte*>> chunks;  // null: not in memory
  std::vector<std::atomic<bool>> marks;
};

// Rows in memory, after this header of one line.
struct alignas(ChunkMemory::kAlignment) ChunkCache::Chunk {
  static constexpr size_t kNowhere = ~size_t{0};

  Column* column;
  uint32_t number;
  int64_t bytes;            // with the header
  size_t place = kNowhere;  // in the clock; kNowhere before it is linked and after it is retired

  std::byte* memory() { return reinterpret_cast<std::byte*>(this); }
  std::byte* rows() { return memory() + sizeof(Chunk); }
};

// A part of a range that lies in one chunk.
struct ChunkCache::Piece {
  int64_t chunk;
  size_t range;
  int64_t offset;  // in the range
  int64_t first;   // row in the chunk
  int64_t count;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_TABLE_H_
