#ifndef GRAPHFEED_CLIENT_CPP_VERSION_FILE_H_
#define GRAPHFEED_CLIENT_CPP_VERSION_FILE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/graph_source.h"

namespace graphfeed {

// Writes a dataset into one file (docs/storage_format.md), checksummed piece by piece.
// The file is there whole or not at all; one that exists is replaced. `progress` is told after
// every piece.
absl::Status WriteVersionFile(std::unique_ptr<GraphSource> source, const std::string& path,
                              const ImportProgress& progress);

// Reads it back. NOT_FOUND when there is none, INVALID_ARGUMENT when it is something else,
// DATA_LOSS names the place of what was changed or is missing, when it is read.
absl::StatusOr<std::unique_ptr<GraphSource>> OpenVersionFile(const std::string& path);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_VERSION_FILE_H_
