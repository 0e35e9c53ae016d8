#ifndef GRAPHFEED_CLIENT_WORKER_REPORT_SENDER_H_
#define GRAPHFEED_CLIENT_WORKER_REPORT_SENDER_H_

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/worker/worker_metrics.h"
#include "proto/frame/worker_report.h"

namespace graphfeed {

// Sends what a worker has counted at an interval, and a last time when it leaves. A server that
// does not take a report holds nothing up: counters run on, so that the next one says it all.
class ReportSender {
 public:
  struct Options {
    absl::Duration interval = absl::Seconds(5);
    std::function<absl::Status(const WorkerReport&)> send;  // may block
    std::function<void(const std::string&)> warn;  // once for each time that reports stop to arrive
  };

  // `metrics` must outlive the sender.
  ReportSender(Options options, const WorkerMetrics& metrics);
  ~ReportSender();  // sends the last report
  ReportSender(const ReportSender&) = delete;
  ReportSender& operator=(const ReportSender&) = delete;

 private:
  void Run();
  void Send(bool finished);

  const Options options_;
  const WorkerMetrics& metrics_;
  int64_t sequence_ = 0;
  bool failing_ = false;
  absl::Notification stop_;
  std::thread thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_REPORT_SENDER_H_
