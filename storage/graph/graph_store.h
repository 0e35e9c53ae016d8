#ifndef GRAPHFEED_STORAGE_GRAPH_GRAPH_STORE_H_
#define GRAPHFEED_STORAGE_GRAPH_GRAPH_STORE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace graphfeed {

// The in-edges of one node: `count` consecutive positions from `begin` on.
struct InRun {
  int64_t begin = 0;
  int64_t count = 0;
};

// The seam through which samplers find neighbours. The edges of each edge type have *positions* 0
// to E - 1, in order of their target and, for equal targets, of their edge id (CSC, stable): the
// in-edges of a node are one run of positions. Adjacency may be remote: a read can fail or take
// milliseconds, so every call takes many questions at once. Thread-safe.
class GraphStore {
 public:
  virtual ~GraphStore() = default;

  virtual int64_t NumNodes(int node_type) const = 0;
  virtual int64_t NumEdges(int edge_type) const = 0;

  // runs[i] = the in-edges of nodes[i], a node of the edge type's target type. Nodes must exist.
  virtual absl::Status InRuns(int edge_type, absl::Span<const int64_t> nodes,
                              absl::Span<InRun> runs) = 0;

  // sources[i] = where the edge at positions[i] comes from, a node of the edge type's source type.
  virtual absl::Status Sources(int edge_type, absl::Span<const int64_t> positions,
                               absl::Span<int64_t> sources) = 0;

  // edge_ids[i] = the id (row of edge_index) of the edge at positions[i].
  virtual absl::Status EdgeIds(int edge_type, absl::Span<const int64_t> positions,
                               absl::Span<int64_t> edge_ids) = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_GRAPH_STORE_H_
