#ifndef GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_
#define GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/catalog.h"

namespace graphfeed {

enum class FolderUse {
  kRead,    // nothing in it is changed; several commands may run at once
  kWrite,   // there is a store in it
  kCreate,  // there may be none in it yet
};

// The datasets in a data folder, for commands that need no server. NOT_FOUND where there is no
// folder or no store in it, FAILED_PRECONDITION while a server runs on it.
absl::StatusOr<std::unique_ptr<Catalog>> OpenDataFolder(const std::string& folder, FolderUse use);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_
