#include "storage/chunks/format1_records.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/table_properties.h>

#include <filesystem>
#include <set>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/disk_errors.h"
#include "storage/chunks/table_guard.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr char kCatalogFamily[] = "catalog";
// A record that every start wrote.
constexpr absl::string_view kOpenedKey("\0opened", 7);

absl::Status TableError(const FolderLock& lock, const std::string& name, absl::Status status) {
  return absl::Status(
      absl::IsUnavailable(status) ? status.code() : absl::StatusCode::kDataLoss,
      absl::StrCat("the table of records ", lock.folder(), "/", name, ": ", status.message()));
}

// Adds the keys of a table, all of which is read.
absl::Status ReadTable(const FolderLock& lock, const std::string& name, RecordMap& entries) {
  rocksdb::Options options;
  options.env = GuardedEnv();
  rocksdb::SstFileReader reader(options);
  auto status = reader.Open(absl::StrCat(lock.path(), "/", name));
  if (status.ok()) status = reader.VerifyChecksum();
  if (!status.ok()) return TableError(lock, name, FromRocksDb(status, lock));
  rocksdb::ReadOptions read;
  read.verify_checksums = true;
  const std::unique_ptr<rocksdb::Iterator> it(reader.NewIterator(read));
  uint64_t count = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++count) {
    entries.insert_or_assign(it->key().ToString(), it->value().ToString());
  }
  if (!it->status().ok()) return TableError(lock, name, FromRocksDb(it->status(), lock));
  const auto properties = reader.GetTableProperties();
  if (count + properties->num_deletions != properties->num_entries) {
    return TableError(
        lock, name,
        absl::DataLossError(absl::StrCat("it has ", properties->num_entries, " entries, of which ",
                                         count, " were read")));
  }
  return absl::OkStatus();
}

// Of a table that the MANIFEST does not list; false also if that cannot be told, which is then for
// RocksDB to remove as it would have done in format 1.
bool IsOfCatalog(const FolderLock& lock, const std::string& name) {
  rocksdb::Options options;
  options.env = GuardedEnv();
  rocksdb::SstFileReader reader(options);
  return reader.Open(absl::StrCat(lock.path(), "/", name)).ok() &&
         reader.GetTableProperties()->column_family_name == kCatalogFamily;
}

absl::Status CheckUnlisted(const FolderLock& lock, const std::set<std::string>& listed,
                           const RecordMap& records) {
  std::error_code error;
  for (fs::directory_iterator it(lock.path(), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->path().extension() != ".sst" || listed.contains(name) || !IsOfCatalog(lock, name)) {
      continue;
    }
    RecordMap entries;
    GF_RETURN_IF_ERROR(ReadTable(lock, name, entries));
    // The rest of a compaction holds what is elsewhere too, or counters' earlier values.
    for (const auto& [key, value] : entries) {
      const auto record = records.find(key);
      if (!absl::StartsWith(key, "manifest/") ||
          (record != records.end() && record->second == value)) {
        continue;
      }
      return absl::DataLossError(absl::StrCat(
          lock.folder(), "/", name, " holds the record \"", key,
          "\", which the MANIFEST does not list: its end is missing, or the program that wrote the "
          "folder crashed a moment ago (start it once more, or remove the table)"));
    }
  }
  return error ? FileError(error.value(), lock.folder()) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecordMap> ReadFormat1Records(const FolderLock& lock,
                                             const RocksDbDatabase& database) {
  std::set<std::string> listed;
  RecordMap entries;
  for (const TableFile& table : database.Tables()) {
    listed.insert(table.name);
    if (table.family == kCatalogFamily) GF_RETURN_IF_ERROR(ReadTable(lock, table.name, entries));
  }
  // Which of them is the newest, and not deleted since: Get says it, or that it cannot be read.
  RecordMap records;
  rocksdb::ReadOptions read;
  read.verify_checksums = true;
  for (const auto& [key, any_value] : entries) {
    std::string value;
    const auto status = database.db().Get(read, database.catalog(), key, &value);
    if (status.IsNotFound() || key == kOpenedKey) continue;
    if (!status.ok()) return FromRocksDb(status, lock);
    records.emplace(key, std::move(value));
  }
  GF_RETURN_IF_ERROR(CheckUnlisted(lock, listed, records));
  return records;
}

}  // namespace graphfeed
