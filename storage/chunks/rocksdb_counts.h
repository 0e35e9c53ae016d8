#ifndef GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_COUNTS_H_
#define GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_COUNTS_H_

#include <cstdint>
#include <vector>

#include "storage/chunks/chunk_store.h"
#include "storage/chunks/folder_lock.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {

// Of all files in the folder and below it.
int64_t FolderBytes(const FolderLock& lock);

// The room of the folder's file system.
StoreStats FolderStats(const FolderLock& lock);

// What RocksDB counts that is of use here: there are no flushes, compactions or block cache, and
// chunks that lie plainly in their files are read past it. Since the database was opened.
void AddCounts(const RocksDbDatabase& database, std::vector<StoreStats::Count>& counts);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_COUNTS_H_
