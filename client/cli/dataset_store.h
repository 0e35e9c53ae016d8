#ifndef GRAPHFEED_CLIENT_CLI_DATASET_STORE_H_
#define GRAPHFEED_CLIENT_CLI_DATASET_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/cli/data_folder.h"
#include "storage/graph/dataset_store.h"

namespace graphfeed {

// --server and its like, or --data-dir, or --store.
struct StoreFlags {
  ServerFlags server;
  PlaceFlags place;

  void Register(CLI::App& command, const char* data_dir_help);
  // To read from it.
  absl::StatusOr<std::unique_ptr<DatasetStore>> Open() const;
  // Makes the data folder if there is none.
  absl::StatusOr<std::unique_ptr<DatasetStore>> OpenOrCreate() const;

 private:
  absl::StatusOr<std::unique_ptr<DatasetStore>> OpenFor(FolderUse use) const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_DATASET_STORE_H_
