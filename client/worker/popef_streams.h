#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_STREAMS_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_STREAMS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/worker/executor.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// The steps that a device may read: the one that runs and the one after it. A device reads ahead,
// also beyond the end of a step, and throws away what it has read ahead; so every stream knows what
// it has handed out and what of that has arrived, counted in micro-batches since Clear. What is not
// staged is not available: nothing waits, and no buffer is handed out twice.
//
// Stage, Finish and Clear are called while nothing runs. Streams may be called at any time, from
// any thread (Poplar has such modes), but each from one at a time.
class StagedSteps {
 public:
  // What one replica reads of one input.
  class Stream {
   public:
    // Copies the next micro-batch to `buffer`, if it is staged.
    bool Prefetch(void* buffer) noexcept;
    // The same for a device that waits for it. Zeros if it is not staged: the step has failed then,
    // which Finish says.
    void Fetch(void* buffer) noexcept;
    void Complete() noexcept;    // the oldest one handed out has arrived
    void Invalidate() noexcept;  // what was handed out and has not arrived is thrown away

   private:
    friend class StagedSteps;
    bool Copy(void* buffer);  // Prefetch, with the mutex held

    StagedSteps* steps_ = nullptr;
    size_t input_ = 0;
    size_t replica_ = 0;
    size_t size_bytes_ = 0;
    // Guarded by steps_->mutex_.
    int64_t handed_out_ = 0;
    int64_t completed_ = 0;
    bool starved_ = false;
  };

  struct Input {
    std::string name;
    size_t size_bytes = 0;  // of a micro-batch
  };

  StagedSteps(std::vector<Input> inputs, int64_t device_iterations, int64_t replicas);
  StagedSteps(const StagedSteps&) = delete;
  StagedSteps& operator=(const StagedSteps&) = delete;

  // The first and second step; both fit the inputs. An error of class "streams" if the device has
  // read ahead in a step that is not `step`.
  absl::Status Stage(const StepInputs& step, const StepInputs* next);
  // The first step has run. An error of class "streams" if any stream took more or less of it.
  absl::Status Finish();
  void Clear();

  Stream* stream(size_t input, size_t replica) { return &streams_[input * replicas_ + replica]; }

 private:
  // Where that micro-batch lies; null if it is not staged.
  const std::byte* Find(const Stream& stream, int64_t index) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<Input> inputs_;
  const int64_t device_iterations_;
  const size_t replicas_;
  std::vector<Stream> streams_;  // by input, then by replica; never moved
  Mutex mutex_;
  std::deque<StepInputs> steps_ ABSL_GUARDED_BY(mutex_);  // at most two
  int64_t num_finished_ ABSL_GUARDED_BY(mutex_) = 0;      // steps before the first of them
};

// What one replica gives of one output in a step, up to `max_values` of `size_bytes`.
class OutputSink {
 public:
  OutputSink(size_t size_bytes, int64_t max_values)
      : size_bytes_(size_bytes),
        max_values_(max_values),
        bytes_(size_bytes * static_cast<size_t>(max_values)) {}

  void Take(const void* buffer) noexcept;
  void Clear() { num_values_ = 0; }
  int64_t num_values() const { return num_values_; }  // also those beyond max_values
  const std::byte* value(int64_t index) const {
    return bytes_.data() + size_bytes_ * static_cast<size_t>(index);
  }

 private:
  const size_t size_bytes_;
  const int64_t max_values_;
  std::vector<std::byte> bytes_;
  int64_t num_values_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_STREAMS_H_
