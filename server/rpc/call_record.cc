#include "server/rpc/call_record.h"

namespace graphfeed {
namespace {

// Names are no longer than this and a version's digits; what is asked for may be.
constexpr size_t kMaxNameBytes = 300;

}  // namespace

void CallRecord::IsStream() {
  is_stream_ = true;
  tenant_.StreamsOpen(1);
}

void CallRecord::AskedFor(absl::string_view dataset) {
  MutexLock lock(&mu_);
  dataset_ = std::string(dataset.substr(0, kMaxNameBytes));
}

void CallRecord::Uses(absl::string_view dataset) {
  if (dataset.empty()) return;
  MutexLock lock(&mu_);
  if (ended_) return;
  dataset_ = std::string(dataset);
  if (used_ != nullptr) return;
  UsageCounters::Entry& used = metrics_.datasets().Of(dataset.substr(0, dataset.find('@')));
  if (is_stream_) used.StreamsOpen(1);
  used.Received(received_bytes_);
  used.Sent(sent_bytes_);
  used_ = &used;
}

void CallRecord::Sent(int64_t bytes) {
  sent_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  tenant_.Sent(bytes);
  if (UsageCounters::Entry* const used = used_) used->Sent(bytes);
}

void CallRecord::Received(int64_t bytes) {
  received_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  tenant_.Received(bytes);
  if (UsageCounters::Entry* const used = used_) used->Received(bytes);
}

void CallRecord::FrameSent() {
  frames_.fetch_add(1, std::memory_order_relaxed);
  tenant_.FrameSent();
  if (UsageCounters::Entry* const used = used_) used->FrameSent();
}

void CallRecord::End(const absl::Status& status) {
  const bool refused = absl::IsResourceExhausted(status) || absl::IsPermissionDenied(status) ||
                       absl::IsUnauthenticated(status);
  MutexLock lock(&mu_);
  ended_ = true;
  tenant_.CallDone(refused);
  if (is_stream_) tenant_.StreamsOpen(-1);
  UsageCounters::Entry* const used = used_;
  if (used == nullptr) return;
  used->CallDone(refused);
  if (is_stream_) used->StreamsOpen(-1);
}

std::string CallRecord::dataset() const {
  MutexLock lock(&mu_);
  return dataset_;
}

}  // namespace graphfeed
