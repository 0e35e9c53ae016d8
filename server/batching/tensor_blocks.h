#ifndef GRAPHFEED_SERVER_BATCHING_TENSOR_BLOCKS_H_
#define GRAPHFEED_SERVER_BATCHING_TENSOR_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "server/batching/batch_tensors.h"

namespace graphfeed {

// Where one tensor of a frame is written: a block for each micro-batch, one behind the other in the
// slab. A view.
struct TensorBlocks {
  const BatchTensor& tensor;
  std::byte* begin = nullptr;
  int64_t block_bytes = 0;

  std::byte* block(int64_t micro_batch) const { return begin + micro_batch * block_bytes; }
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_TENSOR_BLOCKS_H_
