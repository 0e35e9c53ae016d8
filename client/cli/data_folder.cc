#include "client/cli/data_folder.h"

#include <utility>

#include "storage/chunk_store.h"
#include "storage/graph/status_macros.h"

namespace graphfeed {

absl::StatusOr<std::unique_ptr<Catalog>> OpenDataFolder(const std::string& folder) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(folder));
  return Catalog::Open(std::move(store), CatalogOptions());
}

}  // namespace graphfeed
