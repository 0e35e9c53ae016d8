#ifndef GRAPHFEED_STORAGE_INGEST_HOST_H_
#define GRAPHFEED_STORAGE_INGEST_HOST_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/graph/dataset_info.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// What an ingest needs of the catalog. Thread-safe.
class IngestHost {
 public:
  virtual ~IngestHost() = default;
  virtual ChunkStore& store() = 0;
  // A uid that was never given out before, whatever crashed.
  virtual absl::StatusOr<uint64_t> NewColumn() = 0;
  // Makes the manifest known, as the version that it names or, if that is 0, as the next one. Takes
  // charge of its columns, also when it fails: ALREADY_EXISTS for a version that is in use.
  virtual absl::StatusOr<DatasetInfo> Publish(Manifest manifest) = 0;
  // Deletes what there may be of columns that no manifest lists.
  virtual void Discard(absl::Span<const uint64_t> columns) = 0;
  // Changes the bytes that running ingests hold.
  virtual void AddIngestBytes(int64_t change) = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_HOST_H_
