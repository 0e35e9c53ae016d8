#include "server/rpc/call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame/error_details.h"
#include "server/rpc/call_log.h"
#include "server/rpc/methods.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::Status Draining() {
  return WithStreamEnd(
      absl::UnavailableError("the server is shutting down; go on at another replica"),
      StreamEnd::kDrain);
}

absl::Status CallerChanged() {
  return WithStreamEnd(
      absl::UnavailableError("what the caller may do has changed (--access); go on at any replica"),
      StreamEnd::kAge);
}

}  // namespace

absl::Status Calls::CheckOpen() const {
  absl::MutexLock lock(&mu_);
  return draining_ ? Draining() : absl::OkStatus();
}

void Calls::AddStream(const std::shared_ptr<FrameStream>& stream, const Call& call) {
  bool draining;
  {
    absl::MutexLock lock(&mu_);
    streams_.emplace(stream, Owner{call.tenant().get(), call.caller().principal});
    draining = draining_;
  }
  if (draining) stream->Stop(Draining());
  // Whoever changed that since the call was admitted did not find the stream here. (Who was refused
  // is nobody, and is told that.)
  const Caller& caller = call.caller();
  if (caller.refusal.ok() && !access_.StillHas(*caller.principal)) stream->Stop(CallerChanged());
}

void Calls::RemoveStream(const std::shared_ptr<FrameStream>& stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

int64_t Calls::num_streams() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int64_t>(streams_.size());
}

std::vector<std::shared_ptr<FrameStream>> Calls::streams(const Tenant* tenant) const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<FrameStream>> streams;
  streams.reserve(streams_.size());
  for (const auto& [stream, owner] : streams_) {
    if (tenant == nullptr || owner.tenant == tenant) streams.push_back(stream);
  }
  return streams;
}

void Calls::EndStreamsOfChangedCallers() {
  std::vector<std::shared_ptr<FrameStream>> changed;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [stream, owner] : streams_) {
      if (!access_.StillHas(*owner.principal)) changed.push_back(stream);
    }
  }
  for (const std::shared_ptr<FrameStream>& stream : changed) {
    stream->Stop(CallerChanged());
  }
}

void Calls::Drain() {
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
  }
  for (const std::shared_ptr<FrameStream>& each : streams()) each->Stop(Draining());
}

bool Calls::WaitUntilIdle(absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithDeadline(absl::Condition(
                                   +[](int64_t* running) { return *running == 0; }, &running_),
                               deadline);
}

Caller Caller::Local() {
  static const auto* const principal =
      new std::shared_ptr<const Principal>(Principal::Everyone("local"));
  Caller caller;
  caller.principal = *principal;
  return caller;
}

Call::Call(Calls& calls, std::function<bool()> gone, const char* method, bool crowded,
           Caller caller)
    : calls_(calls),
      gone_(std::move(gone)),
      method_(method),
      caller_(std::move(caller)),
      checked_(caller_.principal),
      tenant_(calls.tenants_.Of(*caller_.principal)),
      start_(std::chrono::steady_clock::now()),
      record_(std::make_shared<CallRecord>(calls.metrics_, caller_.principal->name)),
      crowded_(crowded) {
  ++tenant_->calls();
}

std::unique_ptr<Call> Call::Admit(Calls& calls, std::function<bool()> gone, const char* method,
                                  Caller caller) {
  bool crowded;
  {
    absl::MutexLock lock(&calls.mu_);
    crowded = ++calls.running_ > calls.max_calls_;
  }
  return std::unique_ptr<Call>(
      new Call(calls, std::move(gone), method, crowded, std::move(caller)));
}

Call::~Call() {
  calls_.metrics_.RpcDone(method_, status_.code(), age());
  record_->End(status_);
  if (calls_.log_ != nullptr) {
    LogCall(*calls_.log_, calls_.refusals_, method_, caller_, *record_, status_, age());
  }
  --tenant_->calls();
  absl::MutexLock lock(&calls_.mu_);
  --calls_.running_;
}

absl::Status Call::CheckOpen() const {
  GF_RETURN_IF_ERROR(calls_.CheckOpen());
  return CheckCancelled();
}

absl::Status Call::CheckAdmitted() const {
  GF_RETURN_IF_ERROR(caller_.refusal);
  GF_RETURN_IF_ERROR(CheckRole(*caller_.principal));
  GF_RETURN_IF_ERROR(CheckOpen());
  GF_RETURN_IF_ERROR(tenant_->CountRequest(std::chrono::steady_clock::now()));
  if (crowded_) {
    return WithRetryDelay(absl::ResourceExhaustedError(absl::StrCat(
                              "calls: ", calls_.max_calls_, " are running, which is the most")),
                          absl::Seconds(1));
  }
  // A quarter of the places is left to the others, where there may be others.
  const int64_t most = calls_.max_calls_ - calls_.max_calls_ / 4;
  if (!calls_.access_.asks() || tenant_->calls() <= most) return absl::OkStatus();
  return WithRetryDelay(
      absl::ResourceExhaustedError(absl::StrCat("calls of \"", tenant_->name(), "\": ", most,
                                                " are running, which is the most of one caller")),
      absl::Seconds(1));
}

absl::Status Call::CheckRole(const Principal& principal) const {
  const RoleSet wanted = RolesFor(method_);
  if (wanted.empty() || wanted.Intersects(principal.roles)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(method_, " is for the roles ", wanted.ToString(), "; \"", principal.name,
                   "\" has ", principal.roles.empty() ? "none" : principal.roles.ToString()));
}

absl::Status Call::CheckStillMay(absl::string_view dataset, const std::function<Caller()>& caller) {
  if (calls_.access_.StillHas(*checked_)) return absl::OkStatus();
  const Caller now = caller();
  GF_RETURN_IF_ERROR(now.refusal);
  checked_ = now.principal;
  GF_RETURN_IF_ERROR(CheckRole(*checked_));
  return dataset.empty() ? absl::OkStatus() : checked_->CheckDataset(dataset);
}

absl::Status Call::CheckCancelled() const {
  return *cancelled_ || (gone_ && gone_()) ? absl::CancelledError("cancelled by the client")
                                           : absl::OkStatus();
}

absl::Status Call::TakePlace(Admission& admission, Admission* share) {
  if (share != nullptr) {
    GF_ASSIGN_OR_RETURN(share_, share->Reserve(/*frame_bytes=*/0, /*frames=*/1));
  }
  GF_ASSIGN_OR_RETURN(place_, admission.Reserve(/*frame_bytes=*/0, /*frames=*/1));
  return absl::OkStatus();
}

void Call::End(const absl::Status& status) {
  place_.reset();
  share_.reset();
  status_ = status;
  CountRefusal();
  if (calls_.log_ != nullptr) AuditCall(*calls_.log_, method_, caller_, *record_, status_);
}

void Call::CountRefusal() const {
  using Failure = Metrics::AuthFailure;
  if (absl::IsUnauthenticated(status_)) calls_.metrics_.AuthFailed(caller_.shown);
  if (!absl::IsPermissionDenied(status_)) return;
  const RoleSet wanted = RolesFor(method_);
  const bool may_call = wanted.empty() || wanted.Intersects(checked_->roles);
  calls_.metrics_.AuthFailed(may_call ? Failure::kDataset : Failure::kRole);
}

}  // namespace graphfeed
