#ifndef GRAPHFEED_STORAGE_BASE_STOP_FLAG_H_
#define GRAPHFEED_STORAGE_BASE_STOP_FLAG_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

#include "absl/time/time.h"
#include "storage/base/work_scope.h"

namespace graphfeed {

// Tells a thread that works at intervals to end, and ends its wait. Waits are not concerned by a
// clock that is set. Thread-safe.
class StopFlag {
 public:
  void Stop() {
    const std::lock_guard<std::mutex> lock(mu_);
    *stopped_ = true;
    wake_.notify_all();
  }
  bool stopped() const { return *stopped_; }
  // Whether it was told to stop, before so much time had gone by.
  bool WaitFor(absl::Duration time) {
    std::unique_lock<std::mutex> lock(mu_);
    return wake_.wait_for(lock, absl::ToChronoNanoseconds(time), [this] { return stopped(); });
  }
  // For what works on the thread's behalf.
  CancelToken token() const { return stopped_; }

 private:
  // Shared with what works for the thread.
  const std::shared_ptr<std::atomic<bool>> stopped_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mu_;
  std::condition_variable wake_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_STOP_FLAG_H_
