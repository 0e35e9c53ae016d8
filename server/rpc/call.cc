#include "server/rpc/call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "server/rpc/message_bytes.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::Status Draining() {
  return absl::UnavailableError("the server is shutting down; go on at another replica");
}

}  // namespace

absl::Status Calls::CheckOpen() const {
  absl::MutexLock lock(&mu_);
  return draining_ ? Draining() : absl::OkStatus();
}

void Calls::AddStream(const std::shared_ptr<FrameStream>& stream) {
  bool draining;
  {
    absl::MutexLock lock(&mu_);
    streams_.insert(stream);
    draining = draining_;
  }
  if (draining) stream->Stop(Draining());
}

void Calls::RemoveStream(const std::shared_ptr<FrameStream>& stream) {
  absl::MutexLock lock(&mu_);
  streams_.erase(stream);
}

void Calls::Drain() {
  std::set<std::shared_ptr<FrameStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
    streams = streams_;
  }
  for (const std::shared_ptr<FrameStream>& stream : streams) stream->Stop(Draining());
}

bool Calls::WaitUntilIdle(absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithDeadline(absl::Condition(
                                   +[](int64_t* running) { return *running == 0; }, &running_),
                               deadline);
}

Call::Call(Calls& calls, const grpc::CallbackServerContext& context, const char* method,
           bool crowded)
    : calls_(calls),
      context_(context),
      method_(method),
      start_(std::chrono::steady_clock::now()),
      crowded_(crowded) {}

std::unique_ptr<Call> Call::Admit(Calls& calls, const grpc::CallbackServerContext& context,
                                  const char* method) {
  bool crowded;
  {
    absl::MutexLock lock(&calls.mu_);
    crowded = ++calls.running_ > calls.max_calls_;
  }
  return std::unique_ptr<Call>(new Call(calls, context, method, crowded));
}

Call::~Call() {
  calls_.metrics_.RpcDone(method_, code_, std::chrono::steady_clock::now() - start_);
  absl::MutexLock lock(&calls_.mu_);
  --calls_.running_;
}

absl::Status Call::CheckOpen() const {
  GF_RETURN_IF_ERROR(calls_.CheckOpen());
  return CheckCancelled();
}

absl::Status Call::CheckCancelled() const {
  return *cancelled_ || context_.IsCancelled() ? absl::CancelledError("cancelled by the client")
                                               : absl::OkStatus();
}

absl::Status Call::TakePlace(Admission& admission) {
  GF_ASSIGN_OR_RETURN(place_, admission.Reserve(/*frame_bytes=*/0, /*frames=*/1));
  return absl::OkStatus();
}

void Call::End(const absl::Status& status) {
  place_.reset();
  code_ = status.code();
}

absl::StatusOr<std::shared_ptr<RequestBytes>> RequestBytes::Admit(const Call& call,
                                                                  const grpc::ByteBuffer& bytes) {
  call.Received(bytes.Length());
  GF_RETURN_IF_ERROR(call.CheckOpen());
  if (call.crowded_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("calls: ", call.calls_.max_calls_, " are running, which is the most"));
  }
  const auto size = static_cast<int64_t>(bytes.Length());
  if (size > wire::kMaxRequestBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the request has ", size, " bytes; at most ", wire::kMaxRequestBytes));
  }
  std::shared_ptr<RequestBytes> request(new RequestBytes(call.calls_.requests_, bytes));
  GF_RETURN_IF_ERROR(request->Charge(size));
  return request;
}

absl::Status RequestBytes::Parse(google::protobuf::Message& message) {
  GF_ASSIGN_OR_RETURN(const int64_t size, CountMessage(bytes_, *message.GetDescriptor()));
  GF_RETURN_IF_ERROR(Charge(size));
  return ParseMessage(bytes_, message);
}

absl::Status RequestBytes::Charge(int64_t bytes) {
  // Large requests leave room for small ones.
  constexpr int64_t kSmallBytes = 64 << 10;
  const int64_t leave_bytes = bytes <= kSmallBytes ? 0 : memory_.capacity_bytes() / 4;
  GF_ASSIGN_OR_RETURN(places_.emplace_back(),
                      memory_.ReserveShared("the request", bytes, leave_bytes));
  return absl::OkStatus();
}

}  // namespace graphfeed
