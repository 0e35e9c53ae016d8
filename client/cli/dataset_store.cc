#include "client/cli/dataset_store.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/cpp/server_store.h"
#include "client/flags/flag_values.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
#include "storage/catalog_store.h"

namespace graphfeed {
namespace {

class FolderStore final : public CatalogStore {
 public:
  explicit FolderStore(std::unique_ptr<Catalog> catalog)
      : CatalogStore(*catalog), catalog_(std::move(catalog)) {}

 private:
  const std::unique_ptr<Catalog> catalog_;
};

}  // namespace

void StoreFlags::Register(CLI::App& command, const char* data_dir_help) {
  server.Register(command);
  command.add_option("--data-dir", data_dir, data_dir_help)
      ->excludes("--server")
      ->check(NamesFolder());
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::OpenFor(FolderUse use) const {
  if (!data_dir.empty()) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog, OpenDataFolder(data_dir, use));
    return std::make_unique<FolderStore>(std::move(catalog));
  }
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Client> client, server.Connect());
  return NewServerStore(std::move(client));
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::Open() const {
  return OpenFor(FolderUse::kRead);
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::OpenOrCreate() const {
  std::error_code error;
  if (!data_dir.empty()) std::filesystem::create_directories(data_dir, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create \"", data_dir, "\": ", error.message()));
  }
  return OpenFor(FolderUse::kCreate);
}

}  // namespace graphfeed
