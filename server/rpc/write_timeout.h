#ifndef GRAPHFEED_SERVER_RPC_WRITE_TIMEOUT_H_
#define GRAPHFEED_SERVER_RPC_WRITE_TIMEOUT_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "grpc/support/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/server_context.h"

namespace graphfeed {

// For alarms: so long from now, by a clock that nobody sets.
gpr_timespec FromNow(absl::Duration time);

// Breaks a call off, with UNAVAILABLE and words that begin with "idle: ", when its client does not
// take what was written within a time, as long as its connection may be well. Not thread-safe.
class WriteTimeout {
 public:
  // `context` is of the call, and outlives this.
  WriteTimeout(grpc::CallbackServerContext& context, absl::Duration timeout)
      : context_(context), timeout_(timeout) {}
  ~WriteTimeout() { (void)End(); }
  WriteTimeout(const WriteTimeout&) = delete;
  WriteTimeout& operator=(const WriteTimeout&) = delete;

  // Something is about to be written.
  void Begin();
  // It has been taken, or never will be. OK, or why the call was broken off.
  absl::Status End();

 private:
  struct Wait;

  grpc::CallbackServerContext& context_;
  const absl::Duration timeout_;
  std::shared_ptr<Wait> wait_;  // shared with the alarm's callback, which may come late
  std::optional<grpc::Alarm> alarm_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_WRITE_TIMEOUT_H_
