#ifndef GRAPHFEED_SERVER_BATCHING_FEISTEL_ROUNDS_H_
#define GRAPHFEED_SERVER_BATCHING_FEISTEL_ROUNDS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace graphfeed {

// The rounds of the Feistel network of KeyedPermutation: left and right halves of several places at
// a time, which are replaced by what they become. A round makes of (left, right) the pair
// (right, left ^ (mix(right ^ key) & half_mask)); docs/determinism.md has the mixer.

inline constexpr size_t kFeistelLanes = 8;
using FeistelKeys = std::array<uint64_t, 8>;

// Of the first `lanes`.
void FeistelRoundsOf(size_t lanes, uint64_t* left, uint64_t* right, const FeistelKeys& keys,
                     uint64_t half_mask);

// Of kFeistelLanes.
using FeistelRounds = void (*)(uint64_t* left, uint64_t* right, const FeistelKeys& keys,
                               uint64_t half_mask);
// All that this processor can do, the fastest last; they give the same.
std::vector<FeistelRounds> AvailableFeistelRounds();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_FEISTEL_ROUNDS_H_
