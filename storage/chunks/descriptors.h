#ifndef GRAPHFEED_STORAGE_CHUNKS_DESCRIPTORS_H_
#define GRAPHFEED_STORAGE_CHUNKS_DESCRIPTORS_H_

#include "absl/status/statusor.h"

namespace graphfeed {

// How many files of chunks a store may keep open.
struct OpenFileLimits {
  int tables = 0;        // RocksDB's
  int plain_tables = 0;  // beside those, none if need be
};

// The limits that leave enough for others. Raises the process's soft limit of descriptors to
// the hard one. RESOURCE_EXHAUSTED, with the limit and the need, when there are too few: a store
// that met the limit later could not read what it has.
absl::StatusOr<OpenFileLimits> MaxOpenChunkFiles();

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_DESCRIPTORS_H_
