#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/disk_errors.h"
#include "storage/chunks/format1_records.h"
#include "storage/chunks/record_file.h"
#include "storage/chunks/rocksdb_store.h"

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

// FAILED_PRECONDITION for a folder with anything in it but hidden and unfinished files: a store
// takes "bulk", empty logs and names of RocksDB's for its own and removes them.
absl::Status CheckIsEmpty(const FolderLock& lock) {
  std::error_code error;
  for (fs::directory_iterator it(lock.path(), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name[0] == '.' || name == "lost+found" || absl::EndsWith(name, ".tmp")) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("\"", lock.folder(), "\" is no data folder and holds \"", name,
                     "\": one is made in an empty folder, or where there is none"));
  }
  if (error) return FileError(error.value(), absl::StrCat("reading ", lock.folder()));
  return absl::OkStatus();
}

// NOT_FOUND where nothing of a store is: nothing is made in a folder that is somebody else's.
absl::Status CheckIsStore(const FolderLock& lock) {
  GF_ASSIGN_OR_RETURN(const std::string trace, TraceOfStore(lock));
  if (!trace.empty()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("\"", lock.folder(), "\" is no data folder"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> RocksDbChunkStore::Open(
    const std::string& dir, const ChunkStoreOptions& options) {
  const bool beside = options.access == StoreAccess::kBeside;
  const bool read_only = beside || options.access == StoreAccess::kReadOnly ||
                         (options.access == StoreAccess::kAsPermitted && IsReadOnlyFolder(dir));
  const bool may_create = options.create && !read_only;
  if (may_create) {
    std::error_code error;
    fs::create_directories(dir, error);
    if (error) return FileError(error.value(), absl::StrCat("cannot create ", dir));
  }
  std::unique_ptr<FolderLock> lock;
  std::unique_ptr<ReadersLock> readers;
  if (beside) {
    GF_ASSIGN_OR_RETURN(lock, FolderLock::Acquire(dir, FolderLock::Kind::kNone));
    GF_RETURN_IF_ERROR(CheckIsStore(*lock));
    GF_ASSIGN_OR_RETURN(readers, ReadersLock::Open(*lock));
    if (readers != nullptr) GF_RETURN_IF_ERROR(readers->Join());
  }
  if (readers == nullptr) {
    GF_ASSIGN_OR_RETURN(lock, FolderLock::Acquire(dir, read_only ? FolderLock::Kind::kShared
                                                                 : FolderLock::Kind::kExclusive));
  }
  GF_ASSIGN_OR_RETURN(const OpenFileLimits limits, MaxOpenChunkFiles());
  std::unique_ptr<RocksDbChunkStore> store(
      new RocksDbChunkStore(std::move(lock), std::move(readers), read_only, may_create, limits));
  GF_RETURN_IF_ERROR(store->readers_ != nullptr ? store->OpenBeside() : store->OpenForReading());
  return store;
}

// A writer may replace RocksDB's files, or publish, while they are read: then again.
absl::Status RocksDbChunkStore::OpenBeside() {
  constexpr int kTries = 50;
  constexpr absl::Duration kPause = absl::Milliseconds(20);
  for (int tries = 1;; ++tries) {
    absl::Status status = OpenForReading();
    if (status.ok()) {
      const absl::StatusOr<std::optional<RecordMap>> now =
          ReadRecordFile(lock_->fd(), lock_->folder());
      MutexLock lock(&records_mu_);
      if (!database_->is_format_2() || (now.ok() && *now == records_)) return absl::OkStatus();
      status = absl::UnavailableError(
          absl::StrCat("the data folder ", lock_->folder(), " changes all the time"));
    }
    if (tries == kTries || absl::IsNotFound(status) || !lock_->IsWritten()) return status;
    database_.reset();
    absl::SleepFor(kPause);
  }
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
    if (may_create_) GF_RETURN_IF_ERROR(CheckIsEmpty(*lock_));
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
  GF_ASSIGN_OR_RETURN(readers_, ReadersLock::Open(*lock_));
  if (readers_ != nullptr) readers_->SignAsWriter();
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

absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRocksDbChunkStore(
    const std::string& dir, const ChunkStoreOptions& options) {
  return RocksDbChunkStore::Open(dir, options);
}

}  // namespace graphfeed
