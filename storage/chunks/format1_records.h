#ifndef GRAPHFEED_STORAGE_CHUNKS_FORMAT1_RECORDS_H_
#define GRAPHFEED_STORAGE_CHUNKS_FORMAT1_RECORDS_H_

#include "absl/status/statusor.h"
#include "storage/chunks/folder_lock.h"
#include "storage/chunks/record_file.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {

// The records of a folder of format 1, which kept them in tables of RocksDB's. Every table is read
// whole, its checksums verified and its entries counted: iterators of RocksDB 7.8 end without a
// word at a table that they cannot read. DATA_LOSS names the table, also when the folder holds one
// of records that the MANIFEST does not list: its end is missing then.
absl::StatusOr<RecordMap> ReadFormat1Records(const FolderLock& lock,
                                             const RocksDbDatabase& database);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_FORMAT1_RECORDS_H_
