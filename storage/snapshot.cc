#include "storage/snapshot.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/checkpoint.h>

#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/graph/status_macros.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

absl::Status CheckTarget(const fs::path& to) {
  std::error_code error;
  if (!fs::exists(to, error)) return absl::OkStatus();
  if (!fs::is_directory(to, error) || !fs::is_empty(to, error)) {
    return absl::FailedPreconditionError(
        absl::StrCat("\"", to.string(), "\" exists and is not an empty folder"));
  }
  // The copy makes the folder itself, so that it is there whole or not at all.
  if (!fs::remove(to, error)) return absl::UnavailableError(error.message());
  return absl::OkStatus();
}

// A database that is only copied: nothing in it is rearranged.
absl::StatusOr<std::unique_ptr<rocksdb::DB>> Open(
    const std::string& dir, std::vector<rocksdb::ColumnFamilyHandle*>& handles) {
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), dir, &names);
  if (!status.ok()) {
    return absl::NotFoundError(
        absl::StrCat("\"", dir, "\" is no data folder: ", status.ToString()));
  }
  rocksdb::ColumnFamilyOptions as_it_is;
  as_it_is.disable_auto_compactions = true;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, as_it_is);
  rocksdb::DB* db = nullptr;
  status = rocksdb::DB::Open(rocksdb::DBOptions(), dir, families, &handles, &db);
  if (status.IsIOError()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "\"", dir, "\" cannot be opened; is a server running on it? ", status.ToString()));
  }
  if (!status.ok()) return absl::DataLossError(absl::StrCat("\"", dir, "\": ", status.ToString()));
  return std::unique_ptr<rocksdb::DB>(db);
}

}  // namespace

absl::Status CopyDataDir(const std::string& from, const std::string& to) {
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<rocksdb::DB> db, Open(from, handles));
  const auto copy = [&]() -> absl::Status {
    GF_RETURN_IF_ERROR(CheckTarget(to));
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(db.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (status.ok()) status = checkpoint->CreateCheckpoint(to);
    if (status.ok()) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat("copying to \"", to, "\": ", status.ToString()));
  };
  const absl::Status status = copy();
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return status;
}

}  // namespace graphfeed
