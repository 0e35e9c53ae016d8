#include "client/cpp/replicas/worker_calls.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/rpc/methods.h"
#include "client/cpp/rpc/requests.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/worker_messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kShortestAttempt = absl::Seconds(1);

// Whether `status` is the later word of its worker.
bool IsNewer(const WorkerStatus& status, const WorkerStatus& than) {
  return std::tie(status.report.start_ms, status.report.sequence) >
         std::tie(than.report.start_ms, than.report.sequence);
}

// A page of one replica, added to those of the others.
absl::Status AddPage(const v1::ListWorkersResponse& page, const std::string& after,
                     std::map<std::string, WorkerStatus>& workers) {
  std::string last = after;
  for (const v1::WorkerStatus& message : page.workers()) {
    GF_ASSIGN_OR_RETURN(WorkerStatus status, ReadAnswer(wire::FromProto(message)));
    if (status.report.worker <= last) {
      return absl::DataLossError(absl::StrCat("the server lists worker \"", status.report.worker,
                                              "\" behind \"", last, "\""));
    }
    last = status.report.worker;
    const auto [entry, added] = workers.try_emplace(last, status);
    if (!added && IsNewer(status, entry->second)) entry->second = std::move(status);
  }
  if (page.more() && last == after) {
    return absl::DataLossError("the server lists nothing, and says that there is more");
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<int64_t> WorkerCalls::LastTaken(const WorkerReport& report) {
  MutexLock lock(&mu_);
  const auto found = taken_.find(report.worker);
  if (found != taken_.end() && found->second.start_ms == report.start_ms) {
    return std::min(found->second.sequence, report.sequence);
  }
  // Others may have reported before this client did.
  if (report.sequence != 1) return std::nullopt;
  taken_[report.worker] = {.start_ms = report.start_ms};
  return 0;
}

void WorkerCalls::NoteTaken(const WorkerReport& report) {
  MutexLock lock(&mu_);
  if (report.finished) {
    taken_.erase(report.worker);
    return;
  }
  Taken& taken = taken_[report.worker];
  if (taken.start_ms != report.start_ms) taken = {.start_ms = report.start_ms};
  taken.sequence = std::max(taken.sequence, report.sequence);
}

absl::Status WorkerCalls::Report(const WorkerReport& report) {
  v1::ReportWorkerMetricsRequest request;
  *request.mutable_report() = wire::ToProto(report);
  // Also refused here what a server would refuse.
  GF_RETURN_IF_ERROR(wire::ParseRequest(request).status());
  if (const std::optional<int64_t> taken = LastTaken(report)) request.set_last_taken(*taken);
  v1::ReportWorkerMetricsResponse response;
  const absl::Duration due = std::max(absl::Milliseconds(report.interval_ms), kShortestAttempt);
  GF_RETURN_IF_ERROR(
      calls_.Ask(methods::kReportWorkerMetrics, request, std::min(timeout_, due), &response));
  NoteTaken(report);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<WorkerStatus>> WorkerCalls::List() {
  GF_ASSIGN_OR_RETURN(const bool several, calls_.Several());
  std::map<std::string, WorkerStatus> workers;
  v1::ListWorkersRequest request;
  for (;;) {
    v1::ListWorkersResponse page;
    absl::Status status;
    // All replicas have been asked up to the first that has more.
    std::optional<std::string> next;
    const auto add = [&] {
      status.Update(AddPage(page, request.after(), workers));
      if (!status.ok() || !page.more()) return false;
      const std::string& last = page.workers().rbegin()->report().worker();
      next = next.has_value() ? std::min(*next, last) : last;
      return false;
    };
    bool answered = false;
    if (several) {
      // None is preferred for its answer, which is what `false` says; then the status says nothing
      // but that it was interrupted.
      absl::Status asked = calls_.AskEach(methods::kListWorkers, request, timeout_, &page, [&] {
        answered = true;
        return add();
      });
      if (absl::IsCancelled(asked)) return asked;
    }
    if (!answered) {
      GF_RETURN_IF_ERROR(calls_.Ask(methods::kListWorkers, request, timeout_, &page));
      (void)add();
    }
    GF_RETURN_IF_ERROR(status);
    if (!next.has_value()) break;
    request.set_after(*next);
  }
  std::vector<WorkerStatus> result;
  result.reserve(workers.size());
  for (auto& [name, status] : workers) result.push_back(std::move(status));
  return result;
}

}  // namespace graphfeed
