#include "proto/frame/shard.h"

#include <algorithm>

#include "storage/base/arithmetic.h"
#include "storage/base/check.h"

namespace graphfeed {
int64_t ShardPosition::NumFrames(int64_t num_frames) const {
  const int64_t left = std::max<int64_t>(num_frames - start_ordinal, 0);
  return uneven == UnevenShards::kDrop ? left / num_shards : CeilDivide(left, num_shards);
}

int64_t ShardPosition::NumOwnFrames(int64_t num_frames) const {
  const int64_t left = std::max<int64_t>(num_frames - start_ordinal - shard_index, 0);
  return std::min(CeilDivide(left, num_shards), NumFrames(num_frames));
}

int64_t ShardPosition::NumFilledUp(int64_t num_frames) const {
  const int64_t left = std::max<int64_t>(num_frames - start_ordinal, 0);
  return std::max<int64_t>(NumFrames(num_frames) * num_shards - left, 0);
}

ShardPosition::Step ShardPosition::At(int64_t j, int64_t num_frames) const {
  GF_CHECK(j >= 0 && j < NumFrames(num_frames)) << "frame " << j << " of " << NumFrames(num_frames);
  Step step;
  step.ordinal = start_ordinal + shard_index + j * num_shards;
  if (step.ordinal < num_frames) return step;
  // Behind the epoch's end, where only the other shards have frames left.
  if (uneven == UnevenShards::kRepeat) {
    step.repeat = true;
    step.ordinal = (step.ordinal - num_frames) % num_frames;
  } else {
    step.null_frame = true;
  }
  return step;
}

}  // namespace graphfeed
