#ifndef GRAPHFEED_STORAGE_GRAPH_DATASET_STORE_H_
#define GRAPHFEED_STORAGE_GRAPH_DATASET_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/graph_sink.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

// What versions go into or come from, wherever it is: a server, or a data folder.
class DatasetStore {
 public:
  virtual ~DatasetStore() = default;

  virtual absl::StatusOr<std::vector<DatasetInfo>> List() = 0;
  virtual absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) = 0;
  virtual absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) = 0;
  virtual absl::Status Delete(const std::string& name, int64_t version) = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_DATASET_STORE_H_
