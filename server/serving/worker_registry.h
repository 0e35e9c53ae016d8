#ifndef GRAPHFEED_SERVER_SERVING_WORKER_REGISTRY_H_
#define GRAPHFEED_SERVER_SERVING_WORKER_REGISTRY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/frame/worker_report.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// The last report of each worker, and what it adds to the server's totals. A worker of whom nothing
// has come for three intervals, and at least kOverdueAfter, or whose last report it was, is gone;
// some time later it is forgotten. Thread-safe.
class WorkerRegistry {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr Clock::duration kOverdueAfter = std::chrono::seconds(10);

  struct Options {
    int64_t max_workers = 10000;
    absl::Duration forget_after = absl::Minutes(10);  // since it is gone
    // Told what a report adds to the one before it: a report whose counters are differences. Under
    // no lock; may be empty.
    std::function<void(const WorkerReport& difference)> on_advance = nullptr;
    std::function<Clock::time_point()> clock = Clock::now;
  };

  struct Count {
    int64_t alive = 0;
    int64_t gone = 0;
  };

  explicit WorkerRegistry(Options options);

  // Takes a report. What is older than the one that is there, or the same, changes nothing.
  //
  // Differences are to the last report of the same worker and start; a counter that went back
  // counts anew from 0. A first report counts whole if none was taken before it: `last_taken` is 0,
  // or not told and the sequence 1. Where another server has taken one since (`last_taken` is not
  // here), nothing is counted but what comes next: sums over servers count nothing twice.
  //
  // RESOURCE_EXHAUSTED for a new worker when there are max_workers that are not gone.
  // PERMISSION_DENIED while another `principal` reports as this worker.
  absl::Status Report(WorkerReport report, std::optional<int64_t> last_taken,
                      const std::string& principal = "");

  // Up to `max_count` of those behind `after`, by name.
  std::vector<WorkerStatus> List(absl::string_view after, size_t max_count);
  Count Size();

 private:
  struct Entry {
    WorkerReport report;
    std::string principal;  // who reports
    Clock::time_point received = {};
    // Between the last two reports that are far enough apart.
    double steps_per_second = 0;
    double data_stall_share = 0;
    // Where the next rates are measured from.
    Clock::time_point measured = {};
    int64_t measured_steps = 0;
    double measured_stall = 0;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  static Clock::time_point GoneAt(const Entry& entry);
  static bool IsGone(const Entry& entry, Clock::time_point now) { return now > GoneAt(entry); }
  bool IsForgotten(const Entry& entry, Clock::time_point now) const;
  static void Measure(const WorkerReport& report, Clock::time_point now, Entry& entry);
  // What is to be counted, if anything is.
  absl::StatusOr<std::optional<WorkerReport>> Take(WorkerReport report,
                                                   std::optional<int64_t> last_taken,
                                                   const std::string& principal);
  absl::Status MakeRoom(Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Forget(Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  Mutex mu_;
  Entries workers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_WORKER_REGISTRY_H_
