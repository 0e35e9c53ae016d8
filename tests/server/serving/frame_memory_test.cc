// How the frames of a stream give way to others' memory, and how streams that nobody reads end.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/error_details.h"
#include "server/serving/admission.h"
#include "server/serving/frame_stream.h"
#include "tests/server/serving/fake_frame_source.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kHeldFrameBytes = 64;

// Keeps what it is given as gRPC does: the frame in flight, until it is done.
class Wire final : public FrameStream::Sink {
 public:
  bool Write(FrameStream::Message&& message) override {
    EXPECT_FALSE(writing);
    writing = true;
    if (auto* frame = std::get_if<FrameStream::Frame>(&message)) {
      ordinals.push_back(frame->info.ordinal);
      held = std::move(*frame);
    }
    return false;
  }
  void Finish(absl::Status status) override {
    EXPECT_FALSE(writing);
    finished = std::move(status);
  }
  void BreakOff(const absl::Status& status) override { broken_off = status; }

  void Done(FrameStream& stream, bool ok = true) {
    writing = false;
    std::optional<FrameStream::Frame> gone;
    gone.swap(held);
    stream.OnWritten(ok);
  }

  bool writing = false;
  std::vector<int64_t> ordinals;
  std::optional<FrameStream::Frame> held;
  std::optional<absl::Status> finished;
  std::optional<absl::Status> broken_off;
};

class FrameMemoryTest : public testing::Test {
 protected:
  ~FrameMemoryTest() override {
    stream_->Stop(absl::CancelledError("the test is over"));
    if (wire_.writing) wire_.Done(*stream_, /*ok=*/false);
  }

  void Start(uint32_t prefetch, int64_t num_frames = 100) {
    world_.frames = {{0, num_frames}};
    place_ = *admission_.Reserve(kHeldFrameBytes, prefetch);
    stream_->Start([this, prefetch](FrameStream::OpenDone done) {
      FrameStream::Opened opened = OpenFake(world_, prefetch);
      opened.reservation = place_;
      opened.place = std::move(place_);
      opened.wanted_frames = prefetch;
      done(std::move(opened));
    });
    executor_.RunAll();
  }
  // The client takes so many messages.
  void Take(int messages) {
    for (int i = 0; i < messages && wire_.writing; ++i) {
      wire_.Done(*stream_);
      executor_.RunAll();
    }
  }

  FakeWorld world_;
  ManualExecutor executor_;
  Wire wire_;
  Admission admission_{"streams", kHeldFrameBytes * 100, 10};
  std::shared_ptr<Admission::Place> place_;
  std::shared_ptr<FrameStream> stream_ =
      FrameStream::Create(executor_, executor_, wire_, {.max_idle = std::chrono::milliseconds(50)});
};

TEST_F(FrameMemoryTest, ReadyFramesAreDroppedAndBuiltAgainInOrder) {
  Start(8);
  Take(3);  // header, epoch, 0: 1 is in flight
  ASSERT_EQ(stream_->holding()->out, 1u);
  EXPECT_EQ(admission_.reserved_bytes(), 8 * kHeldFrameBytes);
  const int64_t before = SlabPool::TotalBytes();
  stream_->KeepAtMost(1, /*drop=*/true);
  executor_.RunAll();
  EXPECT_EQ(admission_.reserved_bytes(), kHeldFrameBytes);
  EXPECT_EQ(before - SlabPool::TotalBytes(), 7 * kHeldFrameBytes);
  EXPECT_EQ(stream_->holding()->reserved, 1u);
  EXPECT_EQ(world_.built, 9);
  Take(1000);
  std::vector<int64_t> all(100);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  EXPECT_EQ(wire_.ordinals, all);
  EXPECT_EQ(wire_.finished, absl::OkStatus());
  EXPECT_EQ(world_.built, 107) << "seven of them twice";
}

TEST_F(FrameMemoryTest, WithoutDroppingFramesGoAsTheyAreTaken) {
  Start(8);
  Take(3);
  stream_->KeepAtMost(2, /*drop=*/false);
  executor_.RunAll();
  EXPECT_EQ(admission_.reserved_bytes(), 8 * kHeldFrameBytes);
  EXPECT_EQ(stream_->holding()->target, 2u);
  const Admission::Need rest{.frame_bytes = admission_.free_bytes()};
  const auto others = admission_.Reserve(rest);  // so that it does not grow again
  ASSERT_TRUE(others.ok());
  Take(3);
  EXPECT_EQ(admission_.reserved_bytes(), admission_.capacity_bytes() - 3 * kHeldFrameBytes);
  Take(1000);
  EXPECT_EQ(wire_.finished, absl::OkStatus());
  EXPECT_EQ(world_.built, 100);
}

TEST_F(FrameMemoryTest, ItGrowsAgainAsFramesAreSentWhenMemoryIsFree) {
  Start(4);
  Take(3);
  stream_->KeepAtMost(1, /*drop=*/true);
  executor_.RunAll();
  ASSERT_EQ(admission_.reserved_bytes(), kHeldFrameBytes);
  Take(1);
  EXPECT_EQ(stream_->holding()->reserved, 2u);
  Take(1);
  EXPECT_EQ(stream_->holding()->reserved, 3u);
  Take(5);
  EXPECT_EQ(stream_->holding()->reserved, 4u) << "and no further";
}

TEST_F(FrameMemoryTest, BuildsThatAreOnTheirWayWaitForAFrameToGo) {
  world_.frames = {{0, 100}};
  place_ = *admission_.Reserve(kHeldFrameBytes, 4);
  stream_->Start([this](FrameStream::OpenDone done) {
    FrameStream::Opened opened = OpenFake(world_, 4);
    opened.reservation = place_;
    opened.place = std::move(place_);
    opened.wanted_frames = 4;
    done(std::move(opened));
  });
  executor_.RunOne();  // opened: four builds are queued, none has begun
  ASSERT_EQ(world_.built, 0);
  stream_->KeepAtMost(1, /*drop=*/true);
  executor_.RunAll();
  EXPECT_EQ(world_.built, 1);
  EXPECT_EQ(admission_.reserved_bytes(), kHeldFrameBytes);
  Take(1000);
  EXPECT_EQ(wire_.ordinals.size(), 100u);
  EXPECT_EQ(wire_.finished, absl::OkStatus());
}

TEST_F(FrameMemoryTest, OnlyAClientThatTakesNothingIsIdle) {
  Start(4);
  // A second may have passed before one can look.
  const auto is_idle_only_after_a_second = [&](int messages) {
    const auto start = std::chrono::steady_clock::now();
    Take(messages);
    const bool idle = stream_->holding()->idle;
    return !idle || std::chrono::steady_clock::now() - start >= std::chrono::seconds(1);
  };
  EXPECT_TRUE(is_idle_only_after_a_second(3));
  absl::SleepFor(absl::Milliseconds(1100));
  EXPECT_TRUE(stream_->holding()->idle);
  EXPECT_TRUE(is_idle_only_after_a_second(1));
}

TEST_F(FrameMemoryTest, AStreamThatHasNotBeenIdleForLongGoesOn) {
  stream_ = FrameStream::Create(executor_, executor_, wire_, {.max_idle = std::chrono::hours(1)});
  Start(4);
  Take(3);
  absl::SleepFor(absl::Milliseconds(60));
  stream_->EndIfIdle();
  EXPECT_FALSE(wire_.broken_off.has_value());
}

TEST_F(FrameMemoryTest, AStreamThatNobodyReadsEnds) {
  Start(4);
  Take(3);
  absl::SleepFor(absl::Milliseconds(60));
  stream_->EndIfIdle();
  ASSERT_TRUE(wire_.broken_off.has_value());
  EXPECT_EQ(StreamEndOf(*wire_.broken_off), StreamEnd::kIdle);
  EXPECT_EQ(wire_.broken_off->message().substr(0, 6), kIdlePrefix);
  EXPECT_FALSE(wire_.finished.has_value()) << "a write is in flight";
  EXPECT_EQ(world_.live_epochs, 0);
  wire_.Done(*stream_, /*ok=*/false);
  ASSERT_TRUE(wire_.finished.has_value());
  EXPECT_EQ(StreamEndOf(*wire_.finished), StreamEnd::kIdle);
}

TEST_F(FrameMemoryTest, AStreamThatWaitsForItsServerDoesNotEnd) {
  std::optional<FakeWorld::Open> held;
  world_.hold = [&](int64_t epoch, FakeWorld::Open open) {
    if (epoch == 0) return open();
    held = std::move(open);
  };
  world_.frames = {{0, 2}, {1, 2}};
  stream_->Start([this](FrameStream::OpenDone done) { done(OpenFake(world_, 4, 2)); });
  executor_.RunAll();
  Take(4);
  ASSERT_FALSE(wire_.writing);
  absl::SleepFor(absl::Milliseconds(60));
  stream_->EndIfIdle();
  EXPECT_FALSE(wire_.finished.has_value());
  (*held)();
  executor_.RunAll();
  Take(10);
  EXPECT_EQ(wire_.finished, absl::OkStatus());
}

// Frames in memory that the client shares: it takes them without reading them.
TEST_F(FrameMemoryTest, FramesThatNobodyHasReadStayHereWhereTheyCanGiveWay) {
  world_.frames = {{0, 20}};
  place_ = *admission_.Reserve(kHeldFrameBytes, 8);
  stream_->Start([this](FrameStream::OpenDone done) {
    FrameStream::Opened opened = OpenFake(world_, 8);
    opened.reservation = place_;
    opened.place = std::move(place_);
    opened.wanted_frames = 8;
    opened.max_out = 2;
    done(std::move(opened));
  });
  executor_.RunAll();
  std::vector<FrameStream::Frame> client;
  const auto take = [&] {
    while (wire_.writing) {
      if (wire_.held.has_value()) client.push_back(std::move(*wire_.held));
      wire_.held.reset();
      wire_.Done(*stream_);
      executor_.RunAll();
    }
  };
  take();
  EXPECT_THAT(wire_.ordinals, ElementsAre(0, 1));
  EXPECT_EQ(stream_->holding()->out, 2u);
  absl::SleepFor(absl::Milliseconds(1100));
  EXPECT_TRUE(stream_->holding()->idle);
  stream_->KeepAtMost(2, /*drop=*/true);
  executor_.RunAll();
  EXPECT_EQ(admission_.reserved_bytes(), 2 * kHeldFrameBytes);
  while (!client.empty()) {
    client.erase(client.begin());
    executor_.RunAll();
    take();
  }
  EXPECT_EQ(wire_.ordinals.size(), 20u);
  EXPECT_EQ(wire_.finished, absl::OkStatus());
}

}  // namespace
}  // namespace graphfeed
