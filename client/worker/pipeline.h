#ifndef GRAPHFEED_CLIENT_WORKER_PIPELINE_H_
#define GRAPHFEED_CLIENT_WORKER_PIPELINE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/batch.h"
#include "client/cpp/stream.h"
#include "client/worker/bounded_queue.h"
#include "client/worker/executor.h"
#include "client/worker/stager.h"
#include "client/worker/totals.h"
#include "client/worker/worker_metrics.h"

namespace graphfeed {

// A frame that is ready to be run.
struct StagedStep {
  StepInputs inputs;
  Batch batch;
  Position after;  // where the run stands when it is done
  bool ends_epoch = false;
};

// The first two stages of a worker: one thread receives frames, another makes them what the model
// takes, at most `queue` frames ahead of each other. Steps come in the stream's order. Next and
// Peek are for one thread.
class Pipeline {
 public:
  // What the steps are taken from, and where it begins.
  struct Source {
    std::unique_ptr<BatchStream> stream;
    Position start;
    int64_t num_shards = 1;
  };

  // `metrics` must outlive the pipeline.
  Pipeline(Source source, Stager stager, size_t queue, WorkerMetrics& metrics);
  ~Pipeline();  // cancels the stream; steps that were not taken are handed back
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  // Waits for the next step; null at the end of the stream, an error of the stream or of staging.
  absl::StatusOr<std::shared_ptr<const StagedStep>> Next();
  // What Next will return, if it is staged already; else null.
  std::shared_ptr<const StagedStep> Peek();
  // Ends Next's waiting, from any thread: what has been staged is still returned.
  void Stop();

 private:
  struct Received {
    absl::Status status;  // of the stream; the last one if not OK
    std::optional<Batch> batch;
    Position after;
    bool ends_epoch = false;
  };
  struct Staged {
    absl::Status status;
    std::shared_ptr<const StagedStep> step;  // shared with who runs it
  };

  void Receive();
  void Stage();

  Source source_;
  const Stager stager_;
  WorkerMetrics& metrics_;
  BoundedQueue<Received> received_;
  BoundedQueue<Staged> staged_;
  std::thread receiver_;
  std::thread stager_thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_PIPELINE_H_
