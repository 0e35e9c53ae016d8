#ifndef GRAPHFEED_SERVER_FOLLOW_FOLLOWER_H_
#define GRAPHFEED_SERVER_FOLLOW_FOLLOWER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/security.h"
#include "server/logging/event_log.h"
#include "server/metrics/metrics.h"
#include "server/serving/write_rules.h"
#include "storage/base/mutex.h"
#include "storage/base/stop_flag.h"
#include "storage/catalog.h"
#include "storage/sync.h"

namespace graphfeed {

struct FollowOptions {
  ClientSecurity security;
  // The server whose versions are copied, then those that stand in while it cannot be reached: what
  // they have is copied too, but nothing is deleted on their word.
  std::vector<std::string> sources;
  absl::Duration every = absl::Seconds(10);
  absl::Duration max_lag = absl::ZeroDuration();  // 0: however old, what is there is in sync
  bool deletes = true;                            // of versions that the source has deleted
};

// Makes a catalog hold what another server's does, again and again, on a thread of its own. A
// source that fails is asked less and less often, up to eight times `every` or, if that is less, a
// minute (but never more often than `every`), and is spoken of when its state changes.
// Thread-safe.
class Follower {
 public:
  // What the server learns of it, on the follower's thread.
  struct Hooks {
    std::function<void(const absl::Status& in_sync)> on_pass;  // what InSync says after one
  };

  // `catalog` and `rules` outlive it.
  // `log` may be null.
  Follower(FollowOptions options, Catalog& catalog, const WriteRules& rules, Hooks hooks,
           EventLog* log = nullptr);
  ~Follower() { Stop(); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Breaks off what is being copied, and joins. What is counted stays.
  void Stop();

  // OK after a complete pass, and as long as the last one is not older than max_lag. Otherwise
  // UNAVAILABLE, and why.
  absl::Status InSync() const;

  struct Counts {
    double lag_seconds = 0;   // since the last complete pass, or else the start, began
    double last_success = 0;  // when that pass ended; seconds since 1970, 0: there was none
    int64_t copied = 0;
    int64_t deleted = 0;
    int64_t failures = 0;  // passes
  };
  Counts counts() const;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  absl::Status Pass();
  absl::Status PassFrom(size_t source);
  void Note(const absl::Status& status, Clock::time_point began);
  void OnVersion(const SyncedVersion& version, const std::string& source);
  absl::Duration Pause();
  absl::Duration Lag() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const FollowOptions options_;
  Catalog& catalog_;
  const WriteRules& rules_;
  const Hooks hooks_;
  EventLog* const log_;
  StopFlag stop_;
  std::vector<std::unique_ptr<DatasetStore>> sources_;  // null: not asked yet
  absl::BitGen random_;
  size_t answers_ = 0;       // of sources: which one the last pass was over; of the thread alone,
  size_t in_sync_with_ = 0;  // and the last complete one

  mutable Mutex mu_;
  Clock::time_point fresh_ ABSL_GUARDED_BY(mu_) = Clock::now();
  bool complete_ ABSL_GUARDED_BY(mu_) = false;  // there was a complete pass
  absl::Time last_success_ ABSL_GUARDED_BY(mu_);
  absl::Status last_ ABSL_GUARDED_BY(mu_);  // of the last pass
  int failed_in_a_row_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t copied_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t deleted_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t failures_ ABSL_GUARDED_BY(mu_) = 0;
  std::thread thread_;  // last: it uses all of the above
};

// The families of metrics; null: of a server that follows none.
std::vector<Metrics::Reading> SyncReadings(const Follower* follower);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_FOLLOW_FOLLOWER_H_
