#ifndef GRAPHFEED_SERVER_SAMPLING_NEGATIVE_SAMPLER_H_
#define GRAPHFEED_SERVER_SAMPLING_NEGATIVE_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/time_order.h"

namespace graphfeed {

// Pairs of nodes that are no edges of the graph.
struct NegativePairs {
  std::vector<int64_t> source;
  std::vector<int64_t> target;
};

// Until when the ends of a negative may be there. A pair is then drawn of the nodes that are not
// later, uniform over their non-edges; where there is none it is made of the earliest nodes, as in
// PyG, and of any of a type without times.
struct NegativeTimes {
  const TimeOrder* sources;
  const TimeOrder* targets;
  absl::Span<const int64_t> latest;  // by place
};

// Both functions draw and look: a pair that is an edge is drawn anew, up to kNegativeTries times.
// Only in graphs so dense that this fails the non-edges are counted and one of them is drawn, at
// the cost of reading all edges of the type (of the targets that are early enough). So a pair costs
// some average in-degrees, and it is uniform over the non-edges however dense the graph. A node
// with itself is a pair like any other.
//
// Draws come from CounterRandom(seed, epoch, RandomPurpose::kNegatives) at counters of `batch`: a
// pair is a function of its place alone, so more pairs leave the first ones as they are. Errors:
// FAILED_PRECONDITION if there is nothing to draw; INVALID_ARGUMENT for arguments that do not fit
// the graph; what the store reports.
inline constexpr uint64_t kNegativeTries = 64;

// Draws `count` pairs (source, target) of an edge type's end types, uniform over all pairs that
// are not edges, with replacement between pairs.
absl::Status SampleNegativePairs(const GraphView& graph, int edge_type, uint64_t seed,
                                 int64_t epoch, uint64_t batch, int64_t count, NegativePairs& pairs,
                                 const NegativeTimes* times = nullptr);

// For each given source draws `per_source` targets that it has no edge to (triplets), uniform over
// those, with replacement. targets[i * per_source + j] belongs to sources[i].
absl::Status SampleNegativeTargets(const GraphView& graph, int edge_type, uint64_t seed,
                                   int64_t epoch, uint64_t batch, absl::Span<const int64_t> sources,
                                   int64_t per_source, std::vector<int64_t>& targets,
                                   const NegativeTimes* times = nullptr);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_NEGATIVE_SAMPLER_H_
