#ifndef GRAPHFEED_SERVER_SERVING_FRAME_SLOTS_H_
#define GRAPHFEED_SERVER_SERVING_FRAME_SLOTS_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "server/serving/frame_stream.h"
#include "server/serving/task_queue.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// The frames of a stream that exist. Shared by the stream and its slots, which gRPC may drop when
// the stream and the server are gone. Its mutex comes after the stream's.
class FrameStream::Slots {
 public:
  void Open(std::weak_ptr<FrameStream> stream, TaskQueue* tasks) {
    MutexLock lock(&mu_);
    stream_ = std::move(stream);
    tasks_ = tasks;
  }
  // Nothing is posted any more. Afterwards the task queue may go.
  void Close() {
    MutexLock lock(&mu_);
    tasks_ = nullptr;
  }

  uint32_t used() const {
    MutexLock lock(&mu_);
    return used_;
  }
  void Take() {
    MutexLock lock(&mu_);
    ++used_;
  }
  void Return() {
    MutexLock lock(&mu_);
    --used_;
    if (tasks_ == nullptr) return;
    tasks_->Post([weak = stream_] {
      if (const std::shared_ptr<FrameStream> stream = weak.lock()) stream->Advance(/*build=*/true);
    });
  }

 private:
  mutable Mutex mu_;
  uint32_t used_ ABSL_GUARDED_BY(mu_) = 0;
  std::weak_ptr<FrameStream> stream_ ABSL_GUARDED_BY(mu_);
  TaskQueue* tasks_ ABSL_GUARDED_BY(mu_) = nullptr;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_FRAME_SLOTS_H_
