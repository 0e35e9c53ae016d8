// FrameStreams on real threads: what the single-threaded tests promise holds in any interleaving.

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/serving/admission.h"
#include "server/serving/frame_stream.h"
#include "server/serving/task_queue.h"
#include "tests/server/serving/fake_frame_source.h"

namespace graphfeed {
namespace {

// Answers each write on another thread, as gRPC does, or is done with it at once and lets frames go
// there; stops its stream after some frames.
class ThreadedSink final : public FrameStream::Sink {
 public:
  ThreadedSink(TaskQueue& writes, std::latch& done, int64_t stop_after, bool ok,
               bool at_once = false)
      : writes_(writes), done_(done), stop_after_(stop_after), ok_(ok), at_once_(at_once) {}

  void set_stream(std::shared_ptr<FrameStream> stream) { stream_ = std::move(stream); }

  bool Write(FrameStream::Message&& message) override {
    EXPECT_FALSE(writing_.exchange(true));
    if (auto* frame = std::get_if<FrameStream::Frame>(&message)) {
      EXPECT_EQ(frame->info.ordinal, ordinal_++) << "out of order";
      ++frames_;
    } else if (std::holds_alternative<EpochInfo>(message)) {
      ordinal_ = 0;
    }
    const bool stop = frames_ == stop_after_;
    if (at_once_ && !stop) {
      writes_.Post([held = std::move(message)] {});
      writing_ = false;
      return true;
    }
    writes_.Post([this, held = std::move(message), stop]() mutable {
      if (stop && ok_) stream_->Stop(absl::CancelledError("enough"));
      writing_ = false;
      stream_->OnWritten(ok_ || !stop);
      held = EpochInfo();  // now gRPC drops the slab
    });
    return false;
  }
  void Finish(absl::Status status) override {
    EXPECT_FALSE(writing_);
    status_ = std::move(status);
    done_.count_down();
  }

  int64_t frames() const { return frames_; }
  const absl::Status& status() const { return status_; }

 private:
  TaskQueue& writes_;
  std::latch& done_;
  const int64_t stop_after_;
  const bool ok_;
  const bool at_once_;
  std::shared_ptr<FrameStream> stream_;
  std::atomic<bool> writing_ = false;
  std::atomic<int64_t> ordinal_ = 0;  // the next of the epoch
  std::atomic<int64_t> frames_ = 0;
  absl::Status status_ = absl::UnknownError("no end");
};

TEST(FrameStreamStressTest, AnyInterleavingKeepsOrderBoundsAndFreesAll) {
  constexpr int kStreams = 200;
  constexpr int64_t kFrames = 40;
  constexpr int64_t kPrefetch = 3;
  const int64_t before = SlabPool::TotalBytes();
  std::mt19937 random(7);
  FakeWorld world;
  world.frames_otherwise = kFrames;
  std::latch done(kStreams);
  std::vector<std::unique_ptr<ThreadedSink>> sinks;
  std::vector<int64_t> stops;
  {
    ThreadPool builds(4);
    ThreadPool planning(2);
    ThreadPool writes(3);
    for (int i = 0; i < kStreams; ++i) {
      // A third runs to its end, a third is stopped, a third loses its client.
      const int64_t stop_after = i % 3 == 0 ? -1 : random() % kFrames;
      stops.push_back(stop_after);
      sinks.push_back(
          std::make_unique<ThreadedSink>(writes, done, stop_after, i % 3 != 2, i % 2 == 0));
      auto stream = FrameStream::Create(builds, planning, *sinks.back());
      sinks.back()->set_stream(stream);
      stream->Start([&world](FrameStream::OpenDone opened) { opened(OpenFake(world, kPrefetch)); });
    }
    done.wait();
  }
  for (int i = 0; i < kStreams; ++i) {
    SCOPED_TRACE(i);
    if (stops[i] < 0) {
      EXPECT_EQ(sinks[i]->status(), absl::OkStatus());
      EXPECT_EQ(sinks[i]->frames(), kFrames);
    } else {
      EXPECT_EQ(sinks[i]->status().code(), absl::StatusCode::kCancelled);
      EXPECT_EQ(sinks[i]->frames(), stops[i]);
    }
  }
  sinks.clear();
  EXPECT_EQ(world.live_epochs, 0);
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

// Whatever is dropped or parked while frames are built and sent, all come, once and in order.
TEST(FrameStreamStressTest, StreamsThatGiveWayAtAnyMomentLoseNothing) {
  constexpr int kStreams = 40;
  constexpr int64_t kFrames = 150;
  constexpr uint32_t kPrefetch = 8;
  constexpr int64_t kBytes = 64;
  const int64_t before = SlabPool::TotalBytes();
  FakeWorld world;
  world.frames_otherwise = kFrames;
  Admission admission("streams", kStreams * kPrefetch * kBytes, kStreams);
  std::latch done(kStreams);
  std::vector<std::unique_ptr<ThreadedSink>> sinks;
  std::vector<std::shared_ptr<FrameStream>> streams;
  {
    ThreadPool builds(3);
    ThreadPool planning(2);
    ThreadPool writes(2);
    for (int i = 0; i < kStreams; ++i) {
      sinks.push_back(std::make_unique<ThreadedSink>(writes, done, -1, true, i % 2 == 0));
      streams.push_back(FrameStream::Create(builds, planning, *sinks.back()));
      sinks.back()->set_stream(streams.back());
      streams.back()->Start([&](FrameStream::OpenDone opened) {
        FrameStream::Opened stream = OpenFake(world, kPrefetch);
        stream.place = *admission.Reserve(kBytes, kPrefetch);
        stream.reservation = stream.place;
        stream.wanted_frames = kPrefetch;
        opened(std::move(stream));
      });
    }
    std::mt19937 random(3);
    while (!done.try_wait()) {
      FrameStream& stream = *streams[random() % kStreams];
      const std::optional<FrameStream::Holding> holding = stream.holding();
      EXPECT_TRUE(!holding.has_value() || holding->out <= kPrefetch);
      stream.KeepAtMost(1 + random() % 3, random() % 2 == 0);
    }
  }
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->status(), absl::OkStatus());
    EXPECT_EQ(sink->frames(), kFrames);
  }
  EXPECT_GT(world.built, kStreams * kFrames) << "nothing was dropped";
  sinks.clear();
  streams.clear();
  EXPECT_EQ(admission.reserved_bytes(), 0);
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

// One stream's plan takes for ever: the others have only the other planning thread and one build
// thread, and come to their ends.
TEST(FrameStreamStressTest, APlannerThatIsHeldDelaysNobodyElsesFrames) {
  constexpr int kOthers = 20;
  constexpr int64_t kFrames = 10;
  FakeWorld held;
  held.frames_otherwise = kFrames;
  std::latch planning_begun(1);
  std::latch let_go(1);
  held.on_open = [&](int64_t epoch) {
    if (epoch == 1) {
      planning_begun.count_down();
      let_go.wait();
    }
    return absl::OkStatus();
  };
  FakeWorld world;
  world.frames_otherwise = kFrames;
  std::latch others_done(kOthers);
  std::latch held_done(1);
  std::vector<std::unique_ptr<ThreadedSink>> sinks;
  {
    ThreadPool builds(1);
    ThreadPool planning(2);
    ThreadPool writes(1);
    const auto start = [&](FakeWorld& source, std::latch& ended) {
      sinks.push_back(std::make_unique<ThreadedSink>(writes, ended, -1, true));
      auto stream = FrameStream::Create(builds, planning, *sinks.back());
      sinks.back()->set_stream(stream);
      stream->Start([&source](FrameStream::OpenDone done_opening) {
        done_opening(OpenFake(source, 3, /*num_epochs=*/2));
      });
    };
    start(held, held_done);
    planning_begun.wait();
    for (int i = 0; i < kOthers; ++i) start(world, others_done);
    others_done.wait();
    EXPECT_FALSE(held_done.try_wait());
    let_go.count_down();
    held_done.wait();
  }
  for (const auto& sink : sinks) {
    EXPECT_EQ(sink->status(), absl::OkStatus());
    EXPECT_EQ(sink->frames(), 2 * kFrames);
  }
}

// One thread builds for a stream of many frames and for one that comes later.
TEST(FrameStreamStressTest, AStreamOfManyFramesLetsALaterOneTakeTurns) {
  constexpr int64_t kMany = 60;
  FakeWorld many;
  many.frames_otherwise = kMany;
  FakeWorld one;
  one.frames_otherwise = 1;
  std::latch done(2);
  std::vector<std::unique_ptr<ThreadedSink>> sinks;
  int64_t built_before = -1;
  {
    // Plans too, and counts tasks instead of time, so that the order is one.
    ThreadPool threads(1, nullptr, [] { return std::chrono::steady_clock::time_point(); });
    ThreadPool writes(1);
    const auto start = [&](FakeWorld& world) {
      sinks.push_back(std::make_unique<ThreadedSink>(writes, done, -1, true));
      auto stream = FrameStream::Create(threads, threads, *sinks.back());
      sinks.back()->set_stream(stream);
      stream->Start([&world](FrameStream::OpenDone opened) { opened(OpenFake(world, kMany)); });
    };
    many.on_build = [&](int64_t /*epoch*/, int64_t j) {
      if (j == 0) start(one);
      return absl::OkStatus();
    };
    one.on_build = [&](int64_t /*epoch*/, int64_t /*j*/) {
      built_before = many.built;
      return absl::OkStatus();
    };
    start(many);
    done.wait();
  }
  EXPECT_GE(built_before, 1);
  EXPECT_LE(built_before, 4) << "of " << kMany << " that stood in the queue";
}

}  // namespace
}  // namespace graphfeed
