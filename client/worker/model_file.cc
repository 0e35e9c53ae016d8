#include "client/worker/model_file.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/worker/sha256.h"
#include "client/worker/whole_file.h"

namespace graphfeed {

absl::StatusOr<ModelFile> ReadModelFile(const std::string& path, absl::string_view sha256) {
  absl::StatusOr<std::string> bytes = ReadWholeFile(path);
  if (!bytes.ok()) {
    return absl::NotFoundError(absl::StrCat("the model: ", bytes.status().message()));
  }
  ModelFile file;
  file.bytes = *std::move(bytes);
  Sha256 hash;
  hash.Update(file.bytes);
  file.sha256 = hash.Finish();
  if (!sha256.empty() && absl::AsciiStrToLower(sha256) != file.sha256) {
    return absl::FailedPreconditionError(
        absl::StrCat("the model \"", path, "\" has SHA-256 ", file.sha256, ", not ", sha256));
  }
  return file;
}

}  // namespace graphfeed
