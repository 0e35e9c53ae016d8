#ifndef GRAPHFEED_SERVER_SAMPLING_CLOSURE_H_
#define GRAPHFEED_SERVER_SAMPLING_CLOSURE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/batching/reverse_types.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/in_edge_reader.h"
#include "server/sampling/node_table.h"
#include "server/sampling/subgraph.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// What becomes of a subgraph once its nodes are found. `positions` are those of the subgraph's
// edges, by edge type; edge ids are left to the caller.

// Adds every edge of the graph between nodes of the subgraph (in disjoint ones: of the same tree):
// for each edge type by target in list order, then by position. A repeated seed has in-edges of its
// own at each of its places; as a source it is found at its first. `tables` (by node type) know the
// nodes. Costs what the nodes' degrees sum up to. Ends with CheckEdgeLimit's error soon after there
// are more than `max_edges` of a type.
absl::Status AddInducedEdges(const GraphView& graph,
                             absl::Span<const std::unique_ptr<NodeTable>> tables, int64_t max_edges,
                             InEdgeReader& reader, Subgraph& subgraph,
                             std::vector<std::vector<int64_t>>& positions);

// Adds to each edge u -> v its reverse v -> u of the reverse edge type, then sorts the edges of
// each type by (source, target) and keeps one of equal ones: a sampled one before an added one,
// then the first in position order.
//
// The reverse is the graph's own edge v -> u, the first in position order. Where the graph has
// none, an edge type that is its own reverse gets an edge v -> u under the id of u -> v, as PyG's
// does; for two paired edge types that is FAILED_PRECONDITION naming the edge. Costs what the
// degrees of the sources sum up to. CheckEdgeLimit's error if edges and reverses, before equal ones
// are one, are more than `max_edges` of a type.
absl::Status AddReverseEdges(const GraphView& graph, absl::Span<const int> reverse_types,
                             int64_t max_edges, InEdgeReader& reader, Subgraph& subgraph,
                             std::vector<std::vector<int64_t>>& positions);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_CLOSURE_H_
