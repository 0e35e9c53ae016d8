#include "server/store_watch.h"

#include <string>
#include <utility>

#include "absl/time/time.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr int kIntervalsBetweenSweeps = 60;
constexpr int kIntervalsBetweenStats = 10;

}  // namespace

StoreWatch::StoreWatch(Catalog& catalog, std::function<absl::Status()> check,
                       std::function<void(const absl::Status&)> on_failure, EventLog* log)
    : catalog_(catalog),
      check_(std::move(check)),
      on_failure_(std::move(on_failure)),
      log_(log),
      thread_([this] { Run(); }) {}

StoreWatch::~StoreWatch() {
  stop_.Stop();
  thread_.join();
}

void StoreWatch::Run() {
  for (int interval = 1; !stop_.WaitFor(kInterval); ++interval) {
    absl::Status status = catalog_.Health();
    if (status.ok()) status = check_();
    if (!status.ok()) {
      on_failure_(status);
      return;
    }
    // What fails is tried again in the next round.
    Tell("store.keep_up_failed", catalog_.KeepUp());
    if (interval % kIntervalsBetweenSweeps == 0) Tell("store.sweep_failed", catalog_.Sweep());
    if (interval % kIntervalsBetweenStats == 0) TellOfBackgroundErrors();
  }
}

void StoreWatch::Tell(const char* event, const absl::Status& status) {
  if (status.ok() || log_ == nullptr) return;
  log_->WriteLimited(troubles_, LogLevel::kError, event,
                     {{"code", absl::StatusCodeToString(status.code())},
                      {"message", std::string(status.message())}});
}

void StoreWatch::TellOfBackgroundErrors() {
  if (log_ == nullptr) return;
  for (const StoreStats::Count& count : catalog_.stats().store.counts) {
    if (count.name != "background_errors_total" || count.value <= background_errors_) continue;
    background_errors_ = count.value;
    log_->Write(LogLevel::kError, "store.background_error",
                {{"errors", count.value},
                 {"message", "RocksDB refuses changes; its LOG in the data folder says why"}});
  }
}

}  // namespace graphfeed
