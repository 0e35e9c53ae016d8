#ifndef GRAPHFEED_STORAGE_SNAPSHOT_H_
#define GRAPHFEED_STORAGE_SNAPSHOT_H_

#include <string>

#include "absl/status/status.h"

namespace graphfeed {

// Copies the data folder `from`, with all its versions, to the folder `to`, which does not exist or
// is empty. On one file system chunk files are linked, since they never change: the copy takes no
// time and no room. It is a data folder like any other, and copied back in the same way.
//
// FAILED_PRECONDITION when a process holds `from`, or `to` holds anything; NOT_FOUND when `from` is
// no data folder.
absl::Status CopyDataDir(const std::string& from, const std::string& to);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SNAPSHOT_H_
