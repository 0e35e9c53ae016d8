#ifndef GRAPHFEED_CLIENT_WORKER_RUN_WORKER_H_
#define GRAPHFEED_CLIENT_WORKER_RUN_WORKER_H_

#include <iosfwd>

#include "absl/status/status.h"
#include "client/worker/config.h"
#include "storage/base/stop_signal.h"

namespace graphfeed {

// The program: connects, loads the model, runs it to the end or until a signal, and tells on `out`
// how it goes. Warnings go to `err`.
absl::Status RunWorker(const WorkerConfig& config, StopSignal& stop, std::ostream& out,
                       std::ostream& err);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_RUN_WORKER_H_
