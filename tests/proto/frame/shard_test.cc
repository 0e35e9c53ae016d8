#include "proto/frame/shard.h"

#include <gtest/gtest.h>

#include <vector>

namespace graphfeed {
namespace {

TEST(ShardPositionTest, ShardsTakeTurnsAndGetEquallyMany) {
  ShardPosition shard{.num_shards = 3, .shard_index = 2};
  EXPECT_EQ(shard.NumFrames(7), 3);
  EXPECT_EQ(shard.At(0, 7).ordinal, 2);
  EXPECT_EQ(shard.At(1, 7).ordinal, 5);
  EXPECT_EQ(shard.At(2, 7).ordinal, 8);
  EXPECT_TRUE(shard.At(2, 7).null_frame);
  EXPECT_FALSE(shard.At(1, 7).null_frame);
  shard.uneven = UnevenShards::kRepeat;
  EXPECT_EQ(shard.At(2, 7).ordinal, 1);
  EXPECT_TRUE(shard.At(2, 7).repeat);
  EXPECT_FALSE(shard.At(2, 7).null_frame);
  shard.uneven = UnevenShards::kDrop;
  EXPECT_EQ(shard.NumFrames(7), 2);
}

TEST(ShardPositionTest, AStreamGoesOnWhereAnotherStopped) {
  for (const auto uneven : {UnevenShards::kNull, UnevenShards::kRepeat, UnevenShards::kDrop}) {
    for (int64_t n = 1; n <= 4; ++n) {
      for (int64_t frames = 0; frames <= 9; ++frames) {
        for (int64_t i = 0; i < n; ++i) {
          const ShardPosition whole{0, n, i, uneven};
          for (int64_t received = 0; received <= whole.NumFrames(frames); ++received) {
            const ShardPosition rest{received * n, n, i, uneven};
            ASSERT_EQ(rest.NumFrames(frames), whole.NumFrames(frames) - received);
            for (int64_t j = received; j < whole.NumFrames(frames); ++j) {
              const ShardPosition::Step a = whole.At(j, frames);
              const ShardPosition::Step b = rest.At(j - received, frames);
              EXPECT_EQ(a.ordinal, b.ordinal);
              EXPECT_EQ(a.null_frame, b.null_frame);
              EXPECT_EQ(a.repeat, b.repeat);
            }
          }
        }
      }
    }
  }
}

TEST(ShardPositionTest, EveryFrameReachesExactlyOneShard) {
  for (int64_t n = 1; n <= 5; ++n) {
    std::vector<int> seen(13);
    for (int64_t i = 0; i < n; ++i) {
      const ShardPosition shard{2, n, i, UnevenShards::kNull};
      for (int64_t j = 0; j < shard.NumFrames(13); ++j) {
        const ShardPosition::Step step = shard.At(j, 13);
        if (!step.null_frame) ++seen[step.ordinal];
      }
    }
    EXPECT_EQ(seen, std::vector<int>({0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}));
  }
}

TEST(ShardPositionTest, FramesAreTheirOwnOrFillUp) {
  for (const auto uneven : {UnevenShards::kNull, UnevenShards::kRepeat, UnevenShards::kDrop}) {
    for (int64_t n = 1; n <= 4; ++n) {
      for (int64_t frames = 1; frames <= 9; ++frames) {
        for (int64_t start = 0; start <= frames + 1; ++start) {
          int64_t filled_up = 0;
          for (int64_t i = 0; i < n; ++i) {
            const ShardPosition shard{start, n, i, uneven};
            int64_t own = 0;
            for (int64_t j = 0; j < shard.NumFrames(frames); ++j) {
              const ShardPosition::Step step = shard.At(j, frames);
              if (!step.null_frame && !step.repeat) ++own;
            }
            EXPECT_EQ(shard.NumOwnFrames(frames), own);
            filled_up += shard.NumFrames(frames) - own;
          }
          const ShardPosition any{start, n, 0, uneven};
          EXPECT_EQ(any.NumFilledUp(frames), filled_up);
        }
      }
    }
  }
}

}  // namespace
}  // namespace graphfeed
