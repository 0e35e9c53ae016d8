#ifndef GRAPHFEED_CLIENT_WORKER_MODEL_FILE_H_
#define GRAPHFEED_CLIENT_WORKER_MODEL_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// A compiled model is code: what is run is what was hashed.
struct ModelFile {
  std::string bytes;
  std::string sha256;  // 64 hexadecimal digits, lower case
};

// Reads the file once. NOT_FOUND if there is none; FAILED_PRECONDITION with both hashes if
// `sha256` is not empty and another one.
absl::StatusOr<ModelFile> ReadModelFile(const std::string& path, absl::string_view sha256);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_MODEL_FILE_H_
