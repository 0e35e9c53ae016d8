#ifndef GRAPHFEED_STORAGE_INGEST_ADJACENCY_BUILDER_H_
#define GRAPHFEED_STORAGE_INGEST_ADJACENCY_BUILDER_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "storage/ingest/edge_scan.h"
#include "storage/ingest/host.h"
#include "storage/ingest/new_columns.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

struct AdjacencyOptions {
  // What sorting may hold, beside the buffers of an open column or two (some 2 MB). Less makes it
  // slower, never wrong.
  int64_t memory_bytes = int64_t{256} << 20;
  int64_t chunk_bytes = 16 << 10;
};

// Writes the in-neighbour lists of one edge type: its edges sorted by target, stably, so that equal
// targets stay in order of edge id.
//
// A list that fits in memory takes two passes over edge_index and a counting sort: 8 bytes a
// target, 8 to 16 an edge. A larger one is first split by ranges of targets into temporary columns,
// each small enough, or else split again; a single target with more edges than fit needs no
// sorting, since edges come and stay in order of their ids. Temporary columns belong to `columns`
// like the lists, and are gone when this returns successfully.
//
// Ends of edges must exist (ingest has checked them).
absl::StatusOr<StoredAdjacency> BuildAdjacency(IngestHost& host, const EdgeList& edges,
                                               const AdjacencyOptions& options,
                                               NewColumns& columns);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_ADJACENCY_BUILDER_H_
