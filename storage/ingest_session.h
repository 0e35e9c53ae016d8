#ifndef GRAPHFEED_STORAGE_INGEST_SESSION_H_
#define GRAPHFEED_STORAGE_INGEST_SESSION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "storage/catalog.h"
#include "storage/ingest_host.h"

namespace graphfeed {

// A session that keeps `host` alive. INVALID_ARGUMENT names what the spec declares wrongly.
absl::StatusOr<std::unique_ptr<IngestSession>> StartIngestSession(std::shared_ptr<IngestHost> host,
                                                                  IngestSpec spec,
                                                                  const CatalogOptions& options);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_SESSION_H_
