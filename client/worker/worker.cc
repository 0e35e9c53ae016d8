#include "client/worker/worker.h"

#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/worker/binding.h"
#include "client/worker/stage_clock.h"
#include "client/worker/stager.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// An executor that asks for the same step again may do so this often.
constexpr int kMaxRetries = 5;

std::string PositionText(const Position& position) {
  return absl::StrCat("epoch ", position.epoch, ", ordinal ", position.ordinal);
}

}  // namespace

Worker::Worker(WorkerOptions options, Client& client, Executor& executor, WorkerMetrics& metrics,
               WorkerObserver& observer)
    : options_(std::move(options)),
      client_(client),
      executor_(executor),
      metrics_(metrics),
      observer_(observer) {}

void Worker::Stop() {
  stop_ = true;
  MutexLock lock(&mu_);
  if (pipeline_ != nullptr) pipeline_->Stop();
}

bool Worker::Done() const {
  return (options_.num_steps > 0 && totals_.steps >= options_.num_steps) ||
         (options_.num_epochs > 0 && position_.epoch >= options_.num_epochs);
}

absl::Status Worker::Run() {
  absl::Status status = Prepare();
  // A stop ends what waits for a server.
  const auto stopped = [this](const absl::Status& why) { return stop_ && absl::IsCancelled(why); };
  if (!status.ok()) return stopped(status) ? absl::OkStatus() : status;
  while (!stop_ && !Done()) {
    status = RunSteps();
    if (stopped(status)) status = absl::OkStatus();
    if (status.ok()) break;
    metrics_.LoseReadiness();
    if (ActionOf(status) != ErrorAction::kReset) break;
    if (++resets_ > options_.max_resets) {
      return absl::Status(status.code(), absl::StrCat(status.message(), " (after ", resets_ - 1,
                                                      " resets without a checkpoint)"));
    }
    observer_.Warned(absl::StrCat(status.message(),
                                  ": the device is reset, and the run goes on at ",
                                  PositionText(last_->position)));
    if (executor_.description().trains) {
      metrics_.BatchesHandedBack(totals_.batches - last_->totals.batches);
    }
    GF_RETURN_IF_ERROR(executor_.Reset());
    GF_RETURN_IF_ERROR(LoadModel());
    GF_RETURN_IF_ERROR(executor_.LoadState(last_->state));
    if (executor_.description().trains) {  // else no weights were lost: the step is run again
      position_ = last_->position;
      totals_ = last_->totals;
    }
  }
  // After an error of the device its weights may be anything; after others they are good.
  const bool executor_failed = !status.ok() && ErrorClassOf(status) != "other";
  if (!executor_failed && last_->totals.steps != totals_.steps) {
    const absl::Status saved = SaveCheckpoint();
    if (status.ok()) status = saved;
  }
  if (status.ok() && stop_ && predictions_.has_value() && !Done()) {
    return absl::CancelledError(
        "the run was stopped; predictions of a part of the epoch are not written");
  }
  if (status.ok() && predictions_.has_value()) {
    const StreamOptions& stream = options_.stream;
    const std::string suffix =
        stream.num_shards == 1 ? ""
                               : absl::StrCat(".", stream.shard_index, "-of-", stream.num_shards);
    status = predictions_->Write(options_.predictions_dir, suffix);
  }
  return status;
}

absl::Status Worker::LoadModel() {
  absl::Status status = executor_.Load();
  for (int attempt = 0; !status.ok() && ActionOf(status) == ErrorAction::kRetry && !stop_;
       ++attempt) {
    metrics_.DeviceError(ErrorClassOf(status));
    if (attempt == kMaxRetries) break;
    observer_.Warned(absl::StrCat(status.message(), ": tried again"));
    absl::SleepFor(absl::Milliseconds(100) * (1 << attempt));
    status = executor_.Load();
  }
  if (!status.ok()) metrics_.DeviceError(ErrorClassOf(status));
  return status;
}

absl::Status Worker::Prepare() {
  const bool trains = executor_.description().trains;
  if (trains != options_.trains) {
    return absl::FailedPreconditionError(
        trains ? "the model trains: it was compiled for that and cannot be asked to infer"
               : "the model was compiled to infer and cannot be trained");
  }
  if (options_.num_steps <= 0 && options_.num_epochs <= 0) {
    return absl::InvalidArgumentError("a worker needs a number of steps or of epochs");
  }
  if (!options_.predictions_dir.empty()) {
    if (trains) return absl::InvalidArgumentError("predictions are of inference, not of training");
    if (options_.num_epochs != 1 || options_.num_steps > 0) {
      return absl::InvalidArgumentError(
          "predictions are of one whole epoch: --epochs 1, no --steps");
    }
    GF_RETURN_IF_ERROR(Predictions::MakeFolder(options_.predictions_dir));
    const StreamOptions& stream = options_.stream;
    GF_ASSIGN_OR_RETURN(const DatasetInfo dataset, client_.GetDataset(stream.dataset));
    predictions_.emplace(executor_.description().outputs, dataset.schema.collection, stream.spec);
  }
  GF_RETURN_IF_ERROR(LoadModel());
  if (!options_.checkpoint_dir.empty() && trains) {
    GF_ASSIGN_OR_RETURN(folder_,
                        CheckpointFolder::Open(options_.checkpoint_dir, options_.keep_checkpoints));
  }
  return Restore();
}

absl::Status Worker::CheckCheckpoint(const Checkpoint& checkpoint, const std::string& where) const {
  const ModelDescription& model = executor_.description();
  if (checkpoint.runtime != model.runtime || checkpoint.model_sha256 != model.sha256) {
    return absl::FailedPreconditionError(
        absl::StrCat(where, " is of another model: ", checkpoint.runtime, " ",
                     checkpoint.model_sha256, ", not ", model.runtime, " ", model.sha256));
  }
  const uint64_t seed = options_.stream.seed;
  if (model.trains && options_.seed_given && checkpoint.seed != seed) {
    return absl::FailedPreconditionError(
        absl::StrCat("the seed is ", seed, "; ", where, " is of a run with ", checkpoint.seed));
  }
  return absl::OkStatus();
}

absl::Status Worker::CheckShards(const std::vector<Checkpoint>& checkpoints,
                                 const std::vector<std::string>& names) const {
  const Checkpoint& first = checkpoints[0];
  std::vector<std::string> positions;
  bool equal = true;
  std::set<int64_t> shards;
  for (size_t i = 0; i < checkpoints.size(); ++i) {
    const Checkpoint& checkpoint = checkpoints[i];
    positions.push_back(absl::StrCat(names[i], " at ", PositionText(checkpoint.position)));
    equal = equal && checkpoint.position == first.position;
    shards.insert(checkpoint.shard_index);
    if (checkpoint.num_shards != first.num_shards || checkpoint.seed != first.seed ||
        checkpoint.fingerprint != first.fingerprint ||
        checkpoint.spec_digest != first.spec_digest) {
      return absl::FailedPreconditionError(
          absl::StrCat(names[i], " is of another run than ", names[0]));
    }
  }
  if (!equal) {
    return absl::FailedPreconditionError(absl::StrCat(
        "checkpoints of one run must stand at one position: ", absl::StrJoin(positions, "; "),
        ". Run the former shards to an equal number of --steps first"));
  }
  // At the start of an epoch any number of shards may go on.
  const bool own = checkpoints.size() == 1 && first.num_shards == options_.stream.num_shards &&
                   first.shard_index == options_.stream.shard_index;
  const bool all = shards.size() == checkpoints.size() &&
                   static_cast<int64_t>(shards.size()) == first.num_shards;
  if (own || all || first.position.ordinal == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "in the middle of an epoch (", positions[0], ") shard ", options_.stream.shard_index, " of ",
      options_.stream.num_shards, " goes on from its own checkpoint, or from those of all ",
      first.num_shards, " former shards (--resume); given: ", checkpoints.size(), ", of shard ",
      absl::StrJoin(shards, ", "), " of ", first.num_shards));
}

absl::Status Worker::Restore() {
  std::vector<Checkpoint> checkpoints;
  std::vector<std::string> names;
  const bool trains = executor_.description().trains;
  // A worker that is started again as it was before goes on from what it has saved since.
  if (!options_.checkpoint_dir.empty() && (trains || options_.resume.empty())) {
    std::vector<std::string> warnings;
    std::unique_ptr<CheckpointFolder> reading;
    CheckpointFolder* folder = folder_.get();
    if (folder == nullptr) {
      GF_ASSIGN_OR_RETURN(reading, CheckpointFolder::OpenToRead(options_.checkpoint_dir));
      folder = reading.get();
    }
    GF_ASSIGN_OR_RETURN(std::optional<Checkpoint> newest, folder->LoadNewest(warnings));
    for (const std::string& warning : warnings) observer_.Warned(warning);
    if (newest.has_value()) {
      checkpoints.push_back(*std::move(newest));
      names.push_back(options_.checkpoint_dir);
    } else if (!trains) {
      return absl::NotFoundError(
          absl::StrCat("there is no checkpoint in \"", options_.checkpoint_dir, "\""));
    }
  }
  if (checkpoints.empty()) {
    for (const std::string& path : options_.resume) {
      GF_ASSIGN_OR_RETURN(Checkpoint checkpoint, ReadCheckpoint(path));
      checkpoints.push_back(std::move(checkpoint));
      names.push_back(path);
    }
  }
  if (options_.stream.num_shards > 1 && !options_.seed_given && (checkpoints.empty() || !trains)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the seed is missing: the ", options_.stream.num_shards,
                     " shards of a run see the same batches only with the same seed"));
  }
  if (checkpoints.empty()) {
    GF_ASSIGN_OR_RETURN(std::string state, executor_.SaveState());
    last_.emplace().state = std::move(state);
    last_->seed = options_.stream.seed;
    return absl::OkStatus();
  }
  for (size_t i = 0; i < checkpoints.size(); ++i) {
    GF_RETURN_IF_ERROR(CheckCheckpoint(checkpoints[i], names[i]));
  }
  if (trains) GF_RETURN_IF_ERROR(CheckShards(checkpoints, names));
  GF_RETURN_IF_ERROR(executor_.LoadState(checkpoints[0].state));
  last_ = std::move(checkpoints[0]);
  if (!trains) {  // the weights alone
    last_->position = {};
    last_->totals = {};
    last_->seed = options_.stream.seed;
    last_->fingerprint.clear();
    last_->spec_digest.clear();
    return absl::OkStatus();
  }
  // The sum of the shards' totals is that of the run: of the former ones the first has it all.
  const bool first = options_.stream.shard_index == 0;
  if (checkpoints.size() > 1) {
    const int64_t steps = last_->totals.steps;
    if (!first) last_->totals = {};
    for (size_t i = 1; first && i < checkpoints.size(); ++i) {
      last_->totals.Add(checkpoints[i].totals);
    }
    last_->totals.steps = steps;  // of each shard, not of all
  }
  position_ = last_->position;
  totals_ = last_->totals;
  metrics_.SetPosition(position_);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<BatchStream>> Worker::OpenStream() {
  StreamOptions stream = options_.stream;
  const ModelDescription& model = executor_.description();
  if (model.batches_per_step > 0) {
    if (stream.spec.micro_batches != 1 && stream.spec.micro_batches != model.batches_per_step) {
      return absl::FailedPreconditionError(
          absl::StrCat("micro_batches is ", stream.spec.micro_batches,
                       "; a step of the model takes ", model.batches_per_step));
    }
    stream.spec.micro_batches = model.batches_per_step;
  }
  // A run stays with its version when another one is published.
  if (!last_->dataset.empty() && !absl::StrContains(stream.dataset, '@') &&
      absl::StartsWith(last_->dataset, absl::StrCat(stream.dataset, "@"))) {
    stream.dataset = last_->dataset;
  }
  stream.seed = last_->seed;
  stream.client_prefetch = options_.queue;
  stream.start_epoch = position_.epoch;
  stream.start_ordinal = position_.ordinal;
  stream.num_epochs = options_.num_epochs > 0 ? options_.num_epochs - position_.epoch : 0;
  stream.graph_ids = predictions_.has_value() && !stream.spec.sampling.has_value();
  return client_.StreamBatches(stream);
}

absl::Status Worker::RunSteps() {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<BatchStream> stream, OpenStream());
  GF_ASSIGN_OR_RETURN(const StreamInfo* info, stream->info());
  const std::string fingerprint = DigestHex(info->fingerprint);
  const std::string spec_digest = DigestHex(info->spec_digest);
  const auto differs = [](const std::string& before, const std::string& now) {
    return !before.empty() && before != now;
  };
  if (differs(last_->fingerprint, fingerprint) || differs(last_->spec_digest, spec_digest)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the checkpoint is of other batches: ", last_->dataset, " with fingerprint ",
                     last_->fingerprint, " and spec ", last_->spec_digest, "; the server has ",
                     info->dataset, " with ", fingerprint, " and ", spec_digest));
  }
  last_->dataset = info->dataset;
  metrics_.SetDataset(info->dataset);
  last_->fingerprint = fingerprint;
  last_->spec_digest = spec_digest;
  GF_ASSIGN_OR_RETURN(Binding binding,
                      Bind(executor_.description(), info->layout, options_.fields));
  if (!info_.has_value()) observer_.Started(info_.emplace(*info), position_, totals_.steps);

  Pipeline pipeline({std::move(stream), position_, options_.stream.num_shards},
                    Stager(executor_.description(), std::move(binding)), options_.queue, metrics_);
  {
    MutexLock lock(&mu_);
    pipeline_ = &pipeline;
    if (stop_) pipeline.Stop();
  }
  const auto forget = absl::MakeCleanup([this] {
    MutexLock lock(&mu_);
    pipeline_ = nullptr;
  });
  StepReporter reporter(options_.queue, metrics_, observer_,
                        predictions_.has_value() ? &*predictions_ : nullptr);
  const absl::Status status = RunPipeline(pipeline, reporter);
  const absl::Status reported = reporter.Finish();
  return status.ok() ? reported : status;
}

absl::Status Worker::RunPipeline(Pipeline& pipeline, StepReporter& reporter) {
  std::shared_ptr<const StagedStep> previous;
  while (!stop_ && !Done()) {
    GF_ASSIGN_OR_RETURN(std::shared_ptr<const StagedStep> step, pipeline.Next());
    if (stop_ || step == nullptr) break;
    GF_RETURN_IF_ERROR(RunStep(step, pipeline, reporter));
    previous = std::move(step);  // an executor may still read it
  }
  return absl::OkStatus();
}

absl::StatusOr<StepResult> Worker::Execute(const StagedStep& step, const StagedStep* next) {
  const StepInputs* next_inputs = next == nullptr ? nullptr : &next->inputs;
  absl::StatusOr<StepResult> result = executor_.Run(step.inputs, next_inputs);
  for (int retry = 0; !result.ok() && ActionOf(result.status()) == ErrorAction::kRetry; ++retry) {
    metrics_.DeviceError(ErrorClassOf(result.status()));
    if (retry == kMaxRetries || stop_) return result;
    observer_.Warned(absl::StrCat(result.status().message(), ": the step is run again"));
    result = executor_.Run(step.inputs, next_inputs);
  }
  if (!result.ok()) metrics_.DeviceError(ErrorClassOf(result.status()));
  return result;
}

absl::Status Worker::RunStep(const std::shared_ptr<const StagedStep>& step, Pipeline& pipeline,
                             StepReporter& reporter) {
  const bool last_step = options_.num_steps > 0 && totals_.steps + 1 >= options_.num_steps;
  const std::shared_ptr<const StagedStep> next = last_step ? nullptr : pipeline.Peek();
  const StageClock clock;
  GF_ASSIGN_OR_RETURN(StepResult result, Execute(*step, next.get()));
  const double seconds = clock.seconds();
  metrics_.StageDone(WorkerStage::kExecute, seconds);
  position_ = step->after;
  totals_.Add(step->batch.layout(), step->batch.info());
  if (!reporter.Push({step, std::move(result), seconds, totals_.steps})) return reporter.Finish();
  const auto every = [](int64_t count, int64_t interval) {
    return interval > 0 && count % interval == 0;
  };
  const bool due = every(totals_.steps, options_.steps_per_checkpoint) ||
                   (step->ends_epoch && every(step->after.epoch, options_.epochs_per_checkpoint));
  return due ? SaveCheckpoint() : absl::OkStatus();
}

absl::Status Worker::SaveCheckpoint() {
  if (!executor_.description().trains) return absl::OkStatus();
  GF_ASSIGN_OR_RETURN(std::string state, executor_.SaveState());
  Checkpoint& checkpoint = *last_;
  checkpoint.position = position_;
  checkpoint.num_shards = options_.stream.num_shards;
  checkpoint.shard_index = options_.stream.shard_index;
  checkpoint.runtime = executor_.description().runtime;
  checkpoint.model_sha256 = executor_.description().sha256;
  checkpoint.totals = totals_;
  checkpoint.state = std::move(state);
  resets_ = 0;
  if (folder_ == nullptr) return absl::OkStatus();
  GF_RETURN_IF_ERROR(folder_->Save(checkpoint));
  metrics_.CheckpointSaved();
  return absl::OkStatus();
}

}  // namespace graphfeed
