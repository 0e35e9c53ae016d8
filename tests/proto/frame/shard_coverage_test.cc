// Every frame of an epoch reaches exactly one shard, however many there are and however often their
// number changes.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/frame/shard.h"

namespace graphfeed {
namespace {

constexpr UnevenShards kPolicies[] = {UnevenShards::kNull, UnevenShards::kRepeat,
                                      UnevenShards::kDrop};

// How often each frame of an epoch has come, and what filled up shards.
struct Tally {
  explicit Tally(int64_t num_frames) : times(num_frames, 0) {}
  std::vector<int> times;
  int64_t nulls = 0;
  int64_t repeats = 0;
};

// Lets every shard of n receive `rounds` frames (all that are left if that is fewer) from `start`
// on, and returns where the run stands then.
int64_t Advance(int64_t start, int64_t num_shards, int64_t rounds, UnevenShards uneven,
                Tally& tally) {
  const int64_t num_frames = static_cast<int64_t>(tally.times.size());
  int64_t taken = 0;
  for (int64_t shard = 0; shard < num_shards; ++shard) {
    const ShardPosition position{
        .start_ordinal = start, .num_shards = num_shards, .shard_index = shard, .uneven = uneven};
    const int64_t frames = position.NumFrames(num_frames);
    taken = std::min(frames, rounds);
    for (int64_t j = 0; j < taken; ++j) {
      const ShardPosition::Step step = position.At(j, num_frames);
      if (step.null_frame) {
        ++tally.nulls;
      } else if (step.repeat) {
        EXPECT_LT(step.ordinal, num_frames);
        ++tally.repeats;
      } else {
        EXPECT_EQ(step.ordinal, start + shard + j * num_shards);
        ++tally.times.at(step.ordinal);
      }
    }
  }
  return start + taken * num_shards;
}

// Frames [0, delivered) once, the others never.
void ExpectOnce(const Tally& tally, int64_t delivered) {
  for (int64_t ordinal = 0; ordinal < static_cast<int64_t>(tally.times.size()); ++ordinal) {
    EXPECT_EQ(tally.times[ordinal], ordinal < delivered ? 1 : 0) << "frame " << ordinal;
  }
}

TEST(ShardCoverageTest, AnEpochIsDividedWithoutLossAndEqually) {
  for (int64_t num_frames = 0; num_frames <= 40; ++num_frames) {
    for (int64_t num_shards = 1; num_shards <= 12; ++num_shards) {
      for (const UnevenShards uneven : kPolicies) {
        SCOPED_TRACE(absl::StrCat(num_frames, " frames, ", num_shards, " shards, policy ",
                                  static_cast<int>(uneven)));
        Tally tally(num_frames);
        Advance(0, num_shards, num_frames + 1, uneven, tally);
        const int64_t surplus = num_frames % num_shards;
        const int64_t missing = (num_shards - surplus) % num_shards;
        ExpectOnce(tally, uneven == UnevenShards::kDrop ? num_frames - surplus : num_frames);
        EXPECT_EQ(tally.nulls, uneven == UnevenShards::kNull ? missing : 0);
        EXPECT_EQ(tally.repeats, uneven == UnevenShards::kRepeat ? missing : 0);
      }
    }
  }
}

TEST(ShardCoverageTest, TheNumberOfShardsMayChangeInTheMiddleOfAnEpoch) {
  for (int64_t num_frames = 0; num_frames <= 60; ++num_frames) {
    for (int64_t rounds = 0; rounds <= 4; ++rounds) {
      for (const UnevenShards uneven : kPolicies) {
        SCOPED_TRACE(absl::StrCat(num_frames, " frames, ", rounds, " rounds, policy ",
                                  static_cast<int>(uneven)));
        Tally tally(num_frames);
        int64_t position = 0;
        for (const int64_t num_shards : {4, 7, 1}) {
          position = Advance(position, num_shards, rounds, uneven, tally);
        }
        const int64_t left = std::max<int64_t>(num_frames - position, 0);
        Advance(position, 3, num_frames + 1, uneven, tally);
        // A run that drops a surplus leaves it to those that come after, who may be fewer.
        ExpectOnce(tally, uneven == UnevenShards::kDrop ? num_frames - left % 3 : num_frames);
        EXPECT_LT(tally.nulls, uneven == UnevenShards::kNull ? 7 : 1);
        EXPECT_LT(tally.repeats, uneven == UnevenShards::kRepeat ? 7 : 1);
      }
    }
  }
}

TEST(ShardCoverageTest, AShardThatBrokeOffGoesOnBehindWhatItReceived) {
  for (int64_t num_frames : {1, 13, 14, 15}) {
    for (const UnevenShards uneven : kPolicies) {
      for (int64_t shard = 0; shard < 4; ++shard) {
        const ShardPosition whole{
            .start_ordinal = 2, .num_shards = 4, .shard_index = shard, .uneven = uneven};
        const int64_t frames = whole.NumFrames(num_frames);
        for (int64_t received = 0; received <= frames; ++received) {
          ShardPosition rest = whole;
          rest.start_ordinal += received * rest.num_shards;
          ASSERT_EQ(rest.NumFrames(num_frames), frames - received);
          for (int64_t j = received; j < frames; ++j) {
            const ShardPosition::Step expected = whole.At(j, num_frames);
            const ShardPosition::Step step = rest.At(j - received, num_frames);
            EXPECT_EQ(step.ordinal, expected.ordinal);
            EXPECT_EQ(step.null_frame, expected.null_frame);
            EXPECT_EQ(step.repeat, expected.repeat);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace graphfeed
