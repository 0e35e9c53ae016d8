#ifndef GRAPHFEED_STORAGE_INGEST_EDGE_SCAN_H_
#define GRAPHFEED_STORAGE_INGEST_EDGE_SCAN_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/format.h"
#include "storage/graph/dtype.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// An edge with its id, the row of edge_index that it is.
struct Edge {
  int64_t target = 0;
  int64_t source = 0;
  int64_t id = 0;
};

// The edges of one type of a single graph as they were ingested.
struct EdgeList {
  std::optional<ColumnStorage> edge_index;  // unset: the type has no such column, and no edges
  DType dtype = DType::kInt64;              // of edge_index
  int64_t num_sources = 0;                  // nodes of the source type
  int64_t num_targets = 0;
  int64_t num_edges = 0;
};

// The edge list of an edge type of a single graph.
EdgeList EdgeListOf(const Manifest& manifest, int edge_type);

// Hands over all edges in order of their ids, some at a time. Errors of `visitor` end the reading;
// DATA_LOSS begins with "chunk <number>: ".
absl::Status ScanEdges(ChunkStore& store, const EdgeList& edges,
                       absl::FunctionRef<absl::Status(absl::Span<const Edge>)> visitor);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_EDGE_SCAN_H_
