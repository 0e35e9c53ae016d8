#ifndef GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_BOUND_H_
#define GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_BOUND_H_

#include "proto/frame/layout.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/seed_set.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// No batch of a sampled spec has more nodes or edges of any type, as far as fan-outs and the
// graph's totals tell. Numbers end at 2^62.
Counts LargestSubgraph(const DatasetInfo& dataset, const ResolvedSpec& spec, const SeedSet& seeds);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SUBGRAPH_BOUND_H_
