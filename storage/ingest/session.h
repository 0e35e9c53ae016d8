#ifndef GRAPHFEED_STORAGE_INGEST_SESSION_H_
#define GRAPHFEED_STORAGE_INGEST_SESSION_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/graph_block.h"
#include "storage/ingest/host.h"

namespace graphfeed {

// A dataset on its way in. Not thread-safe. Destroyed without Commit, it leaves nothing behind.
class IngestSession {
 public:
  virtual ~IngestSession() = default;
  // INVALID_ARGUMENT names the graph and the column. After an error the session is dead: every
  // further call repeats it.
  virtual absl::Status Append(GraphBlock block) = 0;
  // Decides column levels, computes the fingerprint, publishes the version in one synced write.
  virtual absl::StatusOr<DatasetInfo> Commit() = 0;
};

struct IngestOptions {
  int64_t memory_bytes = 0;  // that the ingest may hold
  int64_t chunk_bytes = 0;   // rows per chunk: the largest power of two that fits, at least 1
};

// A session that keeps `host` alive. INVALID_ARGUMENT names what the spec declares wrongly.
absl::StatusOr<std::unique_ptr<IngestSession>> StartIngestSession(std::shared_ptr<IngestHost> host,
                                                                  IngestSpec spec,
                                                                  const IngestOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_SESSION_H_
