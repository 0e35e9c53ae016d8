#ifndef GRAPHFEED_SERVER_BATCHING_ALGORITHMS_H_
#define GRAPHFEED_SERVER_BATCHING_ALGORITHMS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace graphfeed {

// Versions of what decides a batch's bytes (docs/determinism.md).

// What all batches have in common: order of tensors, collating, padding. Raise it when a change
// alters bytes of some batch for another reason than those below; requests for other versions are
// refused.
inline constexpr uint32_t kAlgorithmVersion = 1;

// Algorithms that only some specs use. Raise one when it alters a batch's bytes for some spec that
// uses it: its random keys and those specs' digests change, and all other batches stay. The version
// before is still made for whoever asks for it (docs/upgrades.md).
struct AlgorithmVersions {
  uint32_t shuffle = 1;
  uint32_t packing = 1;  // in the order of the graphs
  uint32_t trimming = 1;
  uint32_t neighbors = 1;           // with equal chances
  uint32_t weighted_neighbors = 1;  // where an edge column has weights
  uint32_t latest_neighbors = 1;    // TemporalStrategy::kLast
  uint32_t clusters = 1;
  uint32_t negatives = 1;
  uint32_t timed_negatives = 2;   // of edge types with an end whose nodes have times
  uint32_t given_times = 2;       // of seeds: batches hold them
  uint32_t unnamed_reverses = 2;  // excluded with their seed edges, like named ones
  uint32_t kept_labels = 2;  // beside binary negatives, where the smallest given label is not 0
  uint32_t look_ahead_packing = 1;
};

// visit(name, member) for each, in the order of the digests.
template <typename Visitor>
constexpr void VisitAlgorithms(Visitor&& visit) {
  visit("shuffle", &AlgorithmVersions::shuffle);
  visit("packing", &AlgorithmVersions::packing);
  visit("trimming", &AlgorithmVersions::trimming);
  visit("neighbors", &AlgorithmVersions::neighbors);
  visit("weighted_neighbors", &AlgorithmVersions::weighted_neighbors);
  visit("latest_neighbors", &AlgorithmVersions::latest_neighbors);
  visit("clusters", &AlgorithmVersions::clusters);
  visit("negatives", &AlgorithmVersions::negatives);
  visit("timed_negatives", &AlgorithmVersions::timed_negatives);
  visit("given_times", &AlgorithmVersions::given_times);
  visit("unnamed_reverses", &AlgorithmVersions::unnamed_reverses);
  visit("kept_labels", &AlgorithmVersions::kept_labels);
  visit("look_ahead_packing", &AlgorithmVersions::look_ahead_packing);
}

inline constexpr AlgorithmVersions kAlgorithms;

// The oldest version of each that is still made.
inline constexpr AlgorithmVersions kOldestAlgorithms = [] {
  AlgorithmVersions oldest;
  oldest.timed_negatives = 1;  // drawn whatever the times
  return oldest;
}();

// The newest versions, but for those that are asked for by purpose. INVALID_ARGUMENT names the
// purpose, the version asked for and those that there are.
absl::StatusOr<AlgorithmVersions> ResolveAlgorithms(const std::map<std::string, int64_t>& asked);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_ALGORITHMS_H_
