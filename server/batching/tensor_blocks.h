#ifndef GRAPHFEED_SERVER_BATCHING_TENSOR_BLOCKS_H_
#define GRAPHFEED_SERVER_BATCHING_TENSOR_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "proto/frame/digest.h"
#include "server/batching/batch_tensors.h"

namespace graphfeed {

// Where one tensor of a frame is written: a block for each micro-batch, one behind the other in the
// slab. A view.
struct TensorBlocks {
  const BatchTensor& tensor;
  std::byte* begin = nullptr;
  int64_t block_bytes = 0;
  RunningDigest* digest = nullptr;  // of the slab, up to `begin` or further; none where not wanted

  std::byte* block(int64_t micro_batch) const { return begin + micro_batch * block_bytes; }

  // The tensor's bytes before `end`, a place in the first block, have their last value. May be said
  // any number of times; a large tensor is hashed faster if it is said every few 100 KiB.
  void Finished(const std::byte* end) const {
    if (digest != nullptr) digest->Advance(end);
  }
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_TENSOR_BLOCKS_H_
