#ifndef GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_FITTER_H_
#define GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_FITTER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "proto/frame/layout.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/subgraph.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Leaves `subgraph` within the limits of the spec's options, by trimming where it allows that, and
// adds what was cut off to `trimmed`.
//
// It fits if every count is within its limit and a node is left for padding of each type that has
// an end of an edge type that needs padding, or for which `spare_nodes` says so. Nodes go from the
// end of their list, the last discovered ones first, with the edges that lose an end, and seeds
// never; then edges go from the end of theirs. Nothing is drawn.
//
// FAILED_PRECONDITION naming batch, type, size and limit if it cannot be made to fit.
absl::Status FitSubgraph(const Schema& schema, const ResolvedSpec& spec, int64_t batch,
                         absl::Span<const uint8_t> spare_nodes, Subgraph& subgraph,
                         Counts& trimmed);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_FITTER_H_
