#ifndef GRAPHFEED_SERVER_SAMPLING_SEED_SCRATCH_H_
#define GRAPHFEED_SERVER_SAMPLING_SEED_SCRATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "server/sampling/negative_sampler.h"
#include "server/sampling/neighbor_sampler.h"

namespace graphfeed {

// Working memory of SeedSampler::Sample. Holds nothing of a batch that the next one needs.
struct SeedScratch {
  bool dense = false;  // whether `sampler` has dense tables
  std::unique_ptr<NeighborSampler::Scratch> sampler;
  std::vector<int64_t> items;  // of the selection
  std::vector<int64_t> nodes;
  std::vector<int64_t> times;
  std::vector<int32_t> trees;
  // Seed edges: pairs with their negatives behind them. Triplets: `targets` holds the positive
  // ones, and then those of the negatives.
  std::vector<int64_t> sources;
  std::vector<int64_t> targets;
  std::vector<int64_t> other_nodes;  // seeds of the second node type
  std::vector<int64_t> other_times;
  std::vector<uint8_t> spare_nodes;  // by type, whether padding needs one
  std::vector<int32_t> other_trees;
  NegativePairs negatives;
  std::vector<std::byte> rows;
  std::vector<int64_t> ends;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SEED_SCRATCH_H_
