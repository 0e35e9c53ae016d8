#ifndef GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_
#define GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/catalog.h"

namespace graphfeed {

// The datasets in a data folder, for commands that need no server. NOT_FOUND where there is no
// folder, FAILED_PRECONDITION while a server runs on it.
absl::StatusOr<std::unique_ptr<Catalog>> OpenDataFolder(const std::string& folder);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_DATA_FOLDER_H_
