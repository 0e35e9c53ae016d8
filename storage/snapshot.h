#ifndef GRAPHFEED_STORAGE_SNAPSHOT_H_
#define GRAPHFEED_STORAGE_SNAPSHOT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// Copies the data folder `from`, with all its versions, to the folder `to`, which does not exist or
// is empty. On one file system chunk files are linked, since they never change: the copy takes no
// time and no room. It is a data folder like any other, and copied back in the same way.
//
// Nothing in `from` is changed. With `verify` the copy is read and compared with its fingerprints
// before it is there. It is there whole or not at all; the versions in it are returned.
//
// FAILED_PRECONDITION when a process holds `from`, or `to` holds anything; NOT_FOUND when `from` is
// no data folder; DATA_LOSS when it is damaged.
absl::StatusOr<std::vector<DatasetInfo>> CopyDataDir(const std::string& from, const std::string& to,
                                                     bool verify);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_SNAPSHOT_H_
