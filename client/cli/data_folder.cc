#include "client/cli/data_folder.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/flags/flag_values.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/open_store.h"

namespace graphfeed {

void PlaceFlags::Register(CLI::App& command, const char* data_dir_help) {
  CLI::Option* const folder = command.add_option("--data-dir", data_dir, data_dir_help)
                                  ->excludes("--server")
                                  ->check(NamesFolder());
  command
      .add_option("--store", store,
                  "the same of a store that servers share, and may run on meanwhile: "
                  "rados://POOL[/NAMESPACE][?conf=FILE][&id=USER]")
      ->excludes("--server")
      ->excludes(folder)
      ->check([](const std::string& place) -> std::string {
        if (absl::StrContains(place, "://")) return "";
        return absl::StrCat("\"", place, "\" is no rados://POOL...; a folder is --data-dir");
      });
}

absl::StatusOr<std::unique_ptr<Catalog>> PlaceFlags::Open(FolderUse use) const {
  if (!data_dir.empty() && use == FolderUse::kCreate) {
    std::error_code error;
    std::filesystem::create_directories(data_dir, error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot create \"", data_dir, "\": ", error.message()));
    }
  }
  if (!data_dir.empty() && !std::filesystem::is_directory(data_dir)) {
    return absl::NotFoundError(absl::StrCat("\"", data_dir, "\" is no folder"));
  }
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> opened,
                      OpenStore(data_dir.empty() ? store : data_dir,
                                {.access = use == FolderUse::kRead ? StoreAccess::kReadOnly
                                                                   : StoreAccess::kReadWrite,
                                 .create = use == FolderUse::kCreate}));
  return Catalog::Open(std::move(opened), {.keeps_up = true});
}

}  // namespace graphfeed
