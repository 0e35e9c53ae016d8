#include "storage/catalog_store.h"

#include <utility>

#include "storage/base/status_macros.h"
#include "storage/version_source.h"

namespace graphfeed {

absl::StatusOr<std::unique_ptr<GraphSource>> CatalogStore::Export(const std::string& dataset) {
  GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> opened, catalog_.OpenDataset(dataset));
  return ReadVersion(std::move(opened));
}

}  // namespace graphfeed
