#ifndef GRAPHFEED_CLIENT_WORKER_WHOLE_FILE_H_
#define GRAPHFEED_CLIENT_WORKER_WHOLE_FILE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// Writes `parts`, one after the other, so that `path` is there whole or as it was before, also
// after a crash of the machine: beside it, synced, and renamed. Errors name the path and the
// system's reason.
absl::Status WriteWholeFile(const std::string& path, const std::vector<absl::string_view>& parts);

// NOT_FOUND if there is none or it cannot be read; a folder, a pipe or a device is never opened.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// The end of the name of files that are not yet whole.
inline constexpr char kUnfinished[] = ".tmp";

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_WHOLE_FILE_H_
