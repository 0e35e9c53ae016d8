#include "client/worker/popef_watchdog.h"

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/worker/executor.h"

namespace graphfeed {
namespace {

// Shared by the caller and the thread, which may outlive the call.
struct WatchedRun {
  std::mutex mutex;  // with a deadline, which storage/base/mutex.h has not
  std::condition_variable changed;
  bool done = false;
  absl::Status result;
};

bool WaitUntilDone(WatchedRun& run, absl::Duration limit) {
  std::unique_lock<std::mutex> lock(run.mutex);
  return run.changed.wait_for(lock, absl::ToChronoNanoseconds(limit), [&run] { return run.done; });
}

}  // namespace

absl::Status RunWithDeadline(std::function<absl::Status()> work, std::function<void()> stop,
                             absl::Duration limit, absl::Duration grace, bool* ended) {
  const auto run = std::make_shared<WatchedRun>();
  std::thread thread([run, work = std::move(work)] {
    absl::Status result = work();
    const std::lock_guard<std::mutex> lock(run->mutex);
    run->result = std::move(result);
    run->done = true;
    run->changed.notify_all();
  });
  *ended = true;
  if (WaitUntilDone(*run, limit)) {
    thread.join();
    return run->result;
  }
  std::thread([stop = std::move(stop)] { stop(); }).detach();
  *ended = WaitUntilDone(*run, grace);
  if (*ended) {
    thread.join();
  } else {
    thread.detach();
  }
  return ExecutorError(
      ErrorAction::kExit, "hang", absl::StatusCode::kDeadlineExceeded,
      absl::StrCat(
          "the device did not end its work within ", absl::FormatDuration(limit),
          *ended ? " and was stopped"
                 : absl::StrCat(" and could not be stopped within ", absl::FormatDuration(grace))));
}

}  // namespace graphfeed
