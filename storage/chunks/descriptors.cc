#include "storage/chunks/descriptors.h"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

// A table reader keeps its index in memory (some 8 bytes per chunk): so many stay open.
constexpr int64_t kMaxChunkFiles = 512;
// RocksDB takes no smaller number.
constexpr int kMinChunkFiles = 20;
// For RocksDB's other files (9 were seen), the catalogue, ingests and connections.
constexpr int64_t kOthers = 44;

// Descriptors in use; a guess where /proc cannot be read.
int64_t OpenDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 16;
  int64_t count = -3;  // ".", ".." and the directory itself
  while (readdir(directory) != nullptr) ++count;
  (void)closedir(directory);
  return count;
}

}  // namespace

absl::StatusOr<OpenFileLimits> MaxOpenChunkFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return OpenFileLimits{.tables = kMinChunkFiles};
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  const int64_t descriptors =
      static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 30));
  const int64_t used = OpenDescriptors();
  const int64_t need = used + kOthers + kMinChunkFiles;
  if (descriptors < need) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a data folder needs ", need, " file descriptors (", used,
                     " are open); the limit is ", descriptors, " (ulimit -n)"));
  }
  // Half of what is left, and half of the rest: connections come later, and take one each.
  const int64_t left = descriptors - used - kOthers;
  const int64_t tables = std::clamp<int64_t>(left / 2, kMinChunkFiles, kMaxChunkFiles);
  return OpenFileLimits{
      .tables = static_cast<int>(tables),
      .plain_tables = static_cast<int>(std::min((left - tables) / 2, kMaxChunkFiles))};
}

}  // namespace graphfeed
