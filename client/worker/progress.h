#ifndef GRAPHFEED_CLIENT_WORKER_PROGRESS_H_
#define GRAPHFEED_CLIENT_WORKER_PROGRESS_H_

#include <cstdint>
#include <fstream>
#include <iosfwd>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "client/worker/config.h"
#include "client/worker/step_reporter.h"
#include "client/worker/worker.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Tells people, or with --json scripts, how a run goes, and writes its losses to files.
// Thread-safe.
class Progress final : public WorkerObserver {
 public:
  // The streams must outlive it.
  Progress(const WorkerConfig& config, std::ostream& out, std::ostream& err);

  // UNAVAILABLE if the --loss-log cannot be written.
  absl::Status OpenFiles();
  void Listening(const std::string& address);
  void Started(const StreamInfo& info, const Position& position, int64_t steps) override;
  void StepDone(int64_t step, const FrameInfo& frame, std::optional<double> loss) override;
  void EpochDone(const Epoch& epoch) override;
  void Warned(const std::string& what) override;
  // After the last step: `status` is how the run ended. UNAVAILABLE if a file could not be written.
  absl::Status Finish(const Worker& worker, const absl::Status& status);

 private:
  // Of the log before a restart, what was not done in vain stays.
  void GoOnWithLog(int64_t steps) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const WorkerConfig& config_;
  Mutex mu_;
  std::ostream& out_ ABSL_GUARDED_BY(mu_);
  std::ostream& err_ ABSL_GUARDED_BY(mu_);
  std::ofstream loss_log_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<int64_t, double>> losses_ ABSL_GUARDED_BY(mu_);  // for the picture
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_PROGRESS_H_
