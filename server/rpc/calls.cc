#include "server/rpc/calls.h"

namespace graphfeed {
namespace {

absl::Status Draining() {
  return absl::UnavailableError("the server is shutting down; go on at another replica");
}

}  // namespace

Calls::Scope::Scope(Calls& calls, const char* method)
    : calls_(calls), method_(method), start_(std::chrono::steady_clock::now()) {
  absl::MutexLock lock(&calls_.mu_);
  ++calls_.running_;
}

Calls::Scope::~Scope() {
  calls_.metrics_.RpcDone(method_, code_, std::chrono::steady_clock::now() - start_);
  absl::MutexLock lock(&calls_.mu_);
  --calls_.running_;
}

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

}  // namespace graphfeed
