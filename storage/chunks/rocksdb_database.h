#ifndef GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_DATABASE_H_
#define GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_DATABASE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/folder_lock.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class SstFileWriter;
class Status;
}  // namespace rocksdb

namespace graphfeed {

// A table file that the database lists, whether it is there or not.
struct TableFile {
  std::string name;    // "000012.sst"
  std::string family;  // the column family
  uint64_t bytes = 0;
  std::string first_key;
  std::string last_key;
};

// What RocksDB says, with the folder's own name. DATA_LOSS for damage and missing files.
absl::Status FromRocksDb(const rocksdb::Status& status, const FolderLock& lock);

// The key of a chunk: column uid, then chunk number, both big-endian, so that chunks lie in order.
inline constexpr size_t kChunkKeyBytes = 12;
std::string EncodeChunkKey(ChunkKey key);
// The number of the chunk.
uint32_t ChunkOfKey(absl::string_view bytes);

// The RocksDB of a data folder: the column family "chunks"; "format-2", which is empty and keeps
// programs that know format 1 alone from opening the folder; and in folders of format 1 "catalog".
// Only whole table files come and go, each by an entry of its own in the MANIFEST: no write-ahead
// log, no flush, no compaction.
class RocksDbDatabase {
 public:
  enum class Mode {
    kRead,    // changes nothing in the folder
    kWrite,   // removes files that the MANIFEST does not list
    kCreate,  // as kWrite; makes what is missing
  };

  // DATA_LOSS names the file that is damaged or missing. Tables are not looked into. `lock` is held
  // for longer.
  static absl::StatusOr<std::unique_ptr<RocksDbDatabase>> Open(const FolderLock& lock, Mode mode,
                                                               int max_open_files);
  ~RocksDbDatabase();

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* chunks() const { return chunks_; }
  // Null in folders of format 2.
  rocksdb::ColumnFamilyHandle* catalog() const { return catalog_; }
  // Whether the folder is of format 2. One that was being made so may still have a "catalog".
  bool is_format_2() const { return marker_ != nullptr; }
  // Makes a folder of format 2 of one of format 1, whose records are kept elsewhere now.
  absl::Status FinishUpgrade();

  std::vector<TableFile> Tables() const;
  // By Tables, ascending.
  std::vector<ColumnChunks> Columns() const;

  // For a table of chunks, to be written outside of the database; `compressed`: as far as it helps.
  std::unique_ptr<rocksdb::SstFileWriter> NewFile(bool compressed) const;
  absl::Status Ingest(const std::vector<std::string>& paths);
  // Drops the tables of these columns.
  absl::Status DeleteColumns(absl::Span<const uint64_t> columns);

 private:
  RocksDbDatabase(const FolderLock& lock, int max_open_files)
      : lock_(lock), max_open_files_(max_open_files) {}

  absl::Status OpenFamilies(Mode mode);
  // After a change that failed RocksDB refuses all others until it is told to go on.
  absl::Status Resume();

  const FolderLock& lock_;
  const int max_open_files_;
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  rocksdb::ColumnFamilyHandle* chunks_ = nullptr;
  rocksdb::ColumnFamilyHandle* catalog_ = nullptr;
  rocksdb::ColumnFamilyHandle* marker_ = nullptr;
};

// The MANIFEST that the folder's CURRENT names. DATA_LOSS when either is missing or CURRENT is
// damaged.
absl::StatusOr<std::string> CurrentManifest(const FolderLock& lock);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_DATABASE_H_
