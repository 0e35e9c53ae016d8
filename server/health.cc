#include "server/health.h"

#include "absl/strings/str_cat.h"
#include "server/rpc/service.h"

namespace graphfeed {

void Health::Serve(grpc::HealthCheckServiceInterface& service) {
  MutexLock lock(&mu_);
  service_ = &service;
  Tell();
}

void Health::Drain() {
  MutexLock lock(&mu_);
  draining_ = true;
  Tell();
}

void Health::Fail(const absl::Status& status) {
  MutexLock lock(&mu_);
  failure_.Update(status);
  Tell();
}

void Health::SetInSync(const absl::Status& status) {
  MutexLock lock(&mu_);
  const bool changed = in_sync_.ok() != status.ok();
  in_sync_ = status;
  if (changed) Tell();
}

void Health::SetReachable(const absl::Status& status) {
  MutexLock lock(&mu_);
  const bool changed = reachable_.ok() != status.ok();
  reachable_ = status;
  if (changed) Tell();
}

void Health::Tell() {
  if (service_ == nullptr) return;
  const bool ready = failure_.ok() && !draining_ && in_sync_.ok() && reachable_.ok();
  for (const char* name : {"", GraphFeedServiceName(), kReady}) {
    service_->SetServingStatus(name, ready);
  }
  service_->SetServingStatus(kLive, failure_.ok());
  service_->SetServingStatus(kInSync, failure_.ok() && in_sync_.ok());
}

bool Health::ready() const {
  MutexLock lock(&mu_);
  return service_ != nullptr && !draining_ && failure_.ok() && in_sync_.ok() && reachable_.ok();
}

HttpEndpoint::Pages Health::Pages() const {
  return {{"/healthz", [this] { return Live(); }}, {"/readyz", [this] { return Ready(); }}};
}

HttpAnswer Health::Live() const {
  MutexLock lock(&mu_);
  if (!failure_.ok()) return {503, absl::StrCat("failed: ", failure_.message(), "\n")};
  return {200, "alive\n"};
}

HttpAnswer Health::Ready() const {
  MutexLock lock(&mu_);
  if (!failure_.ok()) return {503, absl::StrCat("failed: ", failure_.message(), "\n")};
  if (draining_) return {503, "draining\n"};
  if (service_ == nullptr) return {503, "starting\n"};
  if (!reachable_.ok()) return {503, absl::StrCat(reachable_.message(), "\n")};
  if (!in_sync_.ok()) return {503, absl::StrCat(in_sync_.message(), "\n")};
  return {200, "ready\n"};
}

}  // namespace graphfeed
