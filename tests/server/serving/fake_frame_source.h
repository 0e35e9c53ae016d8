#ifndef GRAPHFEED_TESTS_SERVER_SERVING_FAKE_FRAME_SOURCE_H_
#define GRAPHFEED_TESTS_SERVER_SERVING_FAKE_FRAME_SOURCE_H_

// Stand-ins for what surrounds a FrameStream, so that scheduling is tested without batches, gRPC
// or threads.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "server/serving/frame_stream.h"
#include "server/serving/task_queue.h"

namespace graphfeed {

// Runs tasks when it is told to, those of all its queues in the order in which they came.
class ManualExecutor final : public TaskQueue {
 public:
  void Post(Task task) override { tasks_.push_back(std::move(task)); }
  std::unique_ptr<TaskQueue> NewQueue() override { return std::make_unique<Queue>(*this); }

  bool RunOne() {
    if (tasks_.empty()) return false;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    task();
    return true;
  }
  void RunAll() {
    while (RunOne()) {
    }
  }
  size_t size() const { return tasks_.size(); }

 private:
  class Queue final : public TaskQueue {
   public:
    explicit Queue(TaskQueue& tasks) : tasks_(tasks) {}
    void Post(Task task) override { tasks_.Post(std::move(task)); }
    std::unique_ptr<TaskQueue> NewQueue() override { return tasks_.NewQueue(); }

   private:
    TaskQueue& tasks_;
  };

  std::deque<Task> tasks_;
};

// Epoch e has frames[e] frames, or `frames_otherwise`. Counts what is asked of it. Thread-safe.
struct FakeWorld {
  std::map<int64_t, int64_t> frames;
  int64_t frames_otherwise = 0;
  std::function<absl::Status(int64_t epoch, int64_t j)> on_build = [](int64_t, int64_t) {
    return absl::OkStatus();
  };
  std::function<absl::Status(int64_t epoch)> on_open = [](int64_t) { return absl::OkStatus(); };
  // Is given what opens an epoch, to call it now or later.
  using Open = absl::AnyInvocable<void()>;
  std::function<void(int64_t epoch, Open open)> hold = [](int64_t, Open open) { open(); };

  bool record_foreseen = false;
  std::vector<int64_t> foreseen;  // not thread-safe: of streams without threads
  std::atomic<int64_t> opened = 0;
  std::atomic<int64_t> built = 0;
  std::atomic<int64_t> live_epochs = 0;
  SlabPool slabs{0};
};

class FakeEpoch final : public FrameSource::Epoch {
 public:
  FakeEpoch(FakeWorld& world, int64_t epoch) : world_(world) {
    info_.epoch = epoch;
    auto it = world.frames.find(epoch);
    info_.plan.shard_frames = it == world.frames.end() ? world.frames_otherwise : it->second;
    ++world_.live_epochs;
  }
  ~FakeEpoch() override { --world_.live_epochs; }

  const EpochInfo& info() const override { return info_; }
  absl::Status Build(int64_t j, BuiltFrame& frame) override {
    ++world_.built;
    if (absl::Status status = world_.on_build(info_.epoch, j); !status.ok()) return status;
    frame.info.epoch = info_.epoch;
    frame.info.ordinal = j;
    frame.slab = world_.slabs.Take(64);
    return absl::OkStatus();
  }

 private:
  FakeWorld& world_;
  EpochInfo info_;
};

class FakeSource final : public FrameSource {
 public:
  explicit FakeSource(FakeWorld& world) : world_(world) {}
  void OpenEpoch(int64_t epoch, absl::AnyInvocable<void(EpochOr)> done) override {
    ++world_.opened;
    world_.hold(epoch, [&world = world_, epoch, done = std::move(done)]() mutable {
      if (absl::Status status = world.on_open(epoch); !status.ok()) return done(status);
      done(std::make_shared<FakeEpoch>(world, epoch));
    });
  }
  void Foresee(int64_t epoch) override {
    if (world_.record_foreseen) world_.foreseen.push_back(epoch);
  }

 private:
  FakeWorld& world_;
};

// What a stream of `num_epochs` epochs from `first_epoch` on is opened with.
inline FrameStream::Opened OpenFake(FakeWorld& world, uint32_t prefetch, int64_t num_epochs = 1,
                                    int64_t first_epoch = 0) {
  FrameStream::Opened opened;
  opened.header.prefetch = prefetch;
  opened.source = std::make_unique<FakeSource>(world);
  opened.source->OpenEpoch(
      first_epoch, [&](FrameSource::EpochOr epoch) { opened.first_epoch = *std::move(epoch); });
  opened.num_epochs = num_epochs;
  return opened;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SERVER_SERVING_FAKE_FRAME_SOURCE_H_
