#include "storage/snapshot.h"

#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/chunk_store.h"

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

}  // namespace

absl::Status CopyDataDir(const std::string& from, const std::string& to) {
  // Opening a folder makes it a store.
  std::error_code error;
  if (!fs::exists(fs::path(from) / "CURRENT", error)) {
    return absl::NotFoundError(absl::StrCat("\"", from, "\" is no data folder"));
  }
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(from));
  GF_RETURN_IF_ERROR(CheckTarget(to));
  return store->Snapshot(to);
}

}  // namespace graphfeed
