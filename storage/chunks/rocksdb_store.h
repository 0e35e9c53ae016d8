#ifndef GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_STORE_H_
#define GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/bulk_writer.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/descriptors.h"
#include "storage/chunks/folder_lock.h"
#include "storage/chunks/plain_tables.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {

// OpenRocksDbChunkStore's. How it is opened and begins to write is in rocksdb_store_open.cc.
class RocksDbChunkStore : public ChunkStore, private SnapshotMaker, private BulkFiles {
 public:
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(const std::string& dir,
                                                          const ChunkStoreOptions& options);

  bool shared() const override { return false; }
  bool read_only() const override { return read_only_; }
  absl::Status StartWriting() override;
  absl::Status Health() override;
  void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) override;
  absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column,
                                                         int64_t chunk_bytes) override;
  std::string ListingName() override;
  absl::StatusOr<std::vector<ColumnChunks>> ListColumns() override;
  absl::Status DeleteColumns(absl::Span<const uint64_t> columns) override;
  void Tidy() override { (void)DeleteColumns({}); }
  absl::StatusOr<RecordMap> ListRecords() override;
  absl::Status ChangeRecords(absl::Span<const RecordChange> changes) override;
  SnapshotMaker* snapshots() override { return this; }
  int64_t StoredBytes() override;
  StoreStats Stats() override;
  EngineInfo kind() override;

 private:
  absl::Status Snapshot(const std::string& to, Check check) override;
  std::unique_ptr<rocksdb::SstFileWriter> NewFile(bool compressed) override;
  std::string NewPath() override {
    return absl::StrCat(bulk_, "/", next_file_.fetch_add(1), ".sst");
  }
  absl::Status Ingest(const std::vector<std::string>& paths) override;
  absl::Status Convert(const rocksdb::Status& status) const override;

  RocksDbChunkStore(std::unique_ptr<FolderLock> lock, std::unique_ptr<ReadersLock> readers,
                    bool read_only, bool may_create, const OpenFileLimits& limits)
      : lock_(std::move(lock)),
        readers_(std::move(readers)),
        read_only_(read_only),
        may_create_(may_create),
        max_open_files_(limits.tables),
        bulk_(absl::StrCat(lock_->path(), "/bulk")),
        plain_(*lock_, limits.plain_tables) {}

  absl::Status OpenForReading();
  absl::Status OpenBeside();
  absl::Status Create() ABSL_EXCLUSIVE_LOCKS_REQUIRED(records_mu_);
  absl::Status CheckRoom() const;
  absl::Status EmptyBulk();
  void RemoveEmptyLogs();
  // Before anything is written.
  absl::Status CheckWritable() const;
  absl::Status WriteRecords(RecordMap records) ABSL_EXCLUSIVE_LOCKS_REQUIRED(records_mu_);

  const std::unique_ptr<FolderLock> lock_;
  // Joined by who reads beside a writer; of the writer itself: made when it starts to write.
  std::unique_ptr<ReadersLock> readers_;
  const bool read_only_;
  const bool may_create_;
  const int max_open_files_;
  const std::string bulk_;  // on the same file system, so that files are moved by linking
  std::atomic<uint64_t> next_file_{0};

  // Null in a folder without a store. Replaced by StartWriting only.
  std::unique_ptr<RocksDbDatabase> database_;
  PlainTables plain_;
  bool creating_ = false;
  bool writing_ = false;

  // Held while the database's list of files changes or is copied.
  Mutex files_mu_;
  // To be deleted when nobody reads beside this store any more.
  std::vector<uint64_t> doomed_ ABSL_GUARDED_BY(files_mu_);
  // Held while the file of records is written.
  Mutex records_mu_;
  RecordMap records_ ABSL_GUARDED_BY(records_mu_);
  // The file may hold a change that failed.
  bool uncertain_ ABSL_GUARDED_BY(records_mu_) = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_ROCKSDB_STORE_H_
