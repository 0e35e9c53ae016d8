#include "storage/chunks/rocksdb_database.h"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/disk_errors.h"
#include "storage/chunks/table_guard.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr char kChunksFamily[] = "chunks";
constexpr char kCatalogFamily[] = "catalog";
constexpr char kMarkerFamily[] = "format-2";

rocksdb::ColumnFamilyOptions ChunkOptions() {
  rocksdb::BlockBasedTableOptions table;
  // Chunks are cached above the seam, once and aligned. A block cache would hold them again.
  table.no_block_cache = true;
  table.checksum = rocksdb::kXXH3;
  table.format_version = 5;
  // Keys share nothing, so all entries of a column are of one size and where a chunk lies follows
  // from its number (plain_tables.h). Indexes are in memory: their keys share what they can.
  table.block_restart_interval = 1;
  table.index_block_restart_interval = 16;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kLZ4Compression;
  options.bottommost_compression = rocksdb::kLZ4Compression;
  // Only whole files come and go here, each with chunks of one column: nothing to compact.
  options.disable_auto_compactions = true;
  options.write_buffer_size = 1 << 20;
  return options;
}

// Keeps nothing: RocksDB would begin a new log file in a folder that is only to be read.
class NoLogger : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::DBOptions DatabaseOptions(RocksDbDatabase::Mode mode, int max_open_files) {
  rocksdb::DBOptions options;
  options.env = GuardedEnv();
  options.create_if_missing = mode == RocksDbDatabase::Mode::kCreate;
  options.create_missing_column_families = options.create_if_missing;
  if (mode == RocksDbDatabase::Mode::kRead) options.info_log = std::make_shared<NoLogger>();
  options.max_open_files = max_open_files;
  // A damaged chunk file must not keep the others from being served: it is reported when read.
  options.paranoid_checks = false;
  // An error is told to whoever met it; RocksDB goes on when the next change asks it to.
  options.max_bgerror_resume_count = 0;
  // Whatever survives a crash on disk is bounded: no preallocated tails, few old log files.
  options.allow_fallocate = false;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1 << 20;
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.max_manifest_file_size = 4 << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_background_jobs = 2;
  options.statistics = rocksdb::CreateDBStatistics();
  options.statistics->set_stats_level(rocksdb::kExceptHistogramOrTimers);
  return options;
}

uint64_t LoadBigEndian(absl::string_view bytes, size_t begin, size_t end) {
  uint64_t value = 0;
  for (size_t i = begin; i < end && i < bytes.size(); ++i) {
    value = value << 8 | static_cast<uint8_t>(bytes[i]);
  }
  return value;
}

// Damage of what must be whole for the folder to be opened.
absl::Status OpenError(const rocksdb::Status& status, const FolderLock& lock) {
  const absl::Status converted = FromRocksDb(status, lock);
  absl::StatusCode code = converted.code();
  if (status.IsIOError() && absl::StrContains(status.ToString(), "lock")) {
    code = absl::StatusCode::kFailedPrecondition;
  } else if (status.IsInvalidArgument() || status.IsNotFound()) {
    code = absl::StatusCode::kDataLoss;  // column families that are not listed
  }
  std::string of;
  if (code == absl::StatusCode::kDataLoss) {
    if (absl::StatusOr<std::string> manifest = CurrentManifest(lock); manifest.ok()) {
      of = absl::StrCat(", whose ", *manifest, " is damaged");
    }
  }
  absl::Status error(code, absl::StrCat("cannot open the data folder ", lock.folder(), of, ": ",
                                        converted.message()));
  converted.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { error.SetPayload(type, payload); });
  return error;
}

// RocksDB opens what has the name of one of its files, and waits for a FIFO's writer or aborts
// where that is not a file.
absl::Status CheckRegularFiles(const FolderLock& lock) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(lock.path(), error)) {
    const std::string name = entry.path().filename().string();
    const bool opened = name == "CURRENT" || name == kReadersFile || name == "IDENTITY" ||
                        name == "LOCK" || absl::StartsWith(name, "LOG") ||
                        absl::StartsWith(name, "MANIFEST-") || absl::StartsWith(name, "OPTIONS-") ||
                        absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".log") ||
                        absl::EndsWith(name, ".dbtmp");
    std::error_code unknown;
    if (!opened || entry.is_regular_file(unknown)) continue;
    return absl::DataLossError(absl::StrCat(lock.folder(), "/", name,
                                            " is not a regular file: the data folder is damaged"));
  }
  if (!error) return absl::OkStatus();
  return FileError(error.value(), absl::StrCat("reading the folder ", lock.folder()));
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, const FolderLock& lock) {
  if (status.ok()) return absl::OkStatus();
  const std::string text = lock.WithName(status.ToString());
  if (status.IsNoSpace() || absl::StrContains(text, "Disk quota exceeded")) {
    return DiskFullError(text);
  }
  if (status.IsCorruption() || status.IsPathNotFound()) return absl::DataLossError(text);
  if (status.IsNotFound()) return absl::NotFoundError(text);
  if (status.IsIOError() || status.IsBusy() || status.IsTimedOut()) {
    return absl::UnavailableError(text);
  }
  return absl::InternalError(text);
}

std::string EncodeChunkKey(ChunkKey key) {
  std::string bytes(kChunkKeyBytes, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(key.column >> (56 - 8 * i));
  for (size_t i = 0; i < 4; ++i) bytes[8 + i] = static_cast<char>(key.chunk >> (24 - 8 * i));
  return bytes;
}

uint32_t ChunkOfKey(absl::string_view bytes) {
  return static_cast<uint32_t>(LoadBigEndian(bytes, 8, kChunkKeyBytes));
}

absl::StatusOr<std::string> CurrentManifest(const FolderLock& lock) {
  const std::string path = absl::StrCat(lock.folder(), "/CURRENT");
  std::ifstream file(absl::StrCat(lock.path(), "/CURRENT"), std::ios::binary);
  if (!file.is_open() && errno != ENOENT) return FileError(errno, absl::StrCat("reading ", path));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  absl::string_view name = text;
  absl::string_view number = text;
  if (!absl::ConsumeSuffix(&name, "\n") || !absl::ConsumePrefix(&number, "MANIFEST-") ||
      !absl::ConsumeSuffix(&number, "\n") || number.empty() ||
      !std::all_of(number.begin(), number.end(), absl::ascii_isdigit)) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: it names no MANIFEST"));
  }
  std::error_code error;
  if (!fs::exists(absl::StrCat(lock.path(), "/", name), error) && !error) {
    return absl::DataLossError(
        absl::StrCat(lock.folder(), "/", name, ", which CURRENT names, is missing"));
  }
  return std::string(name);
}

absl::StatusOr<std::unique_ptr<RocksDbDatabase>> RocksDbDatabase::Open(const FolderLock& lock,
                                                                       Mode mode,
                                                                       int max_open_files) {
  std::unique_ptr<RocksDbDatabase> database(new RocksDbDatabase(lock, max_open_files));
  GF_RETURN_IF_ERROR(CheckRegularFiles(lock));
  if (mode != Mode::kCreate) GF_RETURN_IF_ERROR(CurrentManifest(lock).status());
  GF_RETURN_IF_ERROR(database->OpenFamilies(mode));
  return database;
}

absl::Status RocksDbDatabase::OpenFamilies(Mode mode) {
  const rocksdb::DBOptions options = DatabaseOptions(mode, max_open_files_);
  std::vector<std::string> families = {rocksdb::kDefaultColumnFamilyName, kChunksFamily,
                                       kMarkerFamily};
  if (mode != Mode::kCreate) {
    families.clear();
    const auto status = rocksdb::DB::ListColumnFamilies(options, lock_.path(), &families);
    if (!status.ok()) return OpenError(status, lock_);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(families.size());
  for (const std::string& family : families) descriptors.emplace_back(family, ChunkOptions());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const auto status =
      mode == Mode::kRead
          ? rocksdb::DB::OpenForReadOnly(options, lock_.path(), descriptors, &handles, &db)
          : rocksdb::DB::Open(options, lock_.path(), descriptors, &handles, &db);
  if (!status.ok()) return OpenError(status, lock_);
  db_.reset(db);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    const std::string& name = handle->GetName();
    (name == kChunksFamily    ? chunks_
     : name == kCatalogFamily ? catalog_
     : name == kMarkerFamily  ? marker_
                              : default_) = handle;
  }
  if (chunks_ == nullptr || (catalog_ == nullptr && marker_ == nullptr) || handles.size() > 4) {
    return absl::DataLossError(absl::StrCat("the data folder ", lock_.folder(),
                                            " is damaged: its MANIFEST lists the column families ",
                                            absl::StrJoin(families, ", ")));
  }
  return absl::OkStatus();
}

RocksDbDatabase::~RocksDbDatabase() {
  if (db_ == nullptr) return;
  for (rocksdb::ColumnFamilyHandle* handle : {default_, chunks_, catalog_, marker_}) {
    if (handle != nullptr) db_->DestroyColumnFamilyHandle(handle);
  }
}

absl::Status RocksDbDatabase::Resume() { return FromRocksDb(db_->Resume(), lock_); }

absl::Status RocksDbDatabase::FinishUpgrade() {
  if (marker_ == nullptr) {
    GF_RETURN_IF_ERROR(
        FromRocksDb(db_->CreateColumnFamily(ChunkOptions(), kMarkerFamily, &marker_), lock_));
  }
  if (catalog_ == nullptr) return absl::OkStatus();
  GF_RETURN_IF_ERROR(FromRocksDb(db_->DropColumnFamily(catalog_), lock_));
  db_->DestroyColumnFamilyHandle(catalog_);
  catalog_ = nullptr;
  return absl::OkStatus();
}

std::vector<TableFile> RocksDbDatabase::Tables() const {
  std::vector<rocksdb::LiveFileMetaData> files;
  db_->GetLiveFilesMetaData(&files);
  std::vector<TableFile> tables;
  tables.reserve(files.size());
  for (const rocksdb::LiveFileMetaData& file : files) {
    tables.push_back({.name = file.relative_filename,
                      .family = file.column_family_name,
                      .bytes = file.size,
                      .first_key = file.smallestkey,
                      .last_key = file.largestkey});
  }
  return tables;
}

// Every file belongs to one column, so the list of files is the list of columns: no chunk is read,
// and a damaged one does not hinder.
std::vector<ColumnChunks> RocksDbDatabase::Columns() const {
  std::vector<TableFile> tables = Tables();
  std::erase_if(tables, [](const TableFile& table) { return table.family != kChunksFamily; });
  std::sort(tables.begin(), tables.end(),
            [](const TableFile& a, const TableFile& b) { return a.first_key < b.first_key; });
  std::vector<ColumnChunks> columns;
  for (const TableFile& table : tables) {
    const uint64_t column = LoadBigEndian(table.first_key, 0, 8);
    if (columns.empty() || columns.back().column != column) {
      columns.push_back({.column = column, .num_chunks = 0});
    }
    // A file after a gap adds nothing.
    if (int64_t{ChunkOfKey(table.first_key)} == columns.back().num_chunks) {
      columns.back().num_chunks = int64_t{ChunkOfKey(table.last_key)} + 1;
    }
  }
  return columns;
}

std::unique_ptr<rocksdb::SstFileWriter> RocksDbDatabase::NewFile(bool compressed) const {
  rocksdb::EnvOptions env;
  env.writable_file_max_buffer_size = 256 << 10;
  env.allow_fallocate = false;
  rocksdb::Options options(DatabaseOptions(Mode::kWrite, max_open_files_), ChunkOptions());
  if (!compressed) {
    options.compression = rocksdb::kNoCompression;
    options.bottommost_compression = rocksdb::kNoCompression;
  }
  return std::make_unique<rocksdb::SstFileWriter>(env, options, chunks_,
                                                  /*invalidate_page_cache=*/false);
}

absl::Status RocksDbDatabase::Ingest(const std::vector<std::string>& paths) {
  GF_RETURN_IF_ERROR(Resume());
  rocksdb::IngestExternalFileOptions options;
  options.move_files = true;
  options.write_global_seqno = false;
  options.snapshot_consistency = false;
  options.allow_blocking_flush = false;
  return FromRocksDb(db_->IngestExternalFile(chunks_, paths, options), lock_);
}

absl::Status RocksDbDatabase::DeleteColumns(absl::Span<const uint64_t> columns) {
  if (columns.empty()) return absl::OkStatus();
  GF_RETURN_IF_ERROR(Resume());
  std::vector<std::string> bounds;
  bounds.reserve(2 * columns.size());
  for (const uint64_t column : columns) {
    bounds.push_back(EncodeChunkKey({column, 0}));
    bounds.push_back(EncodeChunkKey({column + 1, 0}));
  }
  const std::vector<rocksdb::Slice> slices(bounds.begin(), bounds.end());
  std::vector<rocksdb::RangePtr> ranges;
  for (size_t i = 0; i < slices.size(); i += 2) ranges.emplace_back(&slices[i], &slices[i + 1]);
  // Files of columns never overlap, so all lie in the last level, whose files can be dropped.
  return FromRocksDb(rocksdb::DeleteFilesInRanges(db_.get(), chunks_, ranges.data(), ranges.size(),
                                                  /*include_end=*/false),
                     lock_);
}

}  // namespace graphfeed
