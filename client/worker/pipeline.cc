#include "client/worker/pipeline.h"

#include <optional>
#include <utility>

#include "client/worker/stage_clock.h"
#include "storage/base/status_macros.h"

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
  const auto next = [&]() -> absl::StatusOr<std::optional<Received>> {
    GF_ASSIGN_OR_RETURN(std::optional<Batch> batch, source_.stream->Next());
    if (!batch.has_value()) return std::nullopt;
    if (batch->info().epoch != epoch) {
      GF_ASSIGN_OR_RETURN(const EpochInfo info, source_.stream->epoch());
      epoch = batch->info().epoch;
      start_ordinal = epoch == source_.start.epoch ? source_.start.ordinal : 0;
      shard_frames = info.plan.shard_frames;
      taken = 0;
    }
    ++taken;
    Position after = {epoch, start_ordinal + taken * source_.num_shards};
    if (taken == shard_frames) after = {epoch + 1, 0};
    return Received{absl::OkStatus(), std::move(batch), after, taken == shard_frames};
  };
  bool more = true;
  while (more) {
    const StageClock clock;
    absl::StatusOr<std::optional<Received>> received = next();
    more = received.ok() && received->has_value();
    if (more) {
      metrics_.StageDone(WorkerStage::kReceive, clock.seconds());
      more = received_.Push(**std::move(received));
    } else if (!received.ok()) {
      (void)received_.Push({received.status(), std::nullopt, {}, false});
    }
  }
  received_.Close();
}

void Pipeline::Stage() {
  bool more = true;
  while (more) {
    std::optional<Received> received = received_.Pop();
    if (!received.has_value()) break;
    const StageClock clock;
    Staged staged{received->status, nullptr};
    if (staged.status.ok()) {
      absl::StatusOr<StepInputs> inputs = stager_.Stage(*received->batch);
      staged.status = inputs.status();
      if (inputs.ok()) {
        staged.step = std::make_shared<const StagedStep>(
            StagedStep{*std::move(inputs), *std::move(received->batch), received->after,
                       received->ends_epoch});
        metrics_.StageDone(WorkerStage::kStage, clock.seconds());
      }
    }
    more = staged.status.ok();
    const StageClock waiting;
    more = staged_.Push(std::move(staged)) && more;
    if (more) metrics_.Stalled(/*for_data=*/false, waiting.seconds());
  }
  received_.Abandon();
  staged_.Close();
}

absl::StatusOr<std::shared_ptr<const StagedStep>> Pipeline::Next() {
  const StageClock clock;
  std::optional<Staged> staged = staged_.Pop();
  metrics_.Stalled(/*for_data=*/true, clock.seconds());
  if (!staged.has_value()) return std::shared_ptr<const StagedStep>();
  GF_RETURN_IF_ERROR(staged->status);
  return std::move(staged->step);
}

std::shared_ptr<const StagedStep> Pipeline::Peek() {
  const std::optional<Staged> staged = staged_.Peek();
  return staged.has_value() ? staged->step : nullptr;
}

}  // namespace graphfeed
