#ifndef GRAPHFEED_CLIENT_LOCAL_WAITING_H_
#define GRAPHFEED_CLIENT_LOCAL_WAITING_H_

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/rpc/rpc.h"

namespace graphfeed {

// What a task of a pool comes to, and who waits for it. Thread-safe.
class Outcome {
 public:
  // Once.
  void Set(absl::Status status) {
    absl::MutexLock lock(&mu_);
    status_ = std::move(status);
    done_ = true;
  }

  // CANCELLED when `interrupted` says so, DEADLINE_EXCEEDED at `deadline`: then it is still to
  // come.
  absl::Status Wait(const rpc::Interrupted& interrupted, absl::Time deadline) {
    absl::MutexLock lock(&mu_);
    while (!done_) {
      absl::Time slice = deadline;
      if (interrupted) slice = std::min(slice, absl::Now() + rpc::kInterruptInterval);
      if (mu_.AwaitWithDeadline(absl::Condition(&done_), slice)) break;
      if (absl::Now() >= deadline) return absl::DeadlineExceededError("no answer");
      mu_.Unlock();
      const bool stop = interrupted && interrupted();
      mu_.Lock();
      if (stop) return absl::CancelledError("interrupted");
    }
    return status_;
  }
  // Whatever happens.
  void WaitForIt() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&done_));
  }

 private:
  absl::Mutex mu_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

// As it comes over a wire: what was attached for callers within the server stays there.
inline absl::Status Bare(const absl::Status& status) {
  return status.ok() ? status : absl::Status(status.code(), status.message());
}

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_LOCAL_WAITING_H_
