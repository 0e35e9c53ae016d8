#ifndef GRAPHFEED_SERVER_SAMPLING_SAMPLER_OPTIONS_H_
#define GRAPHFEED_SERVER_SAMPLING_SAMPLER_OPTIONS_H_

#include <vector>

#include "absl/status/status.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/neighbor_sampler.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// INVALID_ARGUMENT naming the option, its value and the rule.
absl::Status CheckSamplerOptions(const GraphView& graph, const NeighborSamplerOptions& options);

// Edge types in the order in which a hop expands them: that of "source__relation__target".
std::vector<int> ExpansionOrder(const Schema& schema);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SAMPLER_OPTIONS_H_
