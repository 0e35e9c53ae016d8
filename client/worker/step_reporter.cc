#include "client/worker/step_reporter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

StepReporter::StepReporter(size_t queue, WorkerMetrics& metrics, WorkerObserver& observer,
                           Predictions* predictions)
    : metrics_(metrics),
      observer_(observer),
      predictions_(predictions),
      queue_(queue),
      stall_before_(metrics.Report().data_stall_seconds),
      thread_([this] { Run(); }) {}

StepReporter::~StepReporter() { (void)Finish(); }

bool StepReporter::Push(Step step) {
  return queue_.Push(std::make_shared<const Step>(std::move(step)));
}

absl::Status StepReporter::Finish() {
  queue_.Close();
  if (thread_.joinable()) thread_.join();
  return status_;
}

void StepReporter::Run() {
  while (const auto step = queue_.Pop()) {
    status_ = Report(**step);
    if (!status_.ok()) break;
  }
  queue_.Abandon();
}

absl::Status StepReporter::Report(const Step& step) {
  const StageClock clock;
  const StagedStep& staged = *step.staged;
  const FrameInfo& frame = staged.batch.info();
  const Layout& layout = staged.batch.layout();
  metrics_.StepDone(layout, frame, step.seconds, step.result.loss, staged.after);
  observer_.StepDone(step.number, frame, step.result.loss);
  if (step.result.loss.has_value() && !std::isfinite(*step.result.loss) && !warned_) {
    observer_.Warned(absl::StrCat("the loss of step ", step.number, " is ", *step.result.loss,
                                  "; such steps are counted and change nothing"));
    warned_ = true;
  }
  Totals totals;
  totals.Add(layout, frame);
  epoch_.epoch = frame.epoch;
  ++epoch_.steps;
  epoch_.samples += totals.samples;
  if (step.result.loss.has_value() && totals.batches > 0) {
    loss_sum_ += *step.result.loss;
    ++num_losses_;
  }
  if (predictions_ != nullptr) {
    GF_RETURN_IF_ERROR(predictions_->Add(staged.batch, step.result.outputs));
  }
  if (staged.ends_epoch) {
    const double stall = metrics_.Report().data_stall_seconds;
    const double now = since_start_.seconds();
    epoch_.seconds = now - epoch_start_;
    if (num_losses_ > 0) epoch_.mean_loss = loss_sum_ / static_cast<double>(num_losses_);
    if (epoch_.seconds > 0) {
      epoch_.data_stall_share = std::min(1.0, (stall - stall_before_) / epoch_.seconds);
    }
    observer_.EpochDone(epoch_);
    epoch_ = {};
    epoch_start_ = now;
    stall_before_ = stall;
    loss_sum_ = 0;
    num_losses_ = 0;
  }
  metrics_.StageDone(WorkerStage::kReport, clock.seconds());
  return absl::OkStatus();
}

}  // namespace graphfeed
