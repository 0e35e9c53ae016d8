#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/sst_file_writer.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/bulk_writer.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/descriptors.h"
#include "storage/chunks/disk_errors.h"
#include "storage/chunks/folder_copy.h"
#include "storage/chunks/folder_lock.h"
#include "storage/chunks/format1_records.h"
#include "storage/chunks/plain_tables.h"
#include "storage/chunks/record_change.h"
#include "storage/chunks/record_file.h"
#include "storage/chunks/rocksdb_counts.h"
#include "storage/chunks/rocksdb_database.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

// Options, logs, the catalogue's copy.
constexpr uint64_t kRoomToOpen = 192 << 10;
// A record while the folder is being made, for which nothing is missing yet. Not text, so that it
// is no name of a caller's.
constexpr absl::string_view kCreatingKey("\0creating", 9);

// A file that shows that there was a store in the folder, or nothing.
absl::StatusOr<std::string> TraceOfStore(const FolderLock& lock) {
  std::error_code error;
  for (fs::directory_iterator it(lock.path(), error), end; !error && it != end;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name == kRecordFile || name == "IDENTITY" || absl::StartsWith(name, "MANIFEST-") ||
        absl::EndsWith(name, ".sst")) {
      return name;
    }
  }
  if (error) return FileError(error.value(), absl::StrCat("reading ", lock.folder()));
  return std::string();
}

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
  absl::StatusOr<RecordMap> ListRecords() override;
  absl::Status ChangeRecords(absl::Span<const RecordChange> changes) override;
  SnapshotMaker* snapshots() override { return this; }
  int64_t StoredBytes() override { return FolderBytes(*lock_); }
  StoreStats Stats() override;
  StoreKind kind() override;

 private:
  absl::Status Snapshot(const std::string& to, Check check) override;
  std::unique_ptr<rocksdb::SstFileWriter> NewFile(bool compressed) override {
    return database_->NewFile(compressed);
  }
  std::string NewPath() override {
    return absl::StrCat(bulk_, "/", next_file_.fetch_add(1), ".sst");
  }
  absl::Status Ingest(const std::vector<std::string>& paths) override;
  absl::Status Convert(const rocksdb::Status& status) const override {
    return FromRocksDb(status, *lock_);
  }

  RocksDbChunkStore(std::unique_ptr<FolderLock> lock, bool read_only, bool may_create,
                    const OpenFileLimits& limits)
      : lock_(std::move(lock)),
        read_only_(read_only),
        may_create_(may_create),
        max_open_files_(limits.tables),
        bulk_(absl::StrCat(lock_->path(), "/bulk")),
        plain_(*lock_, limits.plain_tables) {}

  absl::Status OpenForReading();
  absl::Status Create() ABSL_EXCLUSIVE_LOCKS_REQUIRED(records_mu_);
  absl::Status CheckRoom() const;
  absl::Status EmptyBulk();
  void RemoveEmptyLogs();
  // Before anything is written.
  absl::Status CheckWritable() const;
  absl::Status WriteRecords(RecordMap records) ABSL_EXCLUSIVE_LOCKS_REQUIRED(records_mu_);

  const std::unique_ptr<FolderLock> lock_;
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
  // Held while the file of records is written.
  Mutex records_mu_;
  RecordMap records_ ABSL_GUARDED_BY(records_mu_);
  // The file may hold a change that failed.
  bool uncertain_ ABSL_GUARDED_BY(records_mu_) = false;
};

absl::StatusOr<std::unique_ptr<ChunkStore>> RocksDbChunkStore::Open(
    const std::string& dir, const ChunkStoreOptions& options) {
  const bool read_only = options.access == StoreAccess::kReadOnly ||
                         (options.access == StoreAccess::kAsPermitted && IsReadOnlyFolder(dir));
  const bool may_create = options.create && !read_only;
  if (may_create) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) return FileError(error.value(), absl::StrCat("cannot create ", dir));
  }
  GF_ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock,
                      FolderLock::Acquire(dir, read_only ? FolderLock::Kind::kShared
                                                         : FolderLock::Kind::kExclusive));
  GF_ASSIGN_OR_RETURN(const OpenFileLimits limits, MaxOpenChunkFiles());
  std::unique_ptr<RocksDbChunkStore> store(
      new RocksDbChunkStore(std::move(lock), read_only, may_create, limits));
  GF_RETURN_IF_ERROR(store->OpenForReading());
  return store;
}

absl::Status RocksDbChunkStore::OpenForReading() {
  const std::string& folder = lock_->folder();
  MutexLock lock(&records_mu_);
  GF_ASSIGN_OR_RETURN(std::optional<RecordMap> records, ReadRecordFile(lock_->fd(), folder));
  creating_ = records.has_value() && records->contains(kCreatingKey);
  std::error_code error;
  const bool has_current = fs::exists(absl::StrCat(lock_->path(), "/CURRENT"), error);
  if (error) return FileError(error.value(), absl::StrCat(folder, "/CURRENT"));
  if (!has_current && !creating_) {
    GF_ASSIGN_OR_RETURN(const std::string trace, TraceOfStore(*lock_));
    if (!trace.empty()) {
      return absl::DataLossError(absl::StrCat(folder, "/CURRENT is missing beside ", trace));
    }
    creating_ = true;
  }
  if (creating_ && !may_create_) {
    return absl::NotFoundError(absl::StrCat("\"", folder, "\" is no data folder"));
  }
  if (creating_) return absl::OkStatus();

  GF_ASSIGN_OR_RETURN(database_,
                      RocksDbDatabase::Open(*lock_, RocksDbDatabase::Mode::kRead, max_open_files_));
  if (database_->is_format_2()) {
    if (!records.has_value()) {
      return absl::DataLossError(
          absl::StrCat("the catalogue ", folder, "/", kRecordFile, " is missing"));
    }
  } else if (database_->catalog() != nullptr) {
    GF_ASSIGN_OR_RETURN(RecordMap of_tables, ReadFormat1Records(*lock_, *database_));
    if (records.has_value() && *records != of_tables) {
      return absl::DataLossError(absl::StrCat(
          folder, " has two catalogues that differ, in ", kRecordFile,
          " and in RocksDB's tables: its MANIFEST is damaged, or an older program wrote to it "
          "after this one (remove ",
          kRecordFile, " then)"));
    }
    records = std::move(of_tables);
  }
  records_ = *std::move(records);
  return absl::OkStatus();
}

absl::Status RocksDbChunkStore::StartWriting() {
  if (writing_) return absl::OkStatus();
  if (read_only_) {
    return absl::FailedPreconditionError(
        absl::StrCat("the data folder ", lock_->folder(), " is read only"));
  }
  GF_RETURN_IF_ERROR(lock_->Check());
  GF_RETURN_IF_ERROR(CheckRoom());
  MutexLock lock(&records_mu_);
  if (creating_) {
    GF_RETURN_IF_ERROR(Create());
  } else {
    if (!database_->is_format_2()) GF_RETURN_IF_ERROR(WriteRecords(records_));
    database_.reset();
    RemoveEmptyLogs();
    GF_ASSIGN_OR_RETURN(
        database_, RocksDbDatabase::Open(*lock_, RocksDbDatabase::Mode::kWrite, max_open_files_));
    GF_RETURN_IF_ERROR(database_->FinishUpgrade());
  }
  GF_RETURN_IF_ERROR(EmptyBulk());
  writing_ = true;
  return absl::OkStatus();
}

absl::Status RocksDbChunkStore::Create() {
  GF_RETURN_IF_ERROR(WriteRecords({{std::string(kCreatingKey), ""}}));
  GF_ASSIGN_OR_RETURN(
      database_, RocksDbDatabase::Open(*lock_, RocksDbDatabase::Mode::kCreate, max_open_files_));
  GF_RETURN_IF_ERROR(WriteRecords({}));
  creating_ = false;
  return absl::OkStatus();
}

// Whether there is room for what RocksDB writes while it opens: on a full disk or quota it would
// not return an error but fail an assertion.
absl::Status RocksDbChunkStore::CheckRoom() const {
  uint64_t bytes = kRoomToOpen;
  std::error_code error;
  for (fs::directory_iterator it(lock_->path(), error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (!absl::StartsWith(it->path().filename().string(), "MANIFEST-")) continue;
    if (const auto size = it->file_size(gone); !gone) bytes += size;  // it is written anew
  }
  const std::string name = "ROOM.tmp";
  const int fd = openat(lock_->fd(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(errno, absl::StrCat("cannot write to ", lock_->folder()));
  int failed = 0;
  const std::string page(4096, '\1');
  for (uint64_t done = 0; done < bytes && failed == 0; done += page.size()) {
    const ssize_t count = write(fd, page.data(), page.size());
    if (count != static_cast<ssize_t>(page.size())) failed = count < 0 ? errno : ENOSPC;
  }
  (void)close(fd);
  (void)unlinkat(lock_->fd(), name.c_str(), 0);
  if (failed == 0) return absl::OkStatus();
  return FileError(failed, absl::StrCat("cannot open ", lock_->folder(), ", which takes ",
                                        bytes >> 10, " KiB more"));
}

// Every start begins a write-ahead log, to which nobody writes. RocksDB would remove them at a
// flush, of which there is none.
void RocksDbChunkStore::RemoveEmptyLogs() {
  std::error_code error;  // what cannot be removed now is at the next start
  for (fs::directory_iterator it(lock_->path(), error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (it->path().extension() == ".log" && it->file_size(gone) == 0 && !gone) {
      fs::remove(it->path(), gone);
    }
  }
}

// We hold the lock: nobody writes bulk files, and those that exist were left by a crash.
absl::Status RocksDbChunkStore::EmptyBulk() {
  std::error_code error;
  fs::remove_all(bulk_, error);
  if (!error) fs::create_directories(bulk_, error);
  if (!error) return absl::OkStatus();
  return FileError(error.value(), absl::StrCat("cannot empty ", lock_->folder(), "/bulk"));
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
  GF_RETURN_IF_ERROR(CheckWritable());
  GF_RETURN_IF_ERROR(database_->DeleteColumns(columns));
  plain_.Forget(columns);
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

StoreStats RocksDbChunkStore::Stats() {
  StoreStats stats = FolderStats(*lock_);
  if (database_ != nullptr) AddCounts(*database_, stats.counts);
  return stats;
}

StoreKind RocksDbChunkStore::kind() {
  return {.engine = "rocksdb", .format = database_ == nullptr || database_->is_format_2() ? 2 : 1};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRocksDbChunkStore(
    const std::string& dir, const ChunkStoreOptions& options) {
  return RocksDbChunkStore::Open(dir, options);
}

}  // namespace graphfeed
