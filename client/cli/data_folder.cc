#include "client/cli/data_folder.h"

#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

absl::StatusOr<std::unique_ptr<Catalog>> OpenDataFolder(const std::string& folder, FolderUse use) {
  if (!std::filesystem::is_directory(folder)) {
    return absl::NotFoundError(absl::StrCat("\"", folder, "\" is no folder"));
  }
  const bool read_only = use == FolderUse::kRead;
  GF_ASSIGN_OR_RETURN(
      std::unique_ptr<ChunkStore> store,
      OpenRocksDbChunkStore(folder, {.read_only = read_only, .create = use == FolderUse::kCreate}));
  return Catalog::Open(std::move(store), {.read_only = read_only});
}

}  // namespace graphfeed
