#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_WATCHDOG_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_WATCHDOG_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace graphfeed {

// Runs `work` on a thread of its own and gives what it returns. If that takes longer than `limit`:
// calls `stop` on another thread, waits up to `grace` for `work` to end, and returns an error of
// class "hang" (popef_executor.h). Threads that have not ended then are left behind, so both
// functions own what they use. `ended` says whether `work` has.
absl::Status RunWithDeadline(std::function<absl::Status()> work, std::function<void()> stop,
                             absl::Duration limit, absl::Duration grace, bool* ended);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_WATCHDOG_H_
