#include "client/cli/data_folder.h"

#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/open_store.h"

namespace graphfeed {

absl::StatusOr<std::unique_ptr<Catalog>> OpenDataFolder(const std::string& folder, FolderUse use) {
  if (!std::filesystem::is_directory(folder)) {
    return absl::NotFoundError(absl::StrCat("\"", folder, "\" is no folder"));
  }
  GF_ASSIGN_OR_RETURN(
      std::unique_ptr<ChunkStore> store,
      OpenStore(folder, {.access = use == FolderUse::kRead ? StoreAccess::kReadOnly
                                                           : StoreAccess::kReadWrite,
                         .create = use == FolderUse::kCreate}));
  return Catalog::Open(std::move(store), {});
}

}  // namespace graphfeed
