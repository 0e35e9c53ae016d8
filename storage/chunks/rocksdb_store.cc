#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

// A column's chunks go into files of its own, of about this size. A table reader keeps its index
// in memory (some 25 bytes per chunk); kMaxOpenFiles of them stay open.
constexpr uint64_t kFileBytes = uint64_t{64} << 20;
constexpr int kMaxOpenFiles = 512;
constexpr size_t kKeyBytes = 12;
// A record that every start writes. No name of a caller's: it is not text.
const rocksdb::Slice kOpenedKey("\0opened", 7);

// Column uid, then chunk number, both big-endian, so that chunks lie in order.
class Key {
 public:
  explicit Key(ChunkKey key) {
    for (int i = 0; i < 8; ++i) bytes_[i] = static_cast<char>(key.column >> (56 - 8 * i));
    for (int i = 0; i < 4; ++i) bytes_[8 + i] = static_cast<char>(key.chunk >> (24 - 8 * i));
  }
  rocksdb::Slice slice() const { return rocksdb::Slice(bytes_, kKeyBytes); }

 private:
  char bytes_[kKeyBytes];
};

uint64_t ColumnOf(const std::string& key) {
  uint64_t column = 0;
  for (size_t i = 0; i < 8 && i < key.size(); ++i) {
    column = column << 8 | static_cast<uint8_t>(key[i]);
  }
  return column;
}

absl::Status ToStatus(const rocksdb::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = status.ToString();
  if (status.IsCorruption()) return absl::DataLossError(text);
  if (status.IsNotFound()) return absl::NotFoundError(text);
  if (status.IsPathNotFound()) return absl::DataLossError(text);
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(text);
  if (status.IsIOError() || status.IsBusy() || status.IsTimedOut()) {
    return absl::UnavailableError(text);
  }
  return absl::InternalError(text);
}

rocksdb::ColumnFamilyOptions ChunkOptions() {
  rocksdb::BlockBasedTableOptions table;
  // Chunks are cached above the seam, once and aligned. A block cache would hold them again.
  table.no_block_cache = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.bottommost_compression = rocksdb::kLZ4Compression;
  // Only whole files come and go here, each with chunks of one column: nothing to compact.
  options.disable_auto_compactions = true;
  options.write_buffer_size = 1 << 20;
  return options;
}

rocksdb::ColumnFamilyOptions CatalogOptions() {
  rocksdb::BlockBasedTableOptions table;
  table.no_block_cache = true;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = 4 << 20;
  return options;
}

rocksdb::DBOptions DatabaseOptions() {
  rocksdb::DBOptions options;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  options.max_open_files = kMaxOpenFiles;
  // A damaged chunk file must not keep the others from being served: it is reported when read.
  options.paranoid_checks = false;
  // Whatever survives a crash on disk is bounded: no preallocated tails, few old log files.
  options.allow_fallocate = false;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1 << 20;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_manifest_file_size = 4 << 20;
  options.max_total_wal_size = 8 << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_background_jobs = 2;
  return options;
}

class RocksDbChunkStore;

// Collects a column in files outside of the database and hands them over when finished.
class BulkWriter : public ChunkWriter {
 public:
  BulkWriter(RocksDbChunkStore& store, uint64_t column) : store_(store), column_(column) {}
  ~BulkWriter() override;
  absl::Status Add(uint32_t chunk, absl::string_view value) override;
  absl::Status Finish() override;

 private:
  absl::Status FinishFile();

  RocksDbChunkStore& store_;
  const uint64_t column_;
  std::unique_ptr<rocksdb::SstFileWriter> file_;
  std::vector<std::string> paths_;  // of all files so far
  bool finished_ = false;
};

class RocksDbChunkStore : public ChunkStore {
 public:
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(const std::string& dir);
  ~RocksDbChunkStore() override;

  void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) override;
  absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column) override;
  absl::StatusOr<std::vector<uint64_t>> ListColumns() override;
  absl::Status DeleteColumns(absl::Span<const uint64_t> columns) override;
  absl::Status PutRecord(absl::string_view key, absl::string_view value) override;
  absl::Status DeleteRecord(absl::string_view key) override;
  absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListRecords() override;
  absl::Status Snapshot(const std::string& to) override;
  int64_t StoredBytes() override;

  // For BulkWriter.
  std::unique_ptr<rocksdb::SstFileWriter> NewFile();
  std::string NewBulkPath();
  rocksdb::Status Ingest(const std::vector<std::string>& paths);

 private:
  absl::Status WriteRecord(absl::FunctionRef<rocksdb::Status(const rocksdb::WriteOptions&)> write);

  explicit RocksDbChunkStore(const std::string& dir)
      : dir_(dir), bulk_dir_(fs::path(dir) / "bulk") {}

  const fs::path dir_;
  const fs::path bulk_dir_;  // on the same file system, so that files are moved by linking
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  rocksdb::ColumnFamilyHandle* chunks_ = nullptr;
  rocksdb::ColumnFamilyHandle* catalog_ = nullptr;
  std::atomic<uint64_t> next_file_{0};
};

BulkWriter::~BulkWriter() {
  file_.reset();
  if (finished_) return;
  for (const std::string& path : paths_) {
    std::error_code ignored;  // what stays is removed at the next start
    fs::remove(path, ignored);
  }
}

absl::Status BulkWriter::Add(uint32_t chunk, absl::string_view value) {
  if (file_ == nullptr) {
    paths_.push_back(store_.NewBulkPath());
    file_ = store_.NewFile();
    if (auto status = file_->Open(paths_.back()); !status.ok()) return ToStatus(status);
  }
  const Key key({column_, chunk});
  auto status = file_->Put(key.slice(), rocksdb::Slice(value.data(), value.size()));
  if (!status.ok()) return ToStatus(status);
  return file_->FileSize() >= kFileBytes ? FinishFile() : absl::OkStatus();
}

absl::Status BulkWriter::FinishFile() {
  const auto status = file_->Finish();
  file_.reset();
  return ToStatus(status);
}

absl::Status BulkWriter::Finish() {
  if (file_ != nullptr) {
    if (absl::Status status = FinishFile(); !status.ok()) return status;
  }
  if (!paths_.empty()) {
    if (auto status = store_.Ingest(paths_); !status.ok()) return ToStatus(status);
  }
  finished_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ChunkStore>> RocksDbChunkStore::Open(const std::string& dir) {
  std::unique_ptr<RocksDbChunkStore> store(new RocksDbChunkStore(dir));
  std::error_code error;
  fs::create_directories(store->dir_, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat("cannot create ", dir, ": ", error.message()));
  }

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(DatabaseOptions(), dir,
                                        {{rocksdb::kDefaultColumnFamilyName, CatalogOptions()},
                                         {"chunks", ChunkOptions()},
                                         {"catalog", CatalogOptions()}},
                                        &handles, &db);
  if (!status.ok()) {
    const std::string text = status.ToString();
    if (status.IsIOError() && absl::StrContains(text, "lock")) {
      return absl::FailedPreconditionError(
          absl::StrCat("another process uses the data folder ", dir, ": ", text));
    }
    const absl::Status converted = ToStatus(status);
    return absl::Status(converted.code(),
                        absl::StrCat("cannot open the data folder ", dir, ": ", text));
  }
  store->db_.reset(db);
  store->default_ = handles[0];
  store->chunks_ = handles[1];
  store->catalog_ = handles[2];

  // RocksDB drops the empty log files of earlier runs only when it next flushes.
  if (absl::Status written = store->WriteRecord([&](const rocksdb::WriteOptions& options) {
        return store->db_->Put(options, store->catalog_, kOpenedKey, rocksdb::Slice());
      });
      !written.ok()) {
    return written;
  }
  // We hold the lock: nobody writes bulk files, and those that exist were left by a crash.
  fs::remove_all(store->bulk_dir_, error);
  if (!error) fs::create_directories(store->bulk_dir_, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot empty ", store->bulk_dir_.string(), ": ", error.message()));
  }
  return store;
}

RocksDbChunkStore::~RocksDbChunkStore() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : {default_, chunks_, catalog_}) {
    db_->DestroyColumnFamilyHandle(handle);
  }
}

void RocksDbChunkStore::ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) {
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  rocksdb::PinnableSlice value;
  for (size_t i = 0; i < keys.size(); ++i) {
    const Key key(keys[i]);
    const auto status = db_->Get(options, chunks_, key.slice(), &value);
    if (status.ok()) {
      visitor(i, absl::string_view(value.data(), value.size()));
    } else {
      visitor(i, ToStatus(status));
    }
    value.Reset();
  }
}

absl::StatusOr<std::unique_ptr<ChunkWriter>> RocksDbChunkStore::NewWriter(uint64_t column) {
  return std::make_unique<BulkWriter>(*this, column);
}

// Every file belongs to one column, so the list of files is the list of columns: no chunk is read,
// and a damaged one does not hinder.
absl::StatusOr<std::vector<uint64_t>> RocksDbChunkStore::ListColumns() {
  rocksdb::ColumnFamilyMetaData meta;
  db_->GetColumnFamilyMetaData(chunks_, &meta);
  std::vector<uint64_t> columns;
  for (const auto& level : meta.levels) {
    for (const auto& file : level.files) columns.push_back(ColumnOf(file.smallestkey));
  }
  std::sort(columns.begin(), columns.end());
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

absl::Status RocksDbChunkStore::DeleteColumns(absl::Span<const uint64_t> columns) {
  std::vector<Key> bounds;
  bounds.reserve(2 * columns.size());
  for (const uint64_t column : columns) {
    bounds.emplace_back(ChunkKey{column, 0});
    bounds.emplace_back(ChunkKey{column + 1, 0});
  }
  std::vector<rocksdb::Slice> slices;
  slices.reserve(bounds.size());
  for (const Key& bound : bounds) slices.push_back(bound.slice());
  std::vector<rocksdb::RangePtr> ranges;
  for (size_t i = 0; i < slices.size(); i += 2) ranges.emplace_back(&slices[i], &slices[i + 1]);
  if (ranges.empty()) return absl::OkStatus();

  // Drops whole files, which is all of them unless one landed in level 0.
  auto status = rocksdb::DeleteFilesInRanges(db_.get(), chunks_, ranges.data(), ranges.size(),
                                             /*include_end=*/false);
  if (!status.ok()) return ToStatus(status);

  absl::StatusOr<std::vector<uint64_t>> left = ListColumns();
  if (!left.ok()) return left.status();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (!std::binary_search(left->begin(), left->end(), columns[i])) continue;
    rocksdb::WriteOptions write;
    write.disableWAL = true;  // what a crash forgets is swept at the next start
    status = db_->DeleteRange(write, chunks_, slices[2 * i], slices[2 * i + 1]);
    if (!status.ok()) return ToStatus(status);
    rocksdb::CompactRangeOptions compact;
    compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    status = db_->CompactRange(compact, chunks_, &slices[2 * i], &slices[2 * i + 1]);
    if (!status.ok()) return ToStatus(status);
  }
  return absl::OkStatus();
}

absl::Status RocksDbChunkStore::PutRecord(absl::string_view key, absl::string_view value) {
  return WriteRecord([&](const rocksdb::WriteOptions& options) {
    return db_->Put(options, catalog_, rocksdb::Slice(key.data(), key.size()),
                    rocksdb::Slice(value.data(), value.size()));
  });
}

absl::Status RocksDbChunkStore::DeleteRecord(absl::string_view key) {
  return WriteRecord([&](const rocksdb::WriteOptions& options) {
    return db_->Delete(options, catalog_, rocksdb::Slice(key.data(), key.size()));
  });
}

// A record goes into a table file at once; nothing is ever in the write-ahead log. Replaying a
// damaged log could silently end before a published manifest, whose columns would then be swept,
// whereas damage in a table file is an error.
absl::Status RocksDbChunkStore::WriteRecord(
    absl::FunctionRef<rocksdb::Status(const rocksdb::WriteOptions&)> write) {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  if (auto status = write(options); !status.ok()) return ToStatus(status);
  rocksdb::FlushOptions flush;
  flush.wait = true;
  flush.allow_write_stall = true;
  return ToStatus(db_->Flush(flush, catalog_));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> RocksDbChunkStore::ListRecords() {
  std::vector<std::pair<std::string, std::string>> records;
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions(), catalog_));
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    if (it->key() == kOpenedKey) continue;
    records.emplace_back(it->key().ToString(), it->value().ToString());
  }
  if (!it->status().ok()) return ToStatus(it->status());
  return records;
}

absl::Status RocksDbChunkStore::Snapshot(const std::string& to) {
  // Where RocksDB writes before it renames. It would delete files that it finds there.
  const std::string unfinished = (fs::path(to) / "").parent_path().string() + ".tmp";
  std::error_code error;
  if (fs::exists(unfinished, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat("\"", unfinished,
                     "\", where the copy is made, exists: remove it if it is the rest of one"));
  }
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(to);
  if (status.ok()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("copying to \"", to, "\": ", status.ToString()));
}

int64_t RocksDbChunkStore::StoredBytes() {
  int64_t bytes = 0;
  std::error_code error;  // files come and go meanwhile: count what is there
  for (fs::recursive_directory_iterator it(dir_, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code gone;
    if (!it->is_regular_file(gone) || gone) continue;
    const auto size = it->file_size(gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

std::unique_ptr<rocksdb::SstFileWriter> RocksDbChunkStore::NewFile() {
  rocksdb::EnvOptions env;
  env.writable_file_max_buffer_size = 256 << 10;
  env.allow_fallocate = false;
  const rocksdb::Options options(DatabaseOptions(), ChunkOptions());
  return std::make_unique<rocksdb::SstFileWriter>(env, options, chunks_,
                                                  /*invalidate_page_cache=*/false);
}

std::string RocksDbChunkStore::NewBulkPath() {
  return (bulk_dir_ / absl::StrCat(next_file_.fetch_add(1), ".sst")).string();
}

rocksdb::Status RocksDbChunkStore::Ingest(const std::vector<std::string>& paths) {
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.write_global_seqno = false;
  options.snapshot_consistency = false;
  options.allow_blocking_flush = false;
  return db_->IngestExternalFile(chunks_, paths, options);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRocksDbChunkStore(const std::string& dir) {
  return RocksDbChunkStore::Open(dir);
}

}  // namespace graphfeed
