#ifndef GRAPHFEED_STORAGE_INGEST_ADDED_COLUMN_H_
#define GRAPHFEED_STORAGE_INGEST_ADDED_COLUMN_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "storage/graph/graph_block.h"
#include "storage/ingest/host.h"
#include "storage/ingest/new_columns.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// Writes a node column of integers and returns the manifest of `base` with it: the last column of
// the schema, a new fingerprint computed from the digests of all columns, everything else shared.
// Its version is still that of `base`. INVALID_ARGUMENT says what does not fit.
absl::StatusOr<Manifest> WithColumn(IngestHost& host, const Manifest& base,
                                    const ColumnBlock& column, int64_t chunk_bytes,
                                    NewColumns& columns);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_ADDED_COLUMN_H_
