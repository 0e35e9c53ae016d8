#ifndef GRAPHFEED_CLIENT_WORKER_STEP_REPORTER_H_
#define GRAPHFEED_CLIENT_WORKER_STEP_REPORTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "client/worker/bounded_queue.h"
#include "client/worker/executor.h"
#include "client/worker/pipeline.h"
#include "client/worker/predictions.h"
#include "client/worker/stage_clock.h"
#include "client/worker/worker_metrics.h"

namespace graphfeed {

// What a worker tells while it runs, from one thread at a time.
class WorkerObserver {
 public:
  struct Epoch {
    int64_t epoch = 0;
    int64_t steps = 0;  // of it, that this process has run since it began or began again
    int64_t samples = 0;
    double seconds = 0;
    std::optional<double> mean_loss;
    double data_stall_share = 0;  // of `seconds`
  };
  virtual ~WorkerObserver() = default;
  // `steps` were done before, over all restarts.
  virtual void Started(const StreamInfo& /*info*/, const Position& /*position*/,
                       int64_t /*steps*/) {}
  // `step` counts from 1, over all restarts.
  virtual void StepDone(int64_t /*step*/, const FrameInfo& /*frame*/,
                        std::optional<double> /*loss*/) {}
  virtual void EpochDone(const Epoch& /*epoch*/) {}
  virtual void Warned(const std::string& /*what*/) {}
};

// The last stage of a worker: counts what a step has consumed, keeps what the model said, tells the
// observer. On a thread of its own, at most `queue` steps behind.
class StepReporter {
 public:
  struct Step {
    std::shared_ptr<const StagedStep> staged;  // shared with who ran it
    StepResult result;
    double seconds = 0;  // on the executor
    int64_t number = 0;  // of the step
  };

  // `predictions` may be null. All must outlive the reporter.
  StepReporter(size_t queue, WorkerMetrics& metrics, WorkerObserver& observer,
               Predictions* predictions);
  ~StepReporter();
  StepReporter(const StepReporter&) = delete;
  StepReporter& operator=(const StepReporter&) = delete;

  // Waits for room. False once a step could not be reported: Finish says why.
  bool Push(Step step);
  // Waits until all steps are reported.
  absl::Status Finish();

 private:
  void Run();
  absl::Status Report(const Step& step);

  WorkerMetrics& metrics_;
  WorkerObserver& observer_;
  Predictions* const predictions_;
  BoundedQueue<std::shared_ptr<const Step>> queue_;  // shared with nobody
  absl::Status status_;                              // the thread's, until it is joined
  WorkerObserver::Epoch epoch_;
  bool warned_ = false;  // of a loss that is not finite
  double loss_sum_ = 0;
  int64_t num_losses_ = 0;
  const StageClock since_start_;
  double epoch_start_ = 0;
  double stall_before_ = 0;
  std::thread thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_STEP_REPORTER_H_
