#include "storage/chunks/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/sst_file_writer.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/folder_copy.h"
#include "storage/chunks/record_change.h"
#include "storage/chunks/record_file.h"
#include "storage/chunks/rocksdb_counts.h"

namespace graphfeed {

namespace fs = std::filesystem;

std::unique_ptr<rocksdb::SstFileWriter> RocksDbChunkStore::NewFile(bool compressed) {
  return database_->NewFile(compressed);
}

absl::Status RocksDbChunkStore::Convert(const rocksdb::Status& status) const {
  return FromRocksDb(status, *lock_);
}

absl::Status RocksDbChunkStore::CheckWritable() const {
  if (writing_) return lock_->Check();
  return absl::FailedPreconditionError(
      absl::StrCat("the data folder ", lock_->folder(), " is open for reading only"));
}

absl::Status RocksDbChunkStore::Health() { return lock_->Check(); }

void RocksDbChunkStore::ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  rocksdb::PinnableSlice value;
  for (size_t i = 0; database_ == nullptr && i < keys.size(); ++i) {
    visitor(i, absl::NotFoundError("the store is empty"));
  }
  for (size_t first = 0; database_ != nullptr && first < keys.size();) {
    size_t end = first + 1;
    while (end < keys.size() && keys[end].column == keys[first].column) ++end;
    plain_.Read(
        *database_, keys.subspan(first, end - first),
        [&](size_t i, absl::string_view found) { visitor(first + i, found); },
        [&](size_t i) {
          const std::string key = EncodeChunkKey(keys[first + i]);
          const auto status = database_->db().Get(options, database_->chunks(), key, &value);
          using Value = absl::StatusOr<absl::string_view>;
          visitor(first + i, status.ok() ? Value({value.data(), value.size()}) : Convert(status));
          value.Reset();
        });
    first = end;
  }
}

absl::StatusOr<std::unique_ptr<ChunkWriter>> RocksDbChunkStore::NewWriter(uint64_t column,
                                                                          int64_t chunk_bytes) {
  GF_RETURN_IF_ERROR(CheckWritable());
  BulkFiles& files = *this;
  return std::make_unique<BulkWriter>(files, column, chunk_bytes);
}

absl::Status RocksDbChunkStore::Ingest(const std::vector<std::string>& paths) {
  MutexLock lock(&files_mu_);
  GF_RETURN_IF_ERROR(CheckWritable());
  return database_->Ingest(paths);
}

std::string RocksDbChunkStore::ListingName() {
  const absl::StatusOr<std::string> manifest = CurrentManifest(*lock_);
  return absl::StrCat(lock_->folder(), "/", manifest.ok() ? *manifest : "MANIFEST");
}

absl::StatusOr<std::vector<ColumnChunks>> RocksDbChunkStore::ListColumns() {
  if (database_ == nullptr) return std::vector<ColumnChunks>();
  return database_->Columns();
}

absl::Status RocksDbChunkStore::DeleteColumns(absl::Span<const uint64_t> columns) {
  MutexLock lock(&files_mu_);
  if (columns.empty() && doomed_.empty()) return absl::OkStatus();
  GF_RETURN_IF_ERROR(CheckWritable());
  std::vector<uint64_t> doomed = doomed_;
  doomed.insert(doomed.end(), columns.begin(), columns.end());
  if (readers_ != nullptr && !readers_->Exclude()) {
    doomed_ = std::move(doomed);
    return absl::OkStatus();
  }
  const absl::Status status = database_->DeleteColumns(doomed);
  if (readers_ != nullptr) readers_->Admit();
  if (!status.ok()) return status;
  doomed_.clear();
  plain_.Forget(doomed);
  return absl::OkStatus();
}

absl::Status RocksDbChunkStore::WriteRecords(RecordMap records) {
  GF_RETURN_IF_ERROR(WriteRecordFile(lock_->fd(), lock_->folder(), records, &uncertain_));
  records_ = std::move(records);
  return absl::OkStatus();
}

absl::StatusOr<RecordMap> RocksDbChunkStore::ListRecords() {
  MutexLock lock(&records_mu_);
  return records_;
}

absl::Status RocksDbChunkStore::ChangeRecords(absl::Span<const RecordChange> changes) {
  GF_RETURN_IF_ERROR(CheckWritable());
  MutexLock lock(&records_mu_);
  RecordMap records = records_;
  GF_RETURN_IF_ERROR(ApplyChanges(changes, records));
  if (records == records_ && !uncertain_) return absl::OkStatus();
  return WriteRecords(std::move(records));
}

absl::Status RocksDbChunkStore::Snapshot(const std::string& to, Check check) {
  MutexLock files_lock(&files_mu_);
  RecordMap records;
  {
    MutexLock lock(&records_mu_);
    records = records_;
  }
  if (database_ == nullptr) return absl::FailedPreconditionError("the store is empty");
  GF_ASSIGN_OR_RETURN(const std::string manifest, CurrentManifest(*lock_));
  std::vector<std::string> linked;
  for (TableFile& table : database_->Tables()) linked.push_back(std::move(table.name));
  return MakeFolder(to, [&](const std::string& folder) {
    GF_RETURN_IF_ERROR(CopyFiles(lock_->path(), folder, linked, {manifest, "CURRENT"}));
    if (database_->is_format_2()) {
      GF_ASSIGN_OR_RETURN(const std::unique_ptr<FolderLock> copy,
                          FolderLock::Acquire(folder, FolderLock::Kind::kExclusive));
      bool uncertain = false;
      GF_RETURN_IF_ERROR(WriteRecordFile(copy->fd(), folder, records, &uncertain));
    }
    return check(folder);
  });
}

int64_t RocksDbChunkStore::StoredBytes() { return FolderBytes(*lock_); }

StoreStats RocksDbChunkStore::Stats() {
  StoreStats stats = FolderStats(*lock_);
  if (database_ != nullptr) AddCounts(*database_, stats.counts);
  return stats;
}

EngineInfo RocksDbChunkStore::kind() {
  return {.engine = "rocksdb", .format = database_ == nullptr || database_->is_format_2() ? 2 : 1};
}

}  // namespace graphfeed
