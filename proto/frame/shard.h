#ifndef GRAPHFEED_PROTO_FRAME_SHARD_H_
#define GRAPHFEED_PROTO_FRAME_SHARD_H_

#include <cstdint>

#include "proto/frame/batch_spec.h"

namespace graphfeed {

// The ordinals of one shard's stream in an epoch.
struct ShardPosition {
  int64_t start_ordinal = 0;
  int64_t num_shards = 1;
  int64_t shard_index = 0;
  UnevenShards uneven = UnevenShards::kNull;

  // Frames that this shard receives of an epoch of `num_frames`; equal for all shards.
  int64_t NumFrames(int64_t num_frames) const;
  // Of these, the ones that lie before the epoch's end; the others fill up.
  int64_t NumOwnFrames(int64_t num_frames) const;
  // Frames that fill up, of all shards together.
  int64_t NumFilledUp(int64_t num_frames) const;

  struct Step {
    int64_t ordinal = 0;
    bool null_frame = false;
    bool repeat = false;
  };
  // The j-th frame, 0 <= j < NumFrames(num_frames).
  Step At(int64_t j, int64_t num_frames) const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SHARD_H_
