#ifndef GRAPHFEED_SERVER_ACCESS_SMALL_FILE_H_
#define GRAPHFEED_SERVER_ACCESS_SMALL_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace graphfeed {

// What somebody who writes a configuration writes is smaller.
inline constexpr int64_t kMaxSmallFileBytes = int64_t{4} << 20;

// The text of a file, or of what a link leads to. UNAVAILABLE says why it cannot be read: also what
// is no regular file (a folder; a pipe, for which it does not wait) and what is larger.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_ACCESS_SMALL_FILE_H_
