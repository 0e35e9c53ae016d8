#include "storage/snapshot.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/chunks/open_store.h"

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

absl::StatusOr<std::unique_ptr<Catalog>> OpenToRead(const std::string& folder) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store,
                      OpenStore(folder, {.access = StoreAccess::kReadOnly}));
  return Catalog::Open(std::move(store), {});
}

absl::Status Verify(const std::string& folder) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog, OpenToRead(folder));
  for (const DatasetInfo& info : catalog->List()) {
    GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> dataset,
                        catalog->OpenDataset(absl::StrCat(info.name, "@", info.version)));
    GF_RETURN_IF_ERROR(dataset->Verify());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<DatasetInfo>> CopyDataDir(const std::string& from, const std::string& to,
                                                     bool verify) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog, OpenToRead(from));
  GF_RETURN_IF_ERROR(CheckTarget(to));
  return catalog->Snapshot(
      to, [&](const std::string& copy) { return verify ? Verify(copy) : absl::OkStatus(); });
}

}  // namespace graphfeed
