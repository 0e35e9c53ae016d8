#ifndef GRAPHFEED_SERVER_RPC_CALL_H_
#define GRAPHFEED_SERVER_RPC_CALL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/access/access_control.h"
#include "server/access/principal.h"
#include "server/logging/event_log.h"
#include "server/logging/rate_limit.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_record.h"
#include "server/serving/admission.h"
#include "server/serving/frame_stream.h"
#include "server/serving/tenants.h"
#include "storage/base/work_scope.h"

namespace graphfeed {

class Call;

// The calls that are running, so that a shutdown can wait for them, and the memory of their
// requests. Thread-safe.
class Calls {
 public:
  // More than `max_calls` calls at a time are refused. `log` is told of each at its end; null:
  // nobody is.
  Calls(Metrics& metrics, const AccessControl& access, Tenants& tenants, int64_t request_memory,
        int64_t max_calls, EventLog* log = nullptr)
      : log_(log),
        metrics_(metrics),
        access_(access),
        tenants_(tenants),
        max_calls_(max_calls),
        requests_("requests", request_memory, max_calls, "request-memory") {}

  // UNAVAILABLE when the server drains.
  absl::Status CheckOpen() const;

  // Streams that a drain must stop, and whose they are. RemoveStream before the stream's sink goes.
  void AddStream(const std::shared_ptr<FrameStream>& stream, const Call& call);
  void RemoveStream(const std::shared_ptr<FrameStream>& stream);
  int64_t num_streams() const;
  // All, or those of one tenant.
  std::vector<std::shared_ptr<FrameStream>> streams(const Tenant* tenant = nullptr) const;

  // Streams of callers of whom the access file says something else than when they began end after
  // the frame that they are sending; clients go on by themselves, and ask again whether they may.
  void EndStreamsOfChangedCallers();

  // From now on CheckOpen refuses, and streams end after the frame that they are sending.
  void Drain();
  // False if calls are still running at `deadline`.
  bool WaitUntilIdle(absl::Time deadline);

  Metrics& metrics() { return metrics_; }
  const AccessControl& access() const { return access_; }
  // Of the memory of requests.
  int64_t request_bytes() const { return requests_.reserved_bytes(); }
  int64_t request_capacity_bytes() const { return requests_.capacity_bytes(); }

 private:
  friend class Call;

  EventLog* const log_;
  RateLimit refusals_{/*burst=*/20, std::chrono::seconds(1)};  // that are told of
  Metrics& metrics_;
  const AccessControl& access_;
  Tenants& tenants_;
  const int64_t max_calls_;
  Admission requests_;
  mutable absl::Mutex mu_;
  int64_t running_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  struct Owner {
    const Tenant* tenant;
    std::shared_ptr<const Principal> principal;  // shared with the call
  };
  std::map<std::shared_ptr<FrameStream>, Owner> streams_ ABSL_GUARDED_BY(mu_);  // with reactors
};

// Who calls, and how the call is told from others.
struct Caller {
  std::shared_ptr<const Principal> principal;  // not null, of whoever is refused either
  absl::Status refusal;                        // UNAUTHENTICATED; OK: it is who it says
  std::string peer;                            // its address, as gRPC writes it
  std::string request_id;
  std::string traceparent;                                      // W3C's, as it came; empty: none
  Metrics::AuthFailure shown = Metrics::AuthFailure::kMissing;  // what it was refused for

  // Of calls within the process.
  static Caller Local();
};

// One call, from the gate that every method passes to its end. A shutdown waits for it while it
// exists, so it is the last to go of all that a call has. The checks are thread-safe.
class Call {
 public:
  // The gate. `gone` is asked, on any thread, whether the client has gone; empty: Cancel says so.
  // `calls` must outlive the call, `method` the program.
  static std::unique_ptr<Call> Admit(Calls& calls, std::function<bool()> gone, const char* method,
                                     Caller caller = Caller::Local());
  ~Call();  // counts the call under its status, and says so in a line
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Whether it may begin: UNAVAILABLE when the server drains, CANCELLED when the client has gone.
  absl::Status CheckOpen() const;
  // The same, after UNAUTHENTICATED or PERMISSION_DENIED for who may not call it at all, and
  // RESOURCE_EXHAUSTED if there were too many calls when it came, or the caller has made too many.
  // Once.
  absl::Status CheckAdmitted() const;
  // Whether it may go on, which a drain allows.
  absl::Status CheckCancelled() const;
  // Takes one of the places that `admission` has, and one of the caller's own `share` of them if
  // there is one, to be given back by End.
  absl::Status TakePlace(Admission& admission, Admission* share = nullptr);
  // Of one that goes on for long: whether its caller still may make it, by what the access file
  // says now of what it shows (`caller` tells who that is), also with `dataset` if that is not
  // empty. UNAUTHENTICATED or PERMISSION_DENIED is its end. On one thread at a time, as End.
  absl::Status CheckStillMay(absl::string_view dataset, const std::function<Caller()>& caller);
  // The client has gone: what works for the call stops (WorkScope).
  void Cancel() { *cancelled_ = true; }
  CancelToken token() const { return cancelled_; }
  const Caller& caller() const { return caller_; }
  // What it shares with the caller's other calls.
  const std::shared_ptr<Tenant>& tenant() const { return tenant_; }
  // What the line at its end and the metrics say beside its status. Shared with its work.
  const std::shared_ptr<CallRecord>& record() const { return record_; }
  // What the client is about to hear; audited by then, if it is to be.
  void End(const absl::Status& status);
  const AccessControl& access() const { return calls_.access_; }
  // The memory of requests.
  Admission& requests() const { return calls_.requests_; }
  // Bytes of a message, for metrics.
  void Sent(size_t bytes) const {
    calls_.metrics_.BytesSent(method_, static_cast<int64_t>(bytes));
    record_->Sent(static_cast<int64_t>(bytes));
  }
  void Received(size_t bytes) const {
    calls_.metrics_.BytesReceived(method_, static_cast<int64_t>(bytes));
    record_->Received(static_cast<int64_t>(bytes));
  }
  std::chrono::nanoseconds age() const { return std::chrono::steady_clock::now() - start_; }

 private:
  Call(Calls& calls, std::function<bool()> gone, const char* method, bool crowded, Caller caller);

  absl::Status CheckRole(const Principal& principal) const;
  void CountRefusal() const;

  Calls& calls_;
  const std::function<bool()> gone_;
  const char* const method_;
  const Caller caller_;
  std::shared_ptr<const Principal> checked_;  // who the caller was when it was last asked
  const std::shared_ptr<Tenant> tenant_;
  const std::chrono::steady_clock::time_point start_;
  absl::Status status_ = absl::UnknownError("the call has not come to its end");
  const std::shared_ptr<CallRecord> record_;
  const bool crowded_;  // there were too many calls when it came
  // Shared with its work.
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<Admission::Place> place_;  // shared with nobody
  std::shared_ptr<Admission::Place> share_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALL_H_
