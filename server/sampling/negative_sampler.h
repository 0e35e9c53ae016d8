#ifndef GRAPHFEED_SERVER_SAMPLING_NEGATIVE_SAMPLER_H_
#define GRAPHFEED_SERVER_SAMPLING_NEGATIVE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/graph/graph_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Pairs of nodes that are no edges of the graph.
struct NegativePairs {
  std::vector<int64_t> source;
  std::vector<int64_t> target;
};

// Draws `count` pairs (source, target) of an edge type's end types, uniform over all pairs that
// are not edges, with replacement between pairs. Draws come from CounterRandom(seed, epoch,
// RandomPurpose::kNegatives) at counters of `batch`. FAILED_PRECONDITION if the graph is so dense
// that no such pair can be found.
absl::Status SampleNegativePairs(const Schema& schema, GraphStore& graph, int edge_type,
                                 uint64_t seed, int64_t epoch, uint64_t batch, int64_t count,
                                 NegativePairs& pairs);

// For each given source draws `per_source` targets that it has no edge to (triplets), uniform over
// those. targets[i * per_source + j] belongs to sources[i].
absl::Status SampleNegativeTargets(const Schema& schema, GraphStore& graph, int edge_type,
                                   uint64_t seed, int64_t epoch, uint64_t batch,
                                   absl::Span<const int64_t> sources, int64_t per_source,
                                   std::vector<int64_t>& targets);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_NEGATIVE_SAMPLER_H_
