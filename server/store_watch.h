#ifndef GRAPHFEED_SERVER_STORE_WATCH_H_
#define GRAPHFEED_SERVER_STORE_WATCH_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/logging/event_log.h"
#include "server/logging/rate_limit.h"
#include "storage/base/stop_flag.h"
#include "storage/catalog.h"

namespace graphfeed {

// Looks every second whether the catalog's folder is still there or its cluster still answers and,
// in a store that servers share, what the others did, and now and then removes what has been set
// aside for long enough.
class StoreWatch {
 public:
  using OnStatus = std::function<void(const absl::Status&)>;

  // `on_failure` is called at most once, on the watch's thread, when nothing can be stored any
  // more, or `check` says what else is wrong; `on_reachable`, which may be null, whenever the store
  // has stopped answering or answers again. `log` is told of that, and of what fails and is tried
  // again. A sweep comes so long after the last one's end, and at least a second. `catalog` and
  // `log` outlive the watch.
  StoreWatch(Catalog& catalog, std::function<absl::Status()> check, OnStatus on_failure,
             EventLog* log = nullptr, OnStatus on_reachable = nullptr,
             absl::Duration sweep_every = absl::Minutes(1));
  ~StoreWatch();
  StoreWatch(const StoreWatch&) = delete;
  StoreWatch& operator=(const StoreWatch&) = delete;

 private:
  void Run();
  void RunSweeps();
  void LookWhetherReachable();
  void Tell(const char* event, const absl::Status& status, RateLimit& limit);
  // Errors after which RocksDB refuses changes: nobody else says so before somebody writes. And
  // when a cache on disk is filled no further.
  void TellOfBackgroundErrors();

  Catalog& catalog_;
  const std::function<absl::Status()> check_;
  const OnStatus on_failure_;
  const OnStatus on_reachable_;
  const absl::Duration sweep_every_;
  bool reachable_ = true;
  EventLog* const log_;
  RateLimit troubles_{/*burst=*/5, std::chrono::seconds(60)};        // that are told of
  RateLimit sweep_troubles_{/*burst=*/5, std::chrono::seconds(60)};  // likewise
  bool cache_fills_ = true;
  double background_errors_ = 0;  // that have been told of
  StopFlag stop_;
  std::atomic<bool> failed_{false};
  std::thread thread_;
  std::thread sweeps_;  // removing takes long at times, and who is silent is taken for dead
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_STORE_WATCH_H_
