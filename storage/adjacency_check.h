#ifndef GRAPHFEED_STORAGE_ADJACENCY_CHECK_H_
#define GRAPHFEED_STORAGE_ADJACENCY_CHECK_H_

#include "absl/status/status.h"
#include "storage/chunks/chunk_store.h"
#include "storage/ingest/edge_scan.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// Checks in one pass over each column, in little memory, that in-neighbour lists are the edges of
// `edges` in order of target and edge id: runs ascend from 0 to the number of edges, ids ascend
// within each, and (source, target, id) are the same on both sides, by the sum of a 64-bit hash.
// DATA_LOSS says what is wrong; who calls has checked the columns' digests.
absl::Status CheckAdjacency(ChunkStore& store, const EdgeList& edges,
                            const StoredAdjacency& adjacency);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_ADJACENCY_CHECK_H_
