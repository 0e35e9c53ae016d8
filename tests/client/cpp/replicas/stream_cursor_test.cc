#include "client/cpp/replicas/stream_cursor.h"

#include <gtest/gtest.h>

namespace graphfeed {
namespace {

EpochInfo Epoch(int64_t epoch, int64_t num_frames, int64_t shard_frames) {
  EpochInfo info{.epoch = epoch, .plan = {}};
  info.plan.num_frames = num_frames;
  info.plan.shard_frames = shard_frames;
  return info;
}

StreamOptions Options(int64_t num_epochs) {
  StreamOptions options;
  options.start_epoch = 2;
  options.start_ordinal = 5;
  options.num_epochs = num_epochs;
  options.num_shards = 3;
  options.shard_index = 1;
  return options;
}

TEST(StreamCursorTest, StandsAtTheStartUntilAnEpochHasCome) {
  const StreamCursor cursor(Options(2));
  EXPECT_EQ(cursor.epoch(), 2);
  EXPECT_EQ(cursor.ordinal(), 5);
  EXPECT_EQ(cursor.num_epochs(), 2);
  EXPECT_FALSE(cursor.done());
}

TEST(StreamCursorTest, EachFrameMovesItByARoundOfShards) {
  StreamCursor cursor(Options(2));
  EXPECT_EQ(*cursor.TakeEpoch(Epoch(2, 12, 3)), true);
  cursor.TakeFrame();
  cursor.TakeFrame();
  EXPECT_EQ(cursor.ordinal(), 5 + 2 * 3);
  EXPECT_EQ(cursor.num_epochs(), 2);
  cursor.TakeFrame();
  EXPECT_EQ(cursor.epoch(), 3) << "the epoch is done";
  EXPECT_EQ(cursor.ordinal(), 0);
  EXPECT_EQ(cursor.num_epochs(), 1);
  EXPECT_FALSE(cursor.done());
  EXPECT_EQ(*cursor.TakeEpoch(Epoch(3, 3, 1)), true);
  EXPECT_EQ(cursor.ordinal(), 0) << "later epochs start at their first frame";
  cursor.TakeFrame();
  EXPECT_TRUE(cursor.done());
}

TEST(StreamCursorTest, TheRestOfAnEpochIsNotANewOne) {
  StreamCursor cursor(Options(1));
  ASSERT_TRUE(cursor.TakeEpoch(Epoch(2, 12, 3)).ok());
  cursor.TakeFrame();
  EXPECT_EQ(*cursor.TakeEpoch(Epoch(2, 12, 2)), false);
  EXPECT_EQ(cursor.ordinal(), 8);
  cursor.TakeFrame();
  cursor.TakeFrame();
  EXPECT_TRUE(cursor.done());
}

TEST(StreamCursorTest, ARestThatDoesNotFitIsDataLoss) {
  for (const EpochInfo& rest : {Epoch(2, 12, 3), Epoch(2, 13, 2), Epoch(3, 12, 2)}) {
    StreamCursor cursor(Options(3));
    ASSERT_TRUE(cursor.TakeEpoch(Epoch(2, 12, 3)).ok());
    cursor.TakeFrame();
    EXPECT_EQ(cursor.TakeEpoch(rest).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(StreamCursorTest, WithoutEndThereIsAlwaysANextEpoch) {
  StreamCursor cursor(Options(0));
  for (int64_t epoch = 2; epoch < 10; ++epoch) {
    ASSERT_TRUE(cursor.TakeEpoch(Epoch(epoch, 6, 1)).ok());
    cursor.TakeFrame();
    EXPECT_FALSE(cursor.done());
    EXPECT_EQ(cursor.epoch(), epoch + 1);
    EXPECT_EQ(cursor.num_epochs(), 0);
  }
}

TEST(StreamCursorTest, EmptyEpochsWithoutEndAreNotWaitedFor) {
  StreamCursor endless(Options(0));
  StreamCursor finite(Options(5000));
  for (int64_t epoch = 2; epoch < 2 + 999; ++epoch) {
    ASSERT_TRUE(endless.TakeEpoch(Epoch(epoch, 2, 0)).ok());
    ASSERT_TRUE(finite.TakeEpoch(Epoch(epoch, 2, 0)).ok());
  }
  EXPECT_TRUE(finite.TakeEpoch(Epoch(1001, 2, 0)).ok());
  EXPECT_EQ(endless.TakeEpoch(Epoch(1001, 2, 0)).status().code(), absl::StatusCode::kDataLoss);
  StreamCursor with_frames(Options(0));
  for (int64_t epoch = 2; epoch < 3000; ++epoch) {
    const int64_t frames = epoch % 900 == 0 ? 1 : 0;
    ASSERT_TRUE(with_frames.TakeEpoch(Epoch(epoch, 3 * frames, frames)).ok());
    for (int64_t i = 0; i < frames; ++i) with_frames.TakeFrame();
  }
}

TEST(StreamCursorTest, EpochsWithoutFramesAreDoneWhenTheyCome) {
  StreamCursor cursor(Options(1));
  ASSERT_TRUE(cursor.TakeEpoch(Epoch(2, 5, 0)).ok());
  EXPECT_TRUE(cursor.done());
}

}  // namespace
}  // namespace graphfeed
