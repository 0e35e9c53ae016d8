#ifndef GRAPHFEED_TESTS_BENCHMARK_MOLECULES_H_
#define GRAPHFEED_TESTS_BENCHMARK_MOLECULES_H_

#include <cstdint>

#include "storage/graph/graph_block.h"

namespace graphfeed {

// Graphs with the sizes and columns of QM9's molecules, from a fixed seed: 3 to 29 nodes (mean 18,
// standard deviation 2.9), each bond as two edges, at most 56 (mean 37). Columns x float32 [n, 11],
// edge_index int64 [2, e], edge_attr float32 [e, 4], y float32 [1, 19], pos float32 [n, 3],
// z int64 [n].
class MoleculeGenerator {
 public:
  // The next `count` molecules.
  GraphBlock Next(int64_t count);

 private:
  uint64_t Below(uint64_t bound);
  double Uniform();

  uint64_t state_ = 20;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_BENCHMARK_MOLECULES_H_
