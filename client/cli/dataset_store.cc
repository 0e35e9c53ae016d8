#include "client/cli/dataset_store.h"

#include <utility>

#include "client/cpp/client.h"
#include "client/cpp/server_store.h"
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
  place.Register(command, data_dir_help);
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::OpenFor(FolderUse use) const {
  if (place.given()) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog, place.Open(use));
    return std::make_unique<FolderStore>(std::move(catalog));
  }
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Client> client, server.Connect());
  return NewServerStore(std::move(client));
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::Open() const {
  return OpenFor(FolderUse::kRead);
}

absl::StatusOr<std::unique_ptr<DatasetStore>> StoreFlags::OpenOrCreate() const {
  return OpenFor(FolderUse::kCreate);
}

}  // namespace graphfeed
