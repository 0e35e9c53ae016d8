#ifndef GRAPHFEED_STORAGE_TRANSFORMS_TRANSFORMS_H_
#define GRAPHFEED_STORAGE_TRANSFORMS_TRANSFORMS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// The node and edge types after the transforms, and whether these can be at all: `types` is a
// schema without columns. INVALID_ARGUMENT names the transform and the type: a subset of a type
// that does not exist, or of a collection's graphs; a reverse edge type that exists already.
absl::StatusOr<Schema> TransformedTypes(absl::Span<const Transform> transforms,
                                        const Schema& types);

// The edge type that to_undirected adds: from the target by "rev_<relation>" to the source.
EdgeType ReverseOf(const EdgeType& type);

// Applies `transforms` in order to every graph of a block of whole graphs of these types. A single
// graph is passed as a block of one, with its sizes. Sizes and columns are updated together, and
// grow with the types (TransformedTypes).
//
//   normalize_features     x - min(x) over the graph's tensor, then each row divided by
//                          max(its sum, 1); float columns with finite values only; the columns of
//                          this name in all stores
//   add_self_loops         (v, v) for every node without one, after the graph's edges, in node
//                          order; the other edge columns get fill_value; for edge types within a
//                          node type
//   to_undirected          within a node type every edge and its reverse, sorted by (source,
//                          target); columns of edges that fall together are summed (a loop meets
//                          its own reverse). Between two node types a further edge type has the
//                          reverses, in the same order and with the same columns
//   remove_isolated_nodes  nodes in no edge of any type go, a loop being an edge; node ids are
//                          renumbered in edge_index and in the other index columns
//   subgraph               the nodes named, in the order named, and the edges between nodes that
//                          remain, in their order; types that are not named keep all nodes
//
// Columns of heterogeneous blocks come with their level. Otherwise a column is node or edge level
// if it is declared so, or undeclared and its sizes equal the node or edge counts in all graphs of
// the block; if they equal both, a name with "edge" is edge level. Levels are decided before the
// first transform, so declare what a block may not show.
//
// INVALID_ARGUMENT names the transform and the column, graph or value, and leaves the block in an
// unspecified state.
absl::Status ApplyTransforms(absl::Span<const Transform> transforms, const Schema& types,
                             GraphBlock& block);
// The same for homogeneous graphs of a collection.
absl::Status ApplyTransforms(absl::Span<const Transform> transforms, GraphBlock& block);

// About how many bytes the transforms take beside the rows of such a block: lists of nodes and of
// edges, and the rows that they add. Saturates.
int64_t TransformBytes(absl::Span<const Transform> transforms, const Schema& types,
                       const GraphBlock& block);

// Inverse of TransformName (but for abridged lists); options may be left out: "add_self_loops",
// "add_self_loops(fill_value=0)", "normalize_features(columns=x,pos)", "subgraph(movie=:1000)",
// "subgraph(3,1,2)". INVALID_ARGUMENT lists what there is.
absl::StatusOr<Transform> ParseTransform(absl::string_view text);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_TRANSFORMS_TRANSFORMS_H_
