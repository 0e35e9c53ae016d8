#include "server/store_watch.h"

#include <utility>

#include "absl/time/time.h"

namespace graphfeed {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr int kIntervalsBetweenSweeps = 60;

}  // namespace

StoreWatch::StoreWatch(Catalog& catalog, std::function<absl::Status()> check,
                       std::function<void(const absl::Status&)> on_failure)
    : catalog_(catalog),
      check_(std::move(check)),
      on_failure_(std::move(on_failure)),
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
    (void)catalog_.KeepUp();  // what fails is tried again in the next round
    if (interval % kIntervalsBetweenSweeps == 0) (void)catalog_.Sweep();
  }
}

}  // namespace graphfeed
