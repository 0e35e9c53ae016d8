#ifndef GRAPHFEED_SERVER_BATCHING_RANDOM_H_
#define GRAPHFEED_SERVER_BATCHING_RANDOM_H_

#include <array>
#include <cstdint>

#include "absl/types/span.h"
#include "server/batching/algorithms.h"

namespace graphfeed {

// What random numbers are drawn for; part of the key, so that no two uses share numbers.
enum class RandomPurpose : uint32_t {
  kShuffle = 1,
  kTrim = 2,
  kNeighbors = 3,
  kNegatives = 4,
  kPackOrder = 5,
};

// Of the algorithm that draws for a purpose; that of neighbours with equal chances for kNeighbors.
constexpr uint32_t VersionOf(RandomPurpose purpose) {
  switch (purpose) {
    case RandomPurpose::kShuffle:
      return kAlgorithms.shuffle;
    case RandomPurpose::kTrim:
      return kAlgorithms.trimming;
    case RandomPurpose::kNeighbors:
      return kAlgorithms.neighbors;
    case RandomPurpose::kNegatives:
      return kAlgorithms.negatives;
    case RandomPurpose::kPackOrder:
      return kAlgorithms.look_ahead_packing;
  }
  return kAlgorithmVersion;
}

// Counter-based generator: Philox4x32-10 (Random123) under the key
// XXH3-64(seed, epoch, purpose, version of the algorithm that draws). The value at a counter
// depends on nothing else.
class CounterRandom {
 public:
  CounterRandom(uint64_t seed, int64_t epoch, RandomPurpose purpose)
      : CounterRandom(seed, epoch, purpose, VersionOf(purpose)) {}
  CounterRandom(uint64_t seed, int64_t epoch, RandomPurpose purpose, uint32_t version);

  // Four 32-bit words at counter (batch, stream, block).
  std::array<uint32_t, 4> At(uint64_t batch, uint32_t stream, uint32_t block) const;

 private:
  std::array<uint32_t, 2> key_;
};

// Draws one after the other from counters (batch, stream, 0), (batch, stream, 1), ...
class RandomStream {
 public:
  RandomStream(const CounterRandom& random, uint64_t batch, uint32_t stream)
      : random_(random), batch_(batch), stream_(stream) {}

  uint32_t Next();
  // Uniform in [0, bound), unbiased (rejection). Requires bound > 0.
  uint64_t Below(uint64_t bound);

 private:
  CounterRandom random_;
  uint64_t batch_;
  uint32_t stream_;
  uint32_t block_ = 0;
  int left_ = 0;
  std::array<uint32_t, 4> words_{};
};

// A keyed permutation of [0, n): a Feistel network over the next power of four with cycle walking.
// Computed element by element, so a shuffle of any size needs no memory and any place of it is
// found in O(1).
class KeyedPermutation {
 public:
  KeyedPermutation(uint64_t seed, int64_t epoch, RandomPurpose purpose, int64_t n);

  int64_t operator()(int64_t position) const;  // requires 0 <= position < n
  // values[i] = what is at begin + i: faster than one by one.
  void Range(int64_t begin, absl::Span<int64_t> values) const;
  int64_t size() const { return n_; }

 private:
  int64_t n_;
  int half_bits_;
  uint64_t half_mask_;
  std::array<uint64_t, 8> round_keys_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RANDOM_H_
