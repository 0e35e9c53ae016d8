#ifndef GRAPHFEED_STORAGE_INGEST_SESSION_H_
#define GRAPHFEED_STORAGE_INGEST_SESSION_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "storage/graph/graph_sink.h"
#include "storage/ingest/host.h"

namespace graphfeed {

struct IngestOptions {
  int64_t memory_bytes = 0;  // that the ingest may hold
  int64_t chunk_bytes = 0;   // rows per chunk: the largest power of two that fits, at least 1
};

// A sink that keeps `host` alive. Its Commit decides the levels of columns, computes the
// fingerprint and publishes the version in one synced write. INVALID_ARGUMENT names what the spec
// declares wrongly.
absl::StatusOr<std::unique_ptr<GraphSink>> StartIngestSession(std::shared_ptr<IngestHost> host,
                                                              IngestSpec spec,
                                                              const IngestOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_SESSION_H_
