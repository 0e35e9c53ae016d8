#ifndef GRAPHFEED_STORAGE_CATALOG_STORE_H_
#define GRAPHFEED_STORAGE_CATALOG_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/graph/dataset_store.h"

namespace graphfeed {

// A catalog as what versions go into or come from. `catalog` must outlive it.
class CatalogStore : public DatasetStore {
 public:
  explicit CatalogStore(Catalog& catalog) : catalog_(catalog) {}

  absl::StatusOr<std::vector<DatasetInfo>> List() override { return catalog_.List(); }
  absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) override {
    return catalog_.StartIngest(spec);
  }
  absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) override;
  absl::Status Delete(const std::string& name, int64_t version) override {
    return catalog_.Delete(name, version);
  }

 private:
  Catalog& catalog_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CATALOG_STORE_H_
