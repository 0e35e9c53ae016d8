#ifndef GRAPHFEED_CLIENT_WORKER_WORKER_H_
#define GRAPHFEED_CLIENT_WORKER_WORKER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/worker/checkpoint.h"
#include "client/worker/executor.h"
#include "client/worker/pipeline.h"
#include "client/worker/predictions.h"
#include "client/worker/step_reporter.h"
#include "client/worker/worker_metrics.h"
#include "storage/base/mutex.h"

namespace graphfeed {

struct WorkerOptions {
  StreamOptions stream;     // where it begins and how long it is, the worker says
  bool seed_given = false;  // a checkpoint must have stream.seed; else the checkpoint's is taken
  bool trains = true;       // else the model is asked; its executor must do the same
  int64_t num_steps = 0;    // of the whole run, restarts included; 0: as many as the epochs have
  int64_t num_epochs = 0;   // likewise; 0: as many as the steps need
  std::map<std::string, std::string> fields;  // by input of the model: the batches' field
  size_t queue = 4;                           // frames ready between two stages

  std::string checkpoint_dir;  // empty: no checkpoints
  int64_t keep_checkpoints = 3;
  int64_t epochs_per_checkpoint = 1;  // and one at the end of the run
  int64_t steps_per_checkpoint = 0;   // besides those; 0: none
  // Checkpoints to begin with instead of the newest in checkpoint_dir: those of all shards of a run
  // that goes on with another number of them. They must stand at one position; weights are the
  // first one's. The newest in checkpoint_dir must be this shard's own, or at the start of an
  // epoch.
  std::vector<std::string> resume;

  std::string predictions_dir;  // inference only; empty: outputs are not kept
  int64_t max_resets = 3;       // of the device, without a checkpoint between them
};

// Pulls batches, runs a model on them step by step and keeps checkpoints of where it stands:
// exactly once, but for what was run after the last checkpoint when the process or the device
// failed, which is run again from the weights of that checkpoint. Run is called once.
class Worker {
 public:
  // All must outlive the worker.
  Worker(WorkerOptions options, Client& client, Executor& executor, WorkerMetrics& metrics,
         WorkerObserver& observer);

  // Runs to the end, or until Stop. The executor's errors that leave it unusable; the stream's; and
  // FAILED_PRECONDITION for batches or checkpoints that are not the model's.
  absl::Status Run();
  // From any thread: the step that runs is finished, a checkpoint written, and Run returns OK; or
  // CANCELLED if there were to be predictions.
  void Stop();

  const Totals& totals() const { return totals_; }  // after Run
  const Position& position() const { return position_; }
  bool stopped() const { return stop_; }

 private:
  absl::Status Prepare();
  absl::Status LoadModel();
  absl::Status Restore();
  absl::Status CheckCheckpoint(const Checkpoint& checkpoint, const std::string& where) const;
  // Whether a shard may go on from these, all of them checked by themselves.
  absl::Status CheckShards(const std::vector<Checkpoint>& checkpoints,
                           const std::vector<std::string>& names) const;
  // Steps from the position on, until the end, a stop or an error.
  absl::Status RunSteps();
  absl::Status RunPipeline(Pipeline& pipeline, StepReporter& reporter);
  absl::Status RunStep(const std::shared_ptr<const StagedStep>& step, Pipeline& pipeline,
                       StepReporter& reporter);
  absl::StatusOr<StepResult> Execute(const StagedStep& step, const StagedStep* next);
  absl::Status SaveCheckpoint();
  bool Done() const;
  absl::StatusOr<std::unique_ptr<BatchStream>> OpenStream();

  const WorkerOptions options_;
  Client& client_;
  Executor& executor_;
  WorkerMetrics& metrics_;
  WorkerObserver& observer_;
  std::unique_ptr<CheckpointFolder> folder_;
  std::optional<Predictions> predictions_;

  Position position_;
  Totals totals_;
  std::optional<Checkpoint> last_;  // what a reset goes back to
  std::optional<StreamInfo> info_;
  int64_t resets_ = 0;  // since the last checkpoint

  std::atomic<bool> stop_ = false;
  Mutex mu_;
  Pipeline* pipeline_ ABSL_GUARDED_BY(mu_) = nullptr;  // that runs now
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_WORKER_H_
