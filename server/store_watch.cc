#include "server/store_watch.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr int kIntervalsBetweenStats = 10;

}  // namespace

StoreWatch::StoreWatch(Catalog& catalog, std::function<absl::Status()> check, OnStatus on_failure,
                       EventLog* log, OnStatus on_reachable, absl::Duration sweep_every)
    : catalog_(catalog),
      check_(std::move(check)),
      on_failure_(std::move(on_failure)),
      on_reachable_(std::move(on_reachable)),
      sweep_every_(std::max(kInterval, sweep_every)),
      log_(log),
      thread_([this] { Run(); }),
      sweeps_([this] { RunSweeps(); }) {}

StoreWatch::~StoreWatch() {
  stop_.Stop();
  thread_.join();
  sweeps_.join();
}

void StoreWatch::Run() {
  for (int interval = 1; !stop_.WaitFor(kInterval); ++interval) {
    absl::Status status = catalog_.Health();
    if (status.ok()) status = check_();
    if (!status.ok()) {
      failed_ = true;
      on_failure_(status);
      return;
    }
    LookWhetherReachable();
    // What fails is tried again in the next round.
    Tell("store.keep_up_failed", catalog_.KeepUp(), troubles_);
    if (interval % kIntervalsBetweenStats == 0) TellOfBackgroundErrors();
  }
}

void StoreWatch::RunSweeps() {
  const WorkScope scope(stop_.token());  // a long one does not hold up the end
  while (!stop_.WaitFor(sweep_every_) && !failed_) {
    const absl::Status status = catalog_.Sweep();
    if (!stop_.stopped()) Tell("store.sweep_failed", status, sweep_troubles_);
  }
}

void StoreWatch::LookWhetherReachable() {
  const absl::Status status = catalog_.Reachable();
  if (status.ok() == reachable_) return;
  reachable_ = status.ok();
  if (on_reachable_) on_reachable_(status);
  if (log_ == nullptr) return;
  if (status.ok()) {
    log_->Write(LogLevel::kWarn, "store.answers", {});
  } else {
    log_->Write(LogLevel::kError, "store.lost", {{"message", std::string(status.message())}});
  }
}

void StoreWatch::Tell(const char* event, const absl::Status& status, RateLimit& limit) {
  if (status.ok() || log_ == nullptr) return;
  log_->WriteLimited(limit, LogLevel::kError, event,
                     {{"code", absl::StatusCodeToString(status.code())},
                      {"message", std::string(status.message())}});
}

void StoreWatch::TellOfBackgroundErrors() {
  if (log_ == nullptr) return;
  const StoreStats stats = catalog_.stats().store;
  if (stats.disk_cache.has_value() && stats.disk_cache->filling != cache_fills_) {
    cache_fills_ = stats.disk_cache->filling;
    if (cache_fills_) {
      log_->Write(LogLevel::kWarn, "cache.fills", {});
    } else {
      log_->Write(LogLevel::kError, "cache.stopped", {{"message", stats.disk_cache->why}});
    }
  }
  for (const StoreStats::Count& count : stats.counts) {
    if (count.name != "background_errors_total" || count.value <= background_errors_) continue;
    background_errors_ = count.value;
    log_->Write(LogLevel::kError, "store.background_error",
                {{"errors", count.value},
                 {"message", "RocksDB refuses changes; its LOG in the data folder says why"}});
  }
}

}  // namespace graphfeed
