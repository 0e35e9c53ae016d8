// FrameStreams on real threads: what the single-threaded tests promise holds in any interleaving.

#include <atomic>
#include <latch>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/serving/frame_stream.h"
#include "server/serving/task_queue.h"
#include "tests/server/serving/fake_frame_source.h"

namespace graphfeed {
namespace {

// Answers each write on another thread, as gRPC does, and stops its stream after some frames.
class ThreadedSink final : public FrameStream::Sink {
 public:
  ThreadedSink(TaskQueue& writes, std::latch& done, int64_t stop_after, bool ok)
      : writes_(writes), done_(done), stop_after_(stop_after), ok_(ok) {}

  void set_stream(std::shared_ptr<FrameStream> stream) { stream_ = std::move(stream); }

  void Write(FrameStream::Message message) override {
    EXPECT_FALSE(writing_.exchange(true));
    if (auto* frame = std::get_if<FrameStream::Frame>(&message)) {
      EXPECT_EQ(frame->info.ordinal, frames_) << "out of order";
      ++frames_;
    }
    const bool stop = frames_ == stop_after_;
    writes_.Post([this, held = std::move(message), stop]() mutable {
      if (stop && ok_) stream_->Stop(absl::CancelledError("enough"));
      writing_ = false;
      stream_->OnWritten(ok_ || !stop);
      held = EpochInfo();  // now gRPC drops the slab
    });
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
  std::shared_ptr<FrameStream> stream_;
  std::atomic<bool> writing_ = false;
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
    ThreadPool writes(3);
    for (int i = 0; i < kStreams; ++i) {
      // A third runs to its end, a third is stopped, a third loses its client.
      const int64_t stop_after = i % 3 == 0 ? -1 : random() % kFrames;
      stops.push_back(stop_after);
      sinks.push_back(std::make_unique<ThreadedSink>(writes, done, stop_after, i % 3 != 2));
      auto stream = FrameStream::Create(builds, *sinks.back());
      sinks.back()->set_stream(stream);
      stream->Start(
          [&world]() -> absl::StatusOr<FrameStream::Opened> { return OpenFake(world, kPrefetch); });
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

}  // namespace
}  // namespace graphfeed
