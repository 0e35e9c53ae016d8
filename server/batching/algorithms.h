#ifndef GRAPHFEED_SERVER_BATCHING_ALGORITHMS_H_
#define GRAPHFEED_SERVER_BATCHING_ALGORITHMS_H_

#include <cstdint>

namespace graphfeed {

// Versions of what decides a batch's bytes (docs/determinism.md).

// What all batches have in common: order of tensors, collating, padding. Raise it when a change
// alters bytes of some batch for another reason than those below; requests for other versions are
// refused.
inline constexpr uint32_t kAlgorithmVersion = 1;

// Algorithms that only some specs use. Raise one when it alters a batch's bytes for some spec that
// uses it: its random keys and those specs' digests change, and all other batches stay.
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

inline constexpr AlgorithmVersions kAlgorithms;

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_ALGORITHMS_H_
