#ifndef GRAPHFEED_TESTS_SERVER_BATCHING_GRAPH_SIZES_H_
#define GRAPHFEED_TESTS_SERVER_BATCHING_GRAPH_SIZES_H_

// Graphs of generated sizes, the same for the same seed.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "proto/frame/batch_spec.h"
#include "server/batching/random.h"
#include "tests/server/batching/collate_helper.h"
#include "tests/support/memory_features.h"

namespace graphfeed {

using Sizes = std::vector<std::vector<int32_t>>;

inline RandomStream SizeStream(uint64_t seed) {
  return RandomStream(CounterRandom(seed, 0, RandomPurpose::kTrim), 0, 0);
}

// [0]: nodes, [1]: edges. Sizes as those of QM9: about 18 nodes, of 3 to 29, and a little more than
// twice as many edges.
inline Sizes MoleculeSizes(int64_t count, uint64_t seed) {
  RandomStream stream = SizeStream(seed);
  Sizes sizes(2);
  for (int64_t i = 0; i < count; ++i) {
    int64_t nodes = 0;
    for (int k = 0; k < 4; ++k) nodes += static_cast<int64_t>(stream.Below(9));
    nodes = std::clamp<int64_t>(nodes + 2, 3, 29);
    sizes[0].push_back(static_cast<int32_t>(nodes));
    // Bonds, in both directions.
    const auto bonds = nodes + static_cast<int64_t>(stream.Below(2));
    sizes[1].push_back(static_cast<int32_t>(2 * bonds));
  }
  return sizes;
}

// Sizes as those of PROTEINS: 39 nodes on average, and one in some hundred 620.
inline Sizes ProteinSizes(int64_t count, uint64_t seed) {
  RandomStream stream = SizeStream(seed);
  Sizes sizes(2);
  for (int64_t i = 0; i < count; ++i) {
    const double u = (static_cast<double>(stream.Below(1'000'000)) + 1) / 1'000'001;
    const auto nodes = std::clamp<int64_t>(static_cast<int64_t>(20 * std::pow(u, -0.55)), 4, 620);
    sizes[0].push_back(static_cast<int32_t>(nodes));
    sizes[1].push_back(static_cast<int32_t>(3 * nodes + static_cast<int64_t>(stream.Below(40))));
  }
  return sizes;
}

inline MemoryDataset DatasetOf(const Sizes& sizes) {
  MemoryDataset data(Schema::Homogeneous(true));
  for (size_t i = 0; i < sizes[0].size(); ++i) data.AddGraph({sizes[0][i]}, {sizes[1][i]});
  data.Finish();
  return data;
}

inline BatchSpec PackRequest(int64_t num_nodes, int64_t num_edges, int64_t num_graphs,
                             bool shuffle) {
  BatchSpec request = Packed(num_nodes, num_edges, num_graphs);
  request.strategy = Strategy::kPack;
  request.shuffle = shuffle;
  return request;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SERVER_BATCHING_GRAPH_SIZES_H_
