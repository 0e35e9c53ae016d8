#ifndef GRAPHFEED_SERVER_RPC_CALL_H_
#define GRAPHFEED_SERVER_RPC_CALL_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/server_context.h"
#include "server/metrics/metrics.h"
#include "server/serving/admission.h"
#include "server/serving/frame_stream.h"

namespace graphfeed {

// The calls that are running, so that a shutdown can wait for them. Thread-safe.
class Calls {
 public:
  explicit Calls(Metrics& metrics) : metrics_(metrics) {}

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
  friend class Call;

  Metrics& metrics_;
  mutable absl::Mutex mu_;
  int64_t running_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  std::set<std::shared_ptr<FrameStream>> streams_ ABSL_GUARDED_BY(mu_);  // shared with reactors
};

// One call, from the gate that every method passes to its end. A shutdown waits for it while it
// exists, so it is the last to go of all that a call has. The checks are thread-safe.
class Call {
 public:
  // The gate. `calls` and `context` must outlive the call, `method` the program.
  static std::unique_ptr<Call> Admit(Calls& calls, const grpc::CallbackServerContext& context,
                                     const char* method);
  ~Call();  // counts the call under its status
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Whether it may begin: UNAVAILABLE when the server drains, CANCELLED when the client has gone.
  absl::Status CheckOpen() const;
  // Whether it may go on, which a drain allows.
  absl::Status CheckCancelled() const;
  // Takes one of the places that `admission` has, to be given back by End.
  absl::Status TakePlace(Admission& admission);
  // What the client is about to hear.
  void End(const absl::Status& status);

 private:
  Call(Calls& calls, const grpc::CallbackServerContext& context, const char* method);

  Calls& calls_;
  const grpc::CallbackServerContext& context_;
  const char* const method_;
  const std::chrono::steady_clock::time_point start_;
  absl::StatusCode code_ = absl::StatusCode::kUnknown;
  std::shared_ptr<Admission::Place> place_;  // shared with nobody
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALL_H_
