#include "client/worker/model_file.h"

#include <fstream>
#include <iterator>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/worker/sha256.h"

namespace graphfeed {

absl::StatusOr<ModelFile> ReadModelFile(const std::string& path, absl::string_view sha256) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return absl::NotFoundError(absl::StrCat("cannot read the model \"", path, "\""));
  ModelFile file;
  file.bytes.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  if (stream.bad() || file.bytes.empty()) {
    return absl::NotFoundError(absl::StrCat("the model \"", path, "\" cannot be read or is empty"));
  }
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
