#ifndef GRAPHFEED_STORAGE_CHUNKS_OPEN_STORE_H_
#define GRAPHFEED_STORAGE_CHUNKS_OPEN_STORE_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// The store at a place: the path of a folder, or rocksdb://PATH, is an embedded RocksDB. Another
// engine is one more row of the table in open_store.cc. INVALID_ARGUMENT for a scheme that is not
// in it; then as the engine says.
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenStore(absl::string_view location,
                                                      const ChunkStoreOptions& options = {});

// Whether that can be the place of a store, of which nothing is opened: INVALID_ARGUMENT names what
// is wrong with it, FAILED_PRECONDITION an engine that this build lacks.
absl::Status CheckStorePlace(absl::string_view location);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_OPEN_STORE_H_
