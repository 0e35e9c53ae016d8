#include "server/serving/worker_registry.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame/worker_fields.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using Clock = WorkerRegistry::Clock;

constexpr int kOverdueIntervals = 3;
// Reports closer than this say nothing of a rate.
constexpr Clock::duration kShortestMeasure = std::chrono::milliseconds(100);

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

template <typename Number>
bool Subtract(Number& value, Number before) {
  const bool grown = value >= before;
  value -= before;
  return grown;
}

template <typename Number>
bool Subtract(std::map<std::string, Number>& values, const std::map<std::string, Number>& before) {
  bool grown = true;
  for (const auto& [key, value] : before) grown = Subtract(values[key], value) && grown;
  return grown;
}

bool Subtract(std::vector<int64_t>& values, const std::vector<int64_t>& before) {
  bool grown = values.size() >= before.size();
  for (size_t i = 0; i < std::min(values.size(), before.size()); ++i) {
    grown = Subtract(values[i], before[i]) && grown;
  }
  return grown;
}

// `report` with what its counters have grown by since `before`; all that they are, if one has gone
// back.
WorkerReport Difference(const WorkerReport& report, const WorkerReport& before) {
  WorkerReport difference = report;
  bool grown = true;
  FieldsOf<WorkerReport>::VisitCounters([&](const char* /*name*/, auto member) {
    grown = Subtract(difference.*member, before.*member) && grown;
  });
  return grown ? difference : report;
}

}  // namespace

WorkerRegistry::WorkerRegistry(Options options) : options_(std::move(options)) {}

Clock::time_point WorkerRegistry::GoneAt(const Entry& entry) {
  if (entry.report.finished) return entry.received - Clock::duration(1);
  const Clock::duration due =
      kOverdueIntervals * std::chrono::milliseconds(entry.report.interval_ms);
  return entry.received + std::max(due, kOverdueAfter);
}

bool WorkerRegistry::IsForgotten(const Entry& entry, Clock::time_point now) const {
  return now - GoneAt(entry) > absl::ToChronoNanoseconds(options_.forget_after);
}

void WorkerRegistry::Measure(const WorkerReport& report, Clock::time_point now, Entry& entry) {
  const Clock::duration time = now - entry.measured;
  if (time < kShortestMeasure) return;
  entry.steps_per_second =
      static_cast<double>(std::max<int64_t>(report.steps - entry.measured_steps, 0)) /
      Seconds(time);
  entry.data_stall_share =
      std::clamp((report.data_stall_seconds - entry.measured_stall) / Seconds(time), 0.0, 1.0);
  entry.measured = now;
  entry.measured_steps = report.steps;
  entry.measured_stall = report.data_stall_seconds;
}

absl::Status WorkerRegistry::Report(WorkerReport report, std::optional<int64_t> last_taken,
                                    const std::string& principal) {
  GF_ASSIGN_OR_RETURN(const std::optional<WorkerReport> difference,
                      Take(std::move(report), last_taken, principal));
  if (difference.has_value() && options_.on_advance) options_.on_advance(*difference);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<WorkerReport>> WorkerRegistry::Take(WorkerReport report,
                                                                 std::optional<int64_t> last_taken,
                                                                 const std::string& principal) {
  MutexLock lock(&mu_);
  const Clock::time_point now = options_.clock();
  auto found = workers_.find(report.worker);
  if (found != workers_.end() && IsForgotten(found->second, now)) {
    workers_.erase(found);
    found = workers_.end();
  }
  if (found != workers_.end() && found->second.principal != principal &&
      !IsGone(found->second, now)) {
    return absl::PermissionDeniedError(
        absl::StrCat("worker: \"", report.worker, "\" is another caller's"));
  }
  if (found != workers_.end() && found->second.report.start_ms == report.start_ms) {
    Entry& entry = found->second;
    if (report.sequence <= entry.report.sequence) return std::nullopt;
    std::optional<WorkerReport> difference;
    if (!last_taken.has_value() || *last_taken <= entry.report.sequence) {
      difference = Difference(report, entry.report);
    }
    Measure(report, now, entry);
    entry.report = std::move(report);
    entry.principal = principal;
    entry.received = now;
    return difference;
  }
  if (found == workers_.end()) {
    GF_RETURN_IF_ERROR(MakeRoom(now));
  } else if (report.start_ms < found->second.report.start_ms && !IsGone(found->second, now)) {
    return std::nullopt;  // a late word of a process that this one has replaced
  }
  const bool first = last_taken.has_value() ? *last_taken == 0 : report.sequence == 1;
  Entry entry{.report = report, .principal = principal, .received = now};
  entry.measured = now;
  entry.measured_steps = report.steps;
  entry.measured_stall = report.data_stall_seconds;
  workers_.insert_or_assign(report.worker, std::move(entry));
  if (!first) return std::nullopt;
  return std::optional<WorkerReport>(std::move(report));
}

absl::Status WorkerRegistry::MakeRoom(Clock::time_point now) {
  const auto limit = static_cast<size_t>(options_.max_workers);
  if (workers_.size() < limit) return absl::OkStatus();
  Forget(now);
  if (workers_.size() < limit) return absl::OkStatus();
  auto oldest = workers_.end();
  for (auto entry = workers_.begin(); entry != workers_.end(); ++entry) {
    if (!IsGone(entry->second, now)) continue;
    if (oldest == workers_.end() || entry->second.received < oldest->second.received) {
      oldest = entry;
    }
  }
  if (oldest == workers_.end()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(workers_.size(), " workers report already; --max-workers is ", limit));
  }
  workers_.erase(oldest);
  return absl::OkStatus();
}

void WorkerRegistry::Forget(Clock::time_point now) {
  std::erase_if(workers_, [&](const auto& worker) { return IsForgotten(worker.second, now); });
}

std::vector<WorkerStatus> WorkerRegistry::List(absl::string_view after, size_t max_count) {
  std::vector<WorkerStatus> statuses;
  MutexLock lock(&mu_);
  const Clock::time_point now = options_.clock();
  Forget(now);
  for (auto next = workers_.upper_bound(after);
       next != workers_.end() && statuses.size() < max_count; ++next) {
    const Entry& entry = next->second;
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - entry.received);
    statuses.push_back({.report = entry.report,
                        .age_ms = age.count(),
                        .gone = IsGone(entry, now),
                        .steps_per_second = entry.steps_per_second,
                        .data_stall_share = entry.data_stall_share});
  }
  return statuses;
}

WorkerRegistry::Count WorkerRegistry::Size() {
  MutexLock lock(&mu_);
  const Clock::time_point now = options_.clock();
  Forget(now);
  Count count;
  for (const auto& [name, entry] : workers_) ++(IsGone(entry, now) ? count.gone : count.alive);
  return count;
}

}  // namespace graphfeed
