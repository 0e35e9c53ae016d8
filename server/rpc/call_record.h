#ifndef GRAPHFEED_SERVER_RPC_CALL_RECORD_H_
#define GRAPHFEED_SERVER_RPC_CALL_RECORD_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/metrics/metrics.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// What is known of a call beside its status: for the line at its end, and for what its tenant and
// its dataset take. Shared by the call and work that may outlive it. Thread-safe; counting takes no
// lock and allocates nothing.
class CallRecord {
 public:
  CallRecord(Metrics& metrics, absl::string_view tenant)
      : metrics_(metrics), tenant_(metrics.tenants().Of(tenant)) {}

  // It is a StreamBatches call. Before its work begins.
  void IsStream();
  // What was asked for, "name" or "name@version", whether or not there is one.
  void AskedFor(absl::string_view dataset);
  // What it has found, or made: "name@version", or "name" of a call that uses no version.
  void Uses(absl::string_view dataset);
  void Sent(int64_t bytes);
  void Received(int64_t bytes);
  void FrameSent();
  // The call has ended: what comes after it is not counted.
  void End(const absl::Status& status);

  bool is_stream() const { return is_stream_; }
  int64_t sent_bytes() const { return sent_bytes_; }
  int64_t received_bytes() const { return received_bytes_; }
  int64_t frames() const { return frames_; }
  std::string dataset() const;

 private:
  Metrics& metrics_;
  UsageCounters::Entry& tenant_;
  std::atomic<UsageCounters::Entry*> used_ = nullptr;  // of its dataset
  std::atomic<int64_t> sent_bytes_ = 0;
  std::atomic<int64_t> received_bytes_ = 0;
  std::atomic<int64_t> frames_ = 0;
  std::atomic<bool> is_stream_ = false;
  mutable Mutex mu_;
  std::string dataset_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALL_RECORD_H_
