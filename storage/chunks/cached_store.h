#ifndef GRAPHFEED_STORAGE_CHUNKS_CACHED_STORE_H_
#define GRAPHFEED_STORAGE_CHUNKS_CACHED_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/disk_cache.h"

namespace graphfeed {

// The store, with what is read of it kept in a cache on the local disk. Errors as of
// DiskCache::Open.
absl::StatusOr<std::unique_ptr<ChunkStore>> WithDiskCache(std::unique_ptr<ChunkStore> store,
                                                          const DiskCacheOptions& options);

// The same with a cache that the caller may look into.
std::unique_ptr<ChunkStore> WithDiskCache(std::unique_ptr<ChunkStore> store,
                                          std::shared_ptr<DiskCache> cache);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_CACHED_STORE_H_
