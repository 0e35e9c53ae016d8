#include "server/rpc/write_timeout.h"

#include <atomic>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpc/grpc.h"

namespace graphfeed {

gpr_timespec FromNow(absl::Duration time) {
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_millis(absl::ToInt64Milliseconds(time), GPR_TIMESPAN));
}

struct WriteTimeout::Wait {
  explicit Wait(grpc_call* a_call, absl::Duration timeout)
      : call(a_call),
        words(absl::StrCat("idle: nothing was taken for ", absl::FormatDuration(timeout))) {
    grpc_call_ref(call);
  }
  ~Wait() { grpc_call_unref(call); }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  grpc_call* const call;
  const std::string words;
  std::atomic<bool> over = false;
};

void WriteTimeout::Begin() {
  if (timeout_ == absl::InfiniteDuration()) return;
  wait_ = std::make_shared<Wait>(context_.c_call(), timeout_);
  alarm_.emplace();
  alarm_->Set(FromNow(timeout_), [wait = wait_](bool ok) {
    if (!ok || wait->over.exchange(true)) return;
    (void)grpc_call_cancel_with_status(wait->call, GRPC_STATUS_UNAVAILABLE, wait->words.c_str(),
                                       nullptr);
  });
}

absl::Status WriteTimeout::End() {
  if (wait_ == nullptr) return absl::OkStatus();
  const std::shared_ptr<Wait> wait = std::move(wait_);
  alarm_.reset();
  return wait->over.exchange(true) ? absl::UnavailableError(wait->words) : absl::OkStatus();
}

}  // namespace graphfeed
