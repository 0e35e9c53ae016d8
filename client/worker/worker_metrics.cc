#include "client/worker/worker_metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"
#include "storage/base/mutex.h"

namespace graphfeed {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kSteps(kStepSecondsBounds.begin(), kStepSecondsBounds.end());

Family<Counter>& Counters(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Gauge& NewGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double UnixSeconds() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

}  // namespace

struct WorkerMetrics::Impl {
  mutable Mutex mu;
  WorkerReport report ABSL_GUARDED_BY(mu);
  bool ready ABSL_GUARDED_BY(mu) = false;

  prometheus::Registry registry;
  Histogram& step_seconds = prometheus::BuildHistogram()
                                .Name("graphfeed_worker_step_duration_seconds")
                                .Help("Time of a step on the executor.")
                                .Register(registry)
                                .Add({}, kSteps);
  Family<Histogram>& stage_seconds = prometheus::BuildHistogram()
                                         .Name("graphfeed_worker_stage_seconds")
                                         .Help("Time that a stage worked on a frame.")
                                         .Register(registry);
  std::array<Histogram*, kNumValues<WorkerStage>> stages{};
  Counter& steps =
      Counters(registry, "graphfeed_worker_steps_total", "Steps that succeeded.").Add({});
  Counter& samples = Counters(registry, "graphfeed_worker_samples_total",
                              "Real graphs, or seeds of sampled batches, in these steps.")
                         .Add({});
  Family<Counter>& batches = Counters(registry, "graphfeed_worker_batches_total",
                                      "Batches by what became of them: ok, null (only padding), "
                                      "failed (handed back and asked for again).");
  Counter& batches_ok = batches.Add({{"result", "ok"}});
  Counter& batches_null = batches.Add({{"result", "null"}});
  Counter& batches_failed = batches.Add({{"result", "failed"}});
  Family<Counter>& nodes =
      Counters(registry, "graphfeed_worker_nodes_total", "Nodes of the batches, real or padding.");
  Counter& real_nodes = nodes.Add({{"kind", "real"}});
  Counter& padding_nodes = nodes.Add({{"kind", "padding"}});
  Family<Counter>& edges =
      Counters(registry, "graphfeed_worker_edges_total", "Edges of the batches, real or padding.");
  Counter& real_edges = edges.Add({{"kind", "real"}});
  Counter& padding_edges = edges.Add({{"kind", "padding"}});
  Family<Counter>& stalls =
      Counters(registry, "graphfeed_worker_host_stall_seconds_total",
               "Time that the executor waited for a batch (cause=\"data\"), or that a staged batch "
               "waited for the executor (cause=\"device\").");
  Counter& data_stall = stalls.Add({{"cause", "data"}});
  Counter& device_stall = stalls.Add({{"cause", "device"}});
  Gauge& loss = NewGauge(registry, "graphfeed_worker_loss", "Loss of the last step.");
  Counter& nonfinite = Counters(registry, "graphfeed_worker_loss_nonfinite_total",
                                "Losses that were NaN or infinite.")
                           .Add({});
  Family<Counter>& device_errors = Counters(registry, "graphfeed_worker_device_errors_total",
                                            "Errors of the executor by class.");
  Gauge& last_step = NewGauge(registry, "graphfeed_worker_last_step_timestamp_seconds",
                              "When the last step ended, Unix time; 0: none yet.");
  Gauge& checkpoint_time =
      NewGauge(registry, "graphfeed_worker_checkpoint_last_success_timestamp_seconds",
               "When a checkpoint was last written, Unix time; 0: none yet.");
  Gauge& epoch = NewGauge(registry, "graphfeed_worker_epoch", "Epoch of the position.");

  Impl() {
    for (size_t i = 0; i < stages.size(); ++i) {
      stages[i] = &stage_seconds.Add({{"stage", EnumTable<WorkerStage>::kEntries[i].name}}, kSteps);
    }
  }
};

WorkerMetrics::WorkerMetrics(const WorkerReport& identity, absl::string_view version)
    : impl_(std::make_unique<Impl>()) {
  MutexLock lock(&impl_->mu);
  impl_->report = identity;
  impl_->report.step_seconds.assign(kStepSecondsBounds.size() + 1, 0);
  impl_->report.batches = {{"ok", 0}, {"null", 0}, {"failed", 0}};
  for (const auto& stage : EnumTable<WorkerStage>::kEntries) {
    impl_->report.stage_seconds[stage.name] = 0;
  }
  prometheus::BuildGauge()
      .Name("graphfeed_worker_build_info")
      .Help("1; what runs.")
      .Register(impl_->registry)
      .Add({{"version", std::string(version)},
            {"runtime", identity.runtime},
            {"runtime_version", identity.runtime_version},
            {"phase", identity.trains ? "train" : "infer"}})
      .Set(1);
}

WorkerMetrics::~WorkerMetrics() = default;

void WorkerMetrics::SetDataset(const std::string& dataset) {
  MutexLock lock(&impl_->mu);
  impl_->report.dataset = dataset;
}

void WorkerMetrics::SetPosition(const Position& position) {
  MutexLock lock(&impl_->mu);
  impl_->report.epoch = position.epoch;
  impl_->report.ordinal = position.ordinal;
}

void WorkerMetrics::StepDone(const Layout& layout, const FrameInfo& frame, double seconds,
                             std::optional<double> loss, const Position& position) {
  Totals totals;
  totals.Add(layout, frame);
  Impl& m = *impl_;
  m.step_seconds.Observe(seconds);
  m.steps.Increment();
  m.samples.Increment(static_cast<double>(totals.samples));
  m.batches_ok.Increment(static_cast<double>(totals.batches));
  m.batches_null.Increment(static_cast<double>(totals.null_batches));
  m.real_nodes.Increment(static_cast<double>(totals.real_nodes));
  m.padding_nodes.Increment(static_cast<double>(totals.padding_nodes));
  m.real_edges.Increment(static_cast<double>(totals.real_edges));
  m.padding_edges.Increment(static_cast<double>(totals.padding_edges));
  m.last_step.Set(UnixSeconds());
  m.epoch.Set(static_cast<double>(position.epoch));
  const bool finite = loss.has_value() && std::isfinite(*loss);
  if (loss.has_value()) m.loss.Set(*loss);
  if (loss.has_value() && !finite) m.nonfinite.Increment();

  MutexLock lock(&m.mu);
  WorkerReport& report = m.report;
  ++report.steps;
  report.batches["ok"] += totals.batches;
  report.batches["null"] += totals.null_batches;
  report.samples += totals.samples;
  report.real_nodes += totals.real_nodes;
  report.padding_nodes += totals.padding_nodes;
  report.real_edges += totals.real_edges;
  report.padding_edges += totals.padding_edges;
  const auto bound =
      std::lower_bound(kStepSecondsBounds.begin(), kStepSecondsBounds.end(), seconds);
  ++report.step_seconds[bound - kStepSecondsBounds.begin()];
  report.step_seconds_sum += seconds;
  report.last_step_ms = absl::ToUnixMillis(absl::Now());
  report.epoch = position.epoch;
  report.ordinal = position.ordinal;
  if (finite) {
    report.loss = *loss;
    report.has_loss = true;
  } else if (loss.has_value()) {
    ++report.nonfinite_losses;
  }
  m.ready = true;
}

void WorkerMetrics::StageDone(WorkerStage stage, double seconds) {
  impl_->stages[IndexOf(stage)]->Observe(seconds);
  MutexLock lock(&impl_->mu);
  impl_->report.stage_seconds[std::string(NameOf(stage))] += seconds;
}

void WorkerMetrics::Stalled(bool for_data, double seconds) {
  (for_data ? impl_->data_stall : impl_->device_stall).Increment(seconds);
  MutexLock lock(&impl_->mu);
  (for_data ? impl_->report.data_stall_seconds : impl_->report.device_stall_seconds) += seconds;
}

void WorkerMetrics::DeviceError(absl::string_view error_class) {
  impl_->device_errors.Add({{"class", std::string(error_class)}}).Increment();
  MutexLock lock(&impl_->mu);
  ++impl_->report.device_errors[std::string(error_class)];
}

void WorkerMetrics::BatchesHandedBack(int64_t count) {
  impl_->batches_failed.Increment(static_cast<double>(count));
  MutexLock lock(&impl_->mu);
  impl_->report.batches["failed"] += count;
}

void WorkerMetrics::CheckpointSaved() { impl_->checkpoint_time.Set(UnixSeconds()); }

bool WorkerMetrics::ready() const {
  MutexLock lock(&impl_->mu);
  return impl_->ready;
}

void WorkerMetrics::LoseReadiness() {
  MutexLock lock(&impl_->mu);
  impl_->ready = false;
}

std::string WorkerMetrics::Text() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

WorkerReport WorkerMetrics::Report() const {
  MutexLock lock(&impl_->mu);
  return impl_->report;
}

}  // namespace graphfeed
