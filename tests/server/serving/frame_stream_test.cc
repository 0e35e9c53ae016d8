// Long: one sink and one source for every turn of the schedule.

#include "server/serving/frame_stream.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/error_details.h"
#include "server/serving/stream_limits.h"
#include "storage/base/allocation.h"
#include "tests/server/serving/fake_frame_source.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Writes down what comes ("header", "epoch 1", "1/0" for frames) and keeps the frames.
class RecordingSink final : public FrameStream::Sink {
 public:
  bool Write(FrameStream::Message&& message) override {
    EXPECT_FALSE(writing_) << "two writes in flight";
    EXPECT_FALSE(finished.has_value()) << "a write after the end";
    if (static_cast<int>(log.size()) == fail_at) throw std::bad_alloc();
    writing_ = true;
    if (std::holds_alternative<FrameStream::Header>(message)) {
      log.push_back("header");
    } else if (auto* epoch = std::get_if<EpochInfo>(&message)) {
      log.push_back(absl::StrCat("epoch ", epoch->epoch));
    } else {
      auto& frame = std::get<FrameStream::Frame>(message);
      log.push_back(absl::StrCat(frame.info.epoch, "/", frame.info.ordinal));
      held.push_back(std::move(frame));
    }
    if (at_once) writing_ = false;
    return at_once;
  }
  void Finish(absl::Status status) override {
    EXPECT_FALSE(writing_) << "the end while a write is in flight";
    EXPECT_FALSE(finished.has_value()) << "two ends";
    finished = std::move(status);
  }

  bool writing() const { return writing_; }
  // The write in flight is done; `keep`: gRPC still holds the slab.
  void Done(FrameStream& stream, bool ok = true, bool keep = false) {
    writing_ = false;
    std::vector<FrameStream::Frame> gone;
    if (!keep) gone.swap(held);
    stream.OnWritten(ok);
    gone.clear();
  }

  bool at_once = false;  // writes are done when they begin
  int fail_at = -1;      // the write that finds no memory
  std::vector<std::string> log;
  std::vector<FrameStream::Frame> held;
  std::optional<absl::Status> finished;

 private:
  bool writing_ = false;
};

class FrameStreamTest : public testing::Test {
 protected:
  // A stream always comes to its end: its ready frames refer to it until then.
  ~FrameStreamTest() override {
    stream_->Stop(absl::CancelledError("the test is over"));
    if (sink_.writing()) sink_.Done(*stream_, /*ok=*/false);
  }

  void Start(uint32_t prefetch, int64_t num_epochs = 1) {
    stream_->Start([this, prefetch, num_epochs](FrameStream::OpenDone done) {
      FrameStream::Opened opened = OpenFake(world_, prefetch, num_epochs);
      opened.reservation = std::exchange(reservation_, nullptr);
      opened.observer = observer_;
      done(std::move(opened));
    });
  }
  // Builds and sends until nothing moves, `limit` messages at most.
  void Run(int limit = 1000) {
    executor_.RunAll();
    for (int i = 0; i < limit && sink_.writing(); ++i) {
      sink_.Done(*stream_);
      executor_.RunAll();
    }
  }

  FakeWorld world_;
  ManualExecutor executor_;
  RecordingSink sink_;
  std::shared_ptr<const void> reservation_;
  std::shared_ptr<StreamObserver> observer_;
  std::shared_ptr<FrameStream> stream_ = FrameStream::Create(executor_, executor_, sink_);
};

TEST_F(FrameStreamTest, SendsHeaderThenEpochThenFramesThenOk) {
  world_.frames = {{0, 3}};
  Start(2);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1", "0/2"));
  EXPECT_EQ(sink_.finished, absl::OkStatus());
  EXPECT_EQ(world_.built, 3);
  EXPECT_EQ(world_.live_epochs, 0);
}

TEST_F(FrameStreamTest, WritesThatAreDoneAtOnceAreFollowedByWhatIsReady) {
  world_.frames = {{0, 3}, {1, 2}};
  sink_.at_once = true;
  Start(/*prefetch=*/5, /*num_epochs=*/2);
  executor_.RunAll();
  EXPECT_THAT(sink_.log,
              ElementsAre("header", "epoch 0", "0/0", "0/1", "0/2", "epoch 1", "1/0", "1/1"));
  EXPECT_EQ(sink_.finished, absl::OkStatus());
}

TEST_F(FrameStreamTest, WrittenAtOnceNoMoreFramesExistThanMayOrAreOut) {
  world_.frames = {{0, 100}};
  sink_.at_once = true;
  stream_->Start([this](FrameStream::OpenDone done) {
    FrameStream::Opened opened = OpenFake(world_, /*prefetch=*/5);
    opened.max_out = 3;
    done(std::move(opened));
  });
  executor_.RunAll();
  EXPECT_EQ(world_.built, 5);
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1", "0/2"));
  sink_.held.erase(sink_.held.begin(), sink_.held.begin() + 2);  // the client gives two back
  executor_.RunAll();
  EXPECT_EQ(world_.built, 7);
  EXPECT_EQ(sink_.log.size(), 7);
  EXPECT_EQ(sink_.held.size(), 3);
  for (int i = 0; i < 200 && !sink_.finished.has_value(); ++i) {
    sink_.held.clear();
    executor_.RunAll();
  }
  EXPECT_EQ(sink_.finished, absl::OkStatus());
  EXPECT_EQ(sink_.log.size(), 102);
}

TEST_F(FrameStreamTest, WhoComesByWritesSomeOfWhatIsReadyAndBuildersTheRest) {
  world_.frames = {{0, 100}};
  Start(/*prefetch=*/100);
  executor_.RunAll();  // the header's write stays in flight
  ASSERT_EQ(world_.built, 100);
  sink_.at_once = true;
  sink_.Done(*stream_);
  EXPECT_EQ(sink_.log.size(), 1 + 32);
  EXPECT_FALSE(sink_.finished.has_value());
  executor_.RunAll();
  EXPECT_EQ(sink_.log.size(), 1 + 1 + 100);
  EXPECT_EQ(sink_.log.back(), "0/99");
  EXPECT_EQ(sink_.finished, absl::OkStatus());
}

// As a message that is too large for where the ones before it went.
TEST_F(FrameStreamTest, AWriteThatIsNotDoneAtOnceIsWaitedForBehindOnesThatWere) {
  world_.frames = {{0, 6}};
  sink_.at_once = true;
  world_.on_build = [this](int64_t, int64_t j) {
    if (j == 4) sink_.at_once = false;
    return absl::OkStatus();
  };
  Start(/*prefetch=*/1);
  executor_.RunAll();
  for (int i = 0; i < 3; ++i) {
    sink_.held.clear();
    executor_.RunAll();
  }
  sink_.held.clear();
  executor_.RunAll();
  EXPECT_TRUE(sink_.writing());
  EXPECT_EQ(sink_.log.back(), "0/4");
  Run();
  EXPECT_EQ(sink_.finished, absl::OkStatus());
  EXPECT_EQ(sink_.log.back(), "0/5");
}

TEST_F(FrameStreamTest, NothingIsBuiltBeyondPrefetchWhileTheClientStalls) {
  world_.frames = {{0, 100}};
  Start(3);
  executor_.RunAll();  // the header's write stays in flight
  EXPECT_EQ(world_.built, 3);
  EXPECT_THAT(sink_.log, ElementsAre("header"));
}

TEST_F(FrameStreamTest, AFrameCountsUntilItsSlabIsGoneNotOnlyUntilItIsWritten) {
  world_.frames = {{0, 100}};
  Start(2);
  executor_.RunAll();
  sink_.Done(*stream_);                       // header
  sink_.Done(*stream_);                       // epoch
  sink_.Done(*stream_, true, /*keep=*/true);  // 0/0, still in gRPC's hands
  executor_.RunAll();
  EXPECT_EQ(world_.built, 2);
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1"));
  sink_.held.erase(sink_.held.begin());
  executor_.RunAll();
  EXPECT_EQ(world_.built, 3);
}

// gRPC drops frames wherever it is, in its own locks, too.
TEST_F(FrameStreamTest, WhatDropsAFrameOnlyPostsATask) {
  class Counter final : public StreamObserver {
   public:
    void EpochOpened(const EpochInfo& /*info*/) override { ++calls; }
    void FrameSent(const FrameInfo& /*info*/, int64_t /*slab_bytes*/) override { ++calls; }
    void Waited(Wait /*what*/, std::chrono::nanoseconds /*time*/) override { ++calls; }
    int calls = 0;
  };
  const auto counter = std::make_shared<Counter>();
  observer_ = counter;
  world_.frames = {{0, 100}};
  Start(1);
  executor_.RunAll();
  sink_.Done(*stream_);                       // header
  sink_.Done(*stream_);                       // epoch
  sink_.Done(*stream_, true, /*keep=*/true);  // 0/0, still in gRPC's hands
  executor_.RunAll();
  const int calls = counter->calls;
  sink_.held.clear();
  EXPECT_EQ(counter->calls, calls) << "the stream was advanced";
  EXPECT_EQ(executor_.size(), 1u);
  EXPECT_EQ(world_.built, 1);
  executor_.RunOne();
  EXPECT_EQ(world_.built, 2) << "the task builds at once";
}

TEST_F(FrameStreamTest, FramesMayOutliveTheirStreamAndTheTaskQueue) {
  world_.frames = {{0, 2}};
  auto tasks = std::make_unique<ManualExecutor>();
  auto stream = FrameStream::Create(*tasks, *tasks, sink_);
  auto reservation = std::make_shared<int>();
  const std::weak_ptr<int> reserved = reservation;
  stream->Start([&](FrameStream::OpenDone done) {
    FrameStream::Opened opened = OpenFake(world_, 2, 1);
    opened.reservation = std::move(reservation);
    done(std::move(opened));
  });
  tasks->RunAll();
  while (sink_.writing()) {
    sink_.Done(*stream, true, /*keep=*/true);
    tasks->RunAll();
  }
  ASSERT_EQ(sink_.finished, absl::OkStatus());
  const std::weak_ptr<FrameStream> gone = stream;
  stream.reset();
  EXPECT_TRUE(gone.expired()) << "frames keep the stream";
  tasks.reset();
  ASSERT_EQ(sink_.held.size(), 2u);
  EXPECT_FALSE(reserved.expired());
  sink_.held.clear();
  EXPECT_TRUE(reserved.expired());
  sink_.finished.reset();
}

TEST_F(FrameStreamTest, FramesBuiltOutOfOrderAreSentInOrder) {
  world_.frames = {{0, 4}};
  // While frame 0 is built, all others are.
  world_.on_build = [this](int64_t, int64_t j) {
    if (j == 0) executor_.RunAll();
    return absl::OkStatus();
  };
  Start(4);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1", "0/2", "0/3"));
}

TEST_F(FrameStreamTest, PrefetchCrossesTheBorderOfEpochs) {
  world_.frames = {{0, 2}, {1, 2}};
  Start(4, 2);
  executor_.RunAll();
  EXPECT_EQ(world_.opened, 2);
  EXPECT_EQ(world_.built, 4);  // before anything but the header has been written
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1", "epoch 1", "1/0", "1/1"));
  EXPECT_EQ(sink_.finished, absl::OkStatus());
  EXPECT_EQ(world_.live_epochs, 0);
}

// One at a time; of a long epoch some hundred frames, of a short one a quarter goes first.
TEST_F(FrameStreamTest, OnlyOneEpochIsPlannedAhead) {
  world_.frames = {{0, 10000}};
  world_.frames_otherwise = 40;
  Start(2, 0);
  executor_.RunAll();
  EXPECT_EQ(world_.opened, 1);
  Run(200);
  EXPECT_EQ(world_.opened, 1);
  Run(100);
  EXPECT_EQ(world_.opened, 2);
  Run(9700);
  EXPECT_EQ(world_.opened, 2);
  Run(3);  // in the second one, which has begun
  EXPECT_EQ(world_.opened, 2);
  Run(10);
  EXPECT_EQ(world_.opened, 3);
  Run(20);
  EXPECT_EQ(world_.opened, 3);
}

TEST_F(FrameStreamTest, WhatComesAfterTheLastEpochIsForeseenOnceThatIsUnderWay) {
  world_.record_foreseen = true;
  world_.frames_otherwise = 5;
  Start(2, /*num_epochs=*/2);
  Run(3);
  EXPECT_THAT(world_.foreseen, IsEmpty());
  Run(5);
  EXPECT_THAT(sink_.log, testing::Contains("epoch 1"));
  EXPECT_THAT(world_.foreseen, ElementsAre(2));
  Run();
  EXPECT_EQ(sink_.finished, absl::OkStatus());
  EXPECT_THAT(world_.foreseen, ElementsAre(2));
}

TEST_F(FrameStreamTest, EpochsGoOnUntilStopped) {
  world_.frames_otherwise = 1;
  Start(2, 0);
  Run(100);
  EXPECT_EQ(sink_.log.size(), 101u);  // the header, then epochs and frames by turns, one in flight
  EXPECT_FALSE(sink_.finished.has_value());
  stream_->Stop(absl::CancelledError("enough"));
  sink_.Done(*stream_);
  EXPECT_EQ(sink_.finished, absl::CancelledError("enough"));
}

TEST_F(FrameStreamTest, EpochsWithoutFramesAreAnnouncedAndDoNotPileUp) {
  world_.frames = {{0, 0}, {1, 0}, {2, 1}};
  Start(1, 3);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "epoch 1", "epoch 2", "2/0"));
  EXPECT_EQ(sink_.finished, absl::OkStatus());

  FakeWorld empty;
  RecordingSink stalled;
  auto stream = FrameStream::Create(executor_, executor_, stalled);
  stream->Start([&](FrameStream::OpenDone done) { done(OpenFake(empty, 2, 0)); });
  executor_.RunAll();
  EXPECT_LT(empty.opened, 10);
  stream->Stop(absl::CancelledError(""));
  stalled.Done(*stream);
}

TEST_F(FrameStreamTest, AnErrorComesAfterAllFramesBeforeItAndNothingAfter) {
  world_.frames = {{0, 10}};
  world_.on_build = [](int64_t, int64_t j) {
    return j == 2 ? absl::DataLossError("chunk 7") : absl::OkStatus();
  };
  Start(5);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1"));
  EXPECT_EQ(sink_.finished, absl::DataLossError("chunk 7"));
  EXPECT_EQ(world_.live_epochs, 0);
}

TEST_F(FrameStreamTest, FramesGoOnWhileTheNextEpochIsBeingPlannedBySomebodyElse) {
  world_.frames_otherwise = 3;
  std::vector<FakeWorld::Open> planned;
  world_.hold = [&](int64_t epoch, FakeWorld::Open open) {
    if (epoch == 0) return open();
    planned.push_back(std::move(open));
  };
  Start(2, 2);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1", "0/2"));
  EXPECT_FALSE(sink_.finished.has_value());
  ASSERT_EQ(planned.size(), 1u);
  planned[0]();
  Run();
  EXPECT_EQ(sink_.log.size(), 9u);
  EXPECT_EQ(sink_.finished, absl::OkStatus());
}

TEST_F(FrameStreamTest, AStreamThatIsStoppedWhileItIsOpenedDoesNotWaitForThat) {
  FrameStream::OpenDone opening;
  stream_->Start([&](FrameStream::OpenDone done) { opening = std::move(done); });
  executor_.RunAll();
  stream_->Stop(absl::CancelledError("gone"));
  EXPECT_EQ(sink_.finished, absl::CancelledError("gone"));
  opening(OpenFake(world_, 2));
  executor_.RunAll();
  EXPECT_THAT(sink_.log, IsEmpty());
  EXPECT_EQ(world_.live_epochs, 0);
}

TEST_F(FrameStreamTest, ARefusedRequestIsAnsweredWithoutAHeader) {
  stream_->Start(
      [](FrameStream::OpenDone done) { done(absl::InvalidArgumentError("seed: not set")); });
  executor_.RunAll();
  EXPECT_THAT(sink_.log, IsEmpty());
  EXPECT_EQ(sink_.finished, absl::InvalidArgumentError("seed: not set"));
}

TEST_F(FrameStreamTest, AnEpochThatCannotBePlannedEndsTheStreamAfterTheOneBefore) {
  world_.frames = {{0, 2}};
  world_.on_open = [](int64_t epoch) {
    return epoch == 1 ? absl::ResourceExhaustedError("plan memory") : absl::OkStatus();
  };
  Start(4, 3);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1"));
  EXPECT_EQ(sink_.finished, absl::ResourceExhaustedError("plan memory"));
}

TEST_F(FrameStreamTest, StoppedBeforeItOpensItOpensNothing) {
  Start(2);
  stream_->Stop(absl::CancelledError("gone"));
  EXPECT_EQ(sink_.finished, absl::CancelledError("gone"));
  executor_.RunAll();
  EXPECT_EQ(world_.opened, 0);
}

TEST_F(FrameStreamTest, StoppedWhileItOpensItKeepsNothing) {
  world_.on_open = [this](int64_t) {
    stream_->Stop(absl::CancelledError("gone"));
    return absl::OkStatus();
  };
  world_.frames = {{0, 5}};
  Start(2);
  executor_.RunAll();
  EXPECT_EQ(sink_.finished, absl::CancelledError("gone"));
  EXPECT_THAT(sink_.log, IsEmpty());
  EXPECT_EQ(world_.live_epochs, 0);
}

TEST_F(FrameStreamTest, StoppedAfterOneFrameItDropsWhatIsReadyAndWhatIsQueued) {
  world_.frames = {{0, 100}};
  Start(4);
  executor_.RunAll();
  for (int i = 0; i < 3; ++i) sink_.Done(*stream_);  // header, epoch, 0/0
  ASSERT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1"));
  sink_.Done(*stream_);  // 0/1; its builds are queued
  ASSERT_GT(executor_.size(), 0u);
  const int64_t built = world_.built;
  stream_->Stop(absl::CancelledError("gone"));
  EXPECT_EQ(world_.live_epochs, 0) << "the plan is kept";
  executor_.RunAll();
  EXPECT_EQ(world_.built, built) << "queued work was not dropped";
  EXPECT_FALSE(sink_.finished.has_value());  // 0/2 is in flight
  sink_.Done(*stream_, /*ok=*/false);
  EXPECT_EQ(sink_.finished, absl::CancelledError("gone"));
}

TEST_F(FrameStreamTest, StoppedMidWriteItFreesEverythingButTheFrameInFlight) {
  auto reservation = std::make_shared<int>();
  const std::weak_ptr<int> reserved = reservation;
  reservation_ = std::move(reservation);
  world_.frames = {{0, 100}};
  const int64_t before = SlabPool::TotalBytes();
  Start(3);
  executor_.RunAll();
  sink_.Done(*stream_);
  sink_.Done(*stream_);  // 0/0 in flight
  executor_.RunAll();
  const int64_t slab_bytes = (SlabPool::TotalBytes() - before) / 3;
  stream_->Stop(absl::CancelledError("gone"));
  EXPECT_EQ(SlabPool::TotalBytes() - before, slab_bytes);
  EXPECT_FALSE(reserved.expired()) << "the frame in flight is not paid for";
  sink_.Done(*stream_, /*ok=*/false);
  EXPECT_EQ(SlabPool::TotalBytes(), before);
  EXPECT_TRUE(reserved.expired());
  EXPECT_EQ(sink_.finished, absl::CancelledError("gone"));
}

TEST_F(FrameStreamTest, WorkThatHasStartedFinishesAndItsSlabGoesBack) {
  world_.frames = {{0, 10}};
  const int64_t before = SlabPool::TotalBytes();
  world_.on_build = [this](int64_t, int64_t j) {
    if (j == 1) stream_->Stop(absl::CancelledError("gone"));
    return absl::OkStatus();
  };
  Start(3);
  executor_.RunAll();
  EXPECT_EQ(world_.built, 2);
  EXPECT_EQ(SlabPool::TotalBytes(), before);
  sink_.Done(*stream_, /*ok=*/false);
  EXPECT_EQ(sink_.finished, absl::CancelledError("gone"));
}

TEST_F(FrameStreamTest, AFailedWriteIsACancelledStream) {
  world_.frames = {{0, 10}};
  Start(2);
  executor_.RunAll();
  sink_.Done(*stream_, /*ok=*/false);
  ASSERT_TRUE(sink_.finished.has_value());
  EXPECT_EQ(sink_.finished->code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(world_.live_epochs, 0);
}

// As for a frame of millions of graphs' numbers.
TEST_F(FrameStreamTest, AWriteThatFindsNoMemoryEndsTheStream) {
  world_.frames = {{0, 10}};
  sink_.fail_at = 4;
  Start(2);
  Run();
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0", "0/1"));
  EXPECT_EQ(sink_.finished, OutOfMemory());
  EXPECT_EQ(world_.live_epochs, 0);
}

TEST_F(FrameStreamTest, SoDoesOneBehindWritesThatWereDoneAtOnce) {
  world_.frames = {{0, 10}};
  sink_.at_once = true;
  sink_.fail_at = 4;
  Start(/*prefetch=*/5);
  executor_.RunAll();
  EXPECT_EQ(sink_.log.size(), 4);
  EXPECT_EQ(sink_.finished, OutOfMemory());
  EXPECT_EQ(world_.live_epochs, 0);
}

// Streams of another age than the fixture's.
class AgingFrameStreamTest : public FrameStreamTest {
 protected:
  void SetMaxAge(std::chrono::nanoseconds age) {
    stream_->Stop(absl::CancelledError("another one"));
    sink_.finished.reset();
    stream_ = FrameStream::Create(executor_, executor_, sink_, {.max_age = age});
  }
};

TEST_F(AgingFrameStreamTest, AStreamThatIsOldEnoughEndsBehindAFrame) {
  SetMaxAge(std::chrono::nanoseconds(0));
  world_.frames = {{0, 100}};
  Start(3);
  executor_.RunAll();
  sink_.Done(*stream_);  // header
  sink_.Done(*stream_);  // epoch
  EXPECT_FALSE(sink_.finished.has_value()) << "without a frame it would never come to an end";
  sink_.Done(*stream_);  // 0/0
  EXPECT_THAT(sink_.log, ElementsAre("header", "epoch 0", "0/0"));
  ASSERT_TRUE(sink_.finished.has_value());
  EXPECT_EQ(sink_.finished->code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(StreamEndOf(*sink_.finished), StreamEnd::kAge);
  EXPECT_EQ(world_.live_epochs, 0);
}

TEST_F(AgingFrameStreamTest, BehindTheLastFrameItIsComplete) {
  SetMaxAge(std::chrono::nanoseconds(0));
  world_.frames = {{0, 1}};
  Start(3);
  Run();
  EXPECT_EQ(sink_.finished, absl::OkStatus());
}

TEST_F(AgingFrameStreamTest, BeforeItsAgeItGoesOn) {
  SetMaxAge(std::chrono::hours(1));
  world_.frames = {{0, 5}};
  Start(3);
  Run();
  EXPECT_EQ(sink_.finished, absl::OkStatus());
  EXPECT_EQ(world_.built, 5);
}

TEST(StreamLimitsTest, AgesLieEvenlyWithinAFifthOfWhatIsSet) {
  constexpr int kStreams = 100;
  std::vector<double> shares;
  for (int i = 0; i < kStreams; ++i) {
    const StreamLimits limits =
        LimitsOfStream({.max_age = std::chrono::seconds(100)}, static_cast<uint64_t>(i) + 17);
    shares.push_back(std::chrono::duration<double>(limits.max_age).count() / 100);
  }
  std::sort(shares.begin(), shares.end());
  EXPECT_GE(shares.front(), 0.8);
  EXPECT_LT(shares.back(), 1.2);
  for (size_t i = 1; i < shares.size(); ++i) {
    EXPECT_LT(shares[i] - shares[i - 1], 0.4 * 3 / kStreams) << i;
  }
  EXPECT_EQ(LimitsOfStream({}, 5).max_age, StreamLimits::Duration::max());
}

TEST_F(FrameStreamTest, TheFirstStopCounts) {
  world_.frames = {{0, 10}};
  Start(2);
  executor_.RunAll();
  stream_->Stop(absl::UnavailableError("draining"));
  stream_->Stop(absl::CancelledError("gone"));
  sink_.Done(*stream_);
  EXPECT_EQ(sink_.finished, absl::UnavailableError("draining"));
}

class CountingObserver final : public StreamObserver {
 public:
  void EpochOpened(const EpochInfo& info) override { epochs.push_back(info.epoch); }
  void FrameSent(const FrameInfo& info, int64_t slab_bytes) override {
    sent.push_back(info.ordinal);
    bytes += slab_bytes;
  }
  void Waited(Wait what, std::chrono::nanoseconds) override {
    ++(what == Wait::kClient ? client_waits : what == Wait::kBuild ? build_waits : overlaps);
  }

  std::vector<int64_t> epochs;
  std::vector<int64_t> sent;
  int64_t bytes = 0;
  int client_waits = 0;
  int build_waits = 0;
  int overlaps = 0;
};

TEST_F(FrameStreamTest, TheObserverLearnsWhatWasSentAndWhatWasWaitedFor) {
  auto observer = std::make_shared<CountingObserver>();
  observer_ = observer;
  world_.frames = {{0, 2}};
  Start(2);
  executor_.RunOne();  // opens: the header is in flight, the epoch's is ready
  EXPECT_EQ(observer->client_waits, 0);
  sink_.Done(*stream_);
  EXPECT_EQ(observer->client_waits, 1);
  EXPECT_EQ(observer->overlaps, 0);
  sink_.Done(*stream_);
  EXPECT_EQ(observer->overlaps, 1) << "the epoch's header was on its way, and no frame built";
  executor_.RunOne();  // 0/0
  EXPECT_EQ(observer->build_waits, 1);
  executor_.RunOne();  // 0/1 is ready, 0/0 in flight
  sink_.Done(*stream_);
  EXPECT_GE(observer->client_waits, 2);
  Run();
  EXPECT_THAT(observer->epochs, ElementsAre(0));
  EXPECT_THAT(observer->sent, ElementsAre(0, 1));
  EXPECT_EQ(observer->bytes, 128);
}

}  // namespace
}  // namespace graphfeed
