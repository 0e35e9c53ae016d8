#ifndef GRAPHFEED_SERVER_SAMPLING_EDGE_LIMIT_H_
#define GRAPHFEED_SERVER_SAMPLING_EDGE_LIMIT_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Places of edges are 32 bits wide.
inline constexpr int64_t kMaxEdgePlaces = std::numeric_limits<int32_t>::max();
// Edges of a type that a batch may take: more than any batch that an accelerator takes; some 4 GB
// of working memory.
inline constexpr int64_t kMaxSampledEdges = int64_t{1} << 26;

// RESOURCE_EXHAUSTED naming the edge type, the number and the limit if a batch takes more than
// `limit` edges of a type, before any trimming. Asked before memory is taken for them.
absl::Status CheckEdgeLimit(const Schema& schema, int edge_type, int64_t num_edges, int64_t limit);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_EDGE_LIMIT_H_
