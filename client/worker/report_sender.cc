#include "client/worker/report_sender.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace graphfeed {

ReportSender::ReportSender(Options options, const WorkerMetrics& metrics)
    : options_(std::move(options)), metrics_(metrics), thread_([this] { Run(); }) {}

ReportSender::~ReportSender() {
  stop_.Notify();
  thread_.join();
}

void ReportSender::Run() {
  do {
    Send(/*finished=*/false);
  } while (!stop_.WaitForNotificationWithTimeout(options_.interval));
  Send(/*finished=*/true);
}

void ReportSender::Send(bool finished) {
  WorkerReport report = metrics_.Report();
  report.sequence = ++sequence_;
  report.interval_ms = absl::ToInt64Milliseconds(options_.interval);
  report.finished = finished;
  const absl::Status status = options_.send(report);
  if (!status.ok() && !failing_) {
    options_.warn(
        absl::StrCat("the server does not take this worker's reports: ", status.message()));
  }
  failing_ = !status.ok();
}

}  // namespace graphfeed
