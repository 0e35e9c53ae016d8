#ifndef GRAPHFEED_STORAGE_CHUNKS_DISK_ERRORS_H_
#define GRAPHFEED_STORAGE_CHUNKS_DISK_ERRORS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// What the system says of a file, as storage's users are told: RESOURCE_EXHAUSTED when the disk or
// a quota is full (marked, see IsDiskFull), NOT_FOUND, FAILED_PRECONDITION for what may not be
// written, UNAVAILABLE for all else.
absl::Status FileError(int error, absl::string_view what);

// RESOURCE_EXHAUSTED that says that the disk is full; IsDiskFull knows it from other exhaustion.
absl::Status DiskFullError(absl::string_view what);
bool IsDiskFull(const absl::Status& status);
// How many there were in this process.
int64_t DiskFullErrors();

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_DISK_ERRORS_H_
