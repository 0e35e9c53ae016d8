#ifndef GRAPHFEED_CLIENT_CLI_DATASET_STORE_H_
#define GRAPHFEED_CLIENT_CLI_DATASET_STORE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/cli/data_folder.h"
#include "client/cpp/client.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

// What datasets go into or come from: a server, or a data folder on which none runs.
class DatasetStore {
 public:
  virtual ~DatasetStore() = default;

  virtual absl::StatusOr<std::vector<DatasetInfo>> List() = 0;
  virtual absl::StatusOr<std::unique_ptr<GraphSink>> Ingest(const IngestSpec& spec) = 0;
  virtual absl::StatusOr<std::unique_ptr<GraphSource>> Export(const std::string& dataset) = 0;
  virtual absl::Status Delete(const std::string& name, int64_t version) = 0;
};

// --server and its like, or --data-dir.
struct StoreFlags {
  ServerFlags server;
  std::string data_dir;

  void Register(CLI::App& command, const char* data_dir_help);
  // To read from it.
  absl::StatusOr<std::unique_ptr<DatasetStore>> Open() const;
  // Makes the data folder if there is none.
  absl::StatusOr<std::unique_ptr<DatasetStore>> OpenOrCreate() const;

 private:
  absl::StatusOr<std::unique_ptr<DatasetStore>> OpenFor(FolderUse use) const;
};

// Ingests all blocks of `source` as `spec` says and tells how far it is.
absl::StatusOr<DatasetInfo> Transfer(GraphSource& source, const IngestSpec& spec, DatasetStore& to,
                                     const ImportProgress& progress);

// "graphs" or, of a single graph, "rows": what a source counts.
const char* UnitOf(const IngestSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_DATASET_STORE_H_
