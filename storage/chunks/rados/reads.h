#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_READS_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_READS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rados/column_entry.h"
#include "storage/chunks/rados/pool.h"

namespace graphfeed {

struct ReadCounts {
  std::atomic<int64_t> operations{0};
  std::atomic<int64_t> ranges{0};
  std::atomic<int64_t> bytes{0};
};

// A chunk that is wanted: which of a call's keys it is, and where it lies.
struct PlacedKey {
  size_t index = 0;
  ChunkKey key;
  ChunkPlace place;
};

// Reads chunks, which ascend, and visits each once: those of an object by few operations of many
// ranges, as many operations at a time as fit into a bound of bytes. NOT_FOUND: there is no such
// object; DATA_LOSS: it is too short, or the cluster cannot read it. Any other error ends all: what
// the cluster does not answer in time, and CANCELLED when nobody waits for it any more.
void ReadPlaced(const RadosPool& pool, absl::Span<const PlacedKey> keys,
                ChunkStore::ChunkVisitor visitor, ReadCounts& counts);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_READS_H_
