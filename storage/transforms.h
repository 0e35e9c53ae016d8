#ifndef GRAPHFEED_STORAGE_TRANSFORMS_H_
#define GRAPHFEED_STORAGE_TRANSFORMS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"

namespace graphfeed {

// Applies `transforms` in order to every graph of a homogeneous block of whole graphs. A single
// graph is passed as a block of one, with its sizes. Sizes and columns are updated together.
//
//   normalize_features     x - min(x) over the graph's tensor, then each row divided by
//                          max(its sum, 1); float columns with finite values only
//   add_self_loops         (v, v) for every node without one, after the graph's edges, in node
//                          order; the other edge columns get fill_value
//   to_undirected          every edge and its reverse, sorted by (source, target); columns of
//                          edges that fall together are summed (a loop meets its own reverse)
//   remove_isolated_nodes  nodes in no edge go, a loop being an edge; node ids are renumbered in
//                          edge_index and in the other index columns
//
// A column is node or edge level if it is declared so, or undeclared and its sizes equal the node
// or edge counts in all graphs of the block; if they equal both, a name with "edge" is edge level.
// Levels are decided before the first transform, so declare what a block may not show.
//
// INVALID_ARGUMENT names the transform and the column, graph or value, and leaves the block in an
// unspecified state. Heterogeneous blocks are refused.
absl::Status ApplyTransforms(absl::Span<const Transform> transforms, GraphBlock& block);

// Inverse of TransformName; options may be left out: "add_self_loops", "add_self_loops(
// fill_value=0)", "normalize_features(columns=x,pos)". INVALID_ARGUMENT lists what there is.
absl::StatusOr<Transform> ParseTransform(absl::string_view text);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_TRANSFORMS_H_
