#ifndef GRAPHFEED_SERVER_RPC_CALLS_H_
#define GRAPHFEED_SERVER_RPC_CALLS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/metrics/metrics.h"
#include "server/serving/frame_stream.h"

namespace graphfeed {

// The calls that are running, so that a shutdown can wait for them. Thread-safe.
class Calls {
 public:
  explicit Calls(Metrics& metrics) : metrics_(metrics) {}

  // One running call: counted when it is over.
  class Scope {
   public:
    Scope(Calls& calls, const char* method);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    void set_status(const absl::Status& status) { code_ = status.code(); }

   private:
    Calls& calls_;
    const char* const method_;
    const std::chrono::steady_clock::time_point start_;
    absl::StatusCode code_ = absl::StatusCode::kUnknown;
  };

  // UNAVAILABLE when the server drains.
  absl::Status CheckOpen() const;

  // Streams that a drain must stop. RemoveStream before the stream's sink goes.
  void AddStream(const std::shared_ptr<FrameStream>& stream);
  void RemoveStream(const std::shared_ptr<FrameStream>& stream);

  // From now on CheckOpen refuses, and streams end after the frame that they are sending.
  void Drain();
  // False if calls are still running at `deadline`.
  bool WaitUntilIdle(absl::Time deadline);

  Metrics& metrics() { return metrics_; }

 private:
  Metrics& metrics_;
  mutable absl::Mutex mu_;
  int64_t running_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  std::set<std::shared_ptr<FrameStream>> streams_ ABSL_GUARDED_BY(mu_);  // shared with reactors
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALLS_H_
