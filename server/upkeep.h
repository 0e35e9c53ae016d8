#ifndef GRAPHFEED_SERVER_UPKEEP_H_
#define GRAPHFEED_SERVER_UPKEEP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/config.h"
#include "server/logging/event_log.h"
#include "server/metrics/metrics.h"
#include "server/serving/retention.h"
#include "server/serving/write_rules.h"
#include "storage/base/mutex.h"
#include "storage/base/stop_flag.h"
#include "storage/catalog.h"

namespace graphfeed {

// What a server does for its data by itself, on a thread of its own if the configuration asks for
// any of it: it removes versions that are no longer kept and nobody uses, and makes snapshots at
// intervals, of which it keeps the newest. What it does, and what fails (once for each change of
// state), is logged and counted. Thread-safe.
class Upkeep {
 public:
  // Drops what is cached of a version, which may keep it open, as soon as nobody uses that.
  using Forget = std::function<void(const Fingerprint&)>;

  // `config`, `catalog` and `rules` outlive it.
  // `log` may be null.
  Upkeep(const ServerConfig& config, Catalog& catalog, const WriteRules& rules, Forget forget,
         EventLog* log = nullptr);
  ~Upkeep() { Stop(); }
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  // Breaks off a snapshot that is being made, and joins. What is counted stays.
  void Stop();

  std::vector<Metrics::Reading> Readings() const;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  void RemoveVersions();
  void KeepSnapshots();
  bool SnapshotIsDue(absl::Time now, Clock::time_point steady) const;
  absl::Status MakeScheduledSnapshot(absl::Time now);
  void Tell(LogLevel level, absl::string_view event, const std::string& message) const;
  void Audit(const AuditEntry& entry) const;

  const ServerConfig& config_;
  Catalog& catalog_;
  const WriteRules& rules_;
  const Forget forget_;
  EventLog* const log_;
  const RetentionOptions retention_;
  const bool snapshots_;
  StopFlag stop_;

  // The thread's own.
  ClockGuard clock_;
  // When what is cached was dropped of versions that are in use and not to be kept.
  std::map<Fingerprint, Clock::time_point> forgotten_;
  absl::Status last_removal_;
  absl::Status last_attempt_;    // at a snapshot
  Clock::time_point attempted_;  // the last one
  bool attempted_once_ = false;

  mutable Mutex mu_;
  absl::Time last_snapshot_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  int64_t snapshots_made_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t snapshots_failed_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t versions_removed_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_UPKEEP_H_
