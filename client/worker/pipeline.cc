#include "client/worker/pipeline.h"

#include <optional>
#include <utility>

#include "client/worker/stage_clock.h"

namespace graphfeed {
Pipeline::Pipeline(Source source, Stager stager, size_t queue, WorkerMetrics& metrics)
    : source_(std::move(source)),
      stager_(std::move(stager)),
      metrics_(metrics),
      received_(queue),
      staged_(queue),
      receiver_([this] { Receive(); }),
      stager_thread_([this] { Stage(); }) {}

Pipeline::~Pipeline() {
  source_.stream->Cancel();
  received_.Abandon();
  staged_.Abandon();
  receiver_.join();
  stager_thread_.join();
}

void Pipeline::Stop() {
  source_.stream->Cancel();
  received_.Close();
  staged_.Close();
}

// An epoch's frames of this shard are known when its first one comes.
void Pipeline::Receive() {
  int64_t epoch = -1;
  int64_t start_ordinal = 0;
  int64_t shard_frames = 0;
  int64_t taken = 0;
  while (true) {
    const StageClock clock;
    absl::StatusOr<std::optional<Batch>> batch = source_.stream->Next();
    if (!batch.ok()) {
      received_.Push(batch.status());
      break;
    }
    if (!batch->has_value()) break;
    if ((*batch)->info().epoch != epoch) {
      const absl::StatusOr<EpochInfo> info = source_.stream->epoch();
      if (!info.ok()) {
        received_.Push(info.status());
        break;
      }
      epoch = (*batch)->info().epoch;
      start_ordinal = epoch == source_.start.epoch ? source_.start.ordinal : 0;
      shard_frames = info->plan.shard_frames;
      taken = 0;
    }
    ++taken;
    auto received =
        std::make_shared<Received>(Received{**std::move(batch),
                                            {epoch, start_ordinal + taken * source_.num_shards},
                                            taken == shard_frames});
    if (received->ends_epoch) received->after = {epoch + 1, 0};
    metrics_.StageDone(WorkerStage::kReceive, clock.seconds());
    if (!received_.Push(std::move(received))) break;
  }
  received_.Close();
}

void Pipeline::Stage() {
  while (auto received = received_.Pop()) {
    if (!received->ok()) {
      staged_.Push(received->status());
      break;
    }
    const StageClock clock;
    Received& frame = ***received;
    absl::StatusOr<StepInputs> inputs = stager_.Stage(frame.batch);
    if (!inputs.ok()) {
      staged_.Push(inputs.status());
      break;
    }
    metrics_.StageDone(WorkerStage::kStage, clock.seconds());
    auto step = std::make_shared<const StagedStep>(
        StagedStep{*std::move(inputs), std::move(frame.batch), frame.after, frame.ends_epoch});
    const StageClock waiting;
    if (!staged_.Push(absl::StatusOr<Step>(std::move(step)))) break;
    metrics_.Stalled(/*for_data=*/false, waiting.seconds());
  }
  received_.Abandon();
  staged_.Close();
}

absl::StatusOr<std::shared_ptr<const StagedStep>> Pipeline::Next() {
  const StageClock clock;
  std::optional<absl::StatusOr<Step>> step = staged_.Pop();
  metrics_.Stalled(/*for_data=*/true, clock.seconds());
  if (!step.has_value()) return Step();
  return *std::move(step);
}

std::shared_ptr<const StagedStep> Pipeline::Peek() {
  const std::optional<absl::StatusOr<Step>> step = staged_.Peek();
  return step.has_value() && step->ok() ? **step : Step();
}

}  // namespace graphfeed
