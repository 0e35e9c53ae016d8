#ifndef GRAPHFEED_SERVER_STORE_WATCH_H_
#define GRAPHFEED_SERVER_STORE_WATCH_H_

#include <chrono>
#include <functional>
#include <thread>

#include "absl/status/status.h"
#include "server/logging/event_log.h"
#include "server/logging/rate_limit.h"
#include "storage/base/stop_flag.h"
#include "storage/catalog.h"

namespace graphfeed {

// Looks every second whether the catalog's folder is still there and, in a store that servers
// share, what the others did, and now and then removes what has been set aside for long enough.
class StoreWatch {
 public:
  // `on_failure` is called at most once, on the watch's thread, when nothing can be stored any
  // more, or `check` says what else is wrong. `log` is told of what fails and is tried again.
  // `catalog` and `log` outlive the watch.
  StoreWatch(Catalog& catalog, std::function<absl::Status()> check,
             std::function<void(const absl::Status&)> on_failure, EventLog* log = nullptr);
  ~StoreWatch();
  StoreWatch(const StoreWatch&) = delete;
  StoreWatch& operator=(const StoreWatch&) = delete;

 private:
  void Run();
  void Tell(const char* event, const absl::Status& status);
  // Errors after which RocksDB refuses changes: nobody else says so before somebody writes.
  void TellOfBackgroundErrors();

  Catalog& catalog_;
  const std::function<absl::Status()> check_;
  const std::function<void(const absl::Status&)> on_failure_;
  EventLog* const log_;
  RateLimit troubles_{/*burst=*/5, std::chrono::seconds(60)};  // that are told of
  double background_errors_ = 0;                               // that have been told of
  StopFlag stop_;
  std::thread thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_STORE_WATCH_H_
