#include "server/metrics/worker_counters.h"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/labels.h"
#include "prometheus/registry.h"

namespace graphfeed {
namespace {

using KnownWords = std::initializer_list<absl::string_view>;
using CounterFamily = prometheus::Family<prometheus::Counter>;

constexpr KnownWords kRuntimes = {"torchscript", "poplar", "fake-poplar", "python"};
constexpr KnownWords kResults = {"ok", "failed", "null"};
constexpr KnownWords kStages = {"receive", "stage", "execute", "report"};
// What executors call their errors.
constexpr KnownWords kErrorClasses = {"absent",
                                      "application",
                                      "attach_timeout",
                                      "cancelled",
                                      "device",
                                      "hang",
                                      "input",
                                      "load",
                                      "memory",
                                      "model",
                                      "recoverable_full_reset",
                                      "recoverable_ipu_reset",
                                      "recoverable_link_reset",
                                      "recoverable_partition_reset",
                                      "state",
                                      "streams",
                                      "unknown",
                                      "unrecoverable",
                                      "usage"};

std::string Known(absl::string_view word, KnownWords words) {
  return std::string(std::find(words.begin(), words.end(), word) == words.end() ? "other" : word);
}

CounterFamily& NewFamily(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

prometheus::Labels With(prometheus::Labels labels, const char* name, std::string value) {
  labels.emplace(name, std::move(value));
  return labels;
}

template <typename Number>
void AddEach(CounterFamily& family, const prometheus::Labels& labels, const char* name,
             KnownWords words, const std::map<std::string, Number>& values) {
  for (const auto& [word, value] : values) {
    family.Add(With(labels, name, Known(word, words))).Increment(static_cast<double>(value));
  }
}

}  // namespace

struct WorkerCounters::Families {
  explicit Families(prometheus::Registry& registry)
      : steps(NewFamily(registry, "graphfeed_worker_steps_total",
                        "Steps of workers that succeeded.")),
        samples(NewFamily(registry, "graphfeed_worker_samples_total",
                          "Real graphs or seeds that workers have run.")),
        batches(NewFamily(registry, "graphfeed_worker_batches_total",
                          "Batches that workers have run, by result.")),
        nodes(NewFamily(registry, "graphfeed_worker_nodes_total",
                        "Nodes that workers have run, real and padding.")),
        edges(NewFamily(registry, "graphfeed_worker_edges_total",
                        "Edges that workers have run, real and padding.")),
        host_stalls(NewFamily(registry, "graphfeed_worker_host_stall_seconds_total",
                              "Time for which workers waited for a batch (cause=\"data\"), or a "
                              "batch for the executor (cause=\"device\").")),
        stages(NewFamily(registry, "graphfeed_worker_stage_seconds_total",
                         "Time that workers spent, by stage.")),
        nonfinite_losses(NewFamily(registry, "graphfeed_worker_loss_nonfinite_total",
                                   "Losses of workers that were not finite.")),
        device_errors(NewFamily(registry, "graphfeed_worker_device_errors_total",
                                "Errors of workers' devices, by class.")),
        step_seconds(prometheus::BuildHistogram()
                         .Name("graphfeed_worker_step_duration_seconds")
                         .Help("Time of a step of a worker.")
                         .Register(registry)) {}

  CounterFamily& steps;
  CounterFamily& samples;
  CounterFamily& batches;
  CounterFamily& nodes;
  CounterFamily& edges;
  CounterFamily& host_stalls;
  CounterFamily& stages;
  CounterFamily& nonfinite_losses;
  CounterFamily& device_errors;
  prometheus::Family<prometheus::Histogram>& step_seconds;
};

WorkerCounters::WorkerCounters(prometheus::Registry& registry)
    : families_(std::make_unique<Families>(registry)) {}
WorkerCounters::~WorkerCounters() = default;

void WorkerCounters::Add(const WorkerReport& difference) {
  Families& to = *families_;
  const prometheus::Labels labels = {{"runtime", Known(difference.runtime, kRuntimes)},
                                     {"phase", difference.trains ? "train" : "infer"}};
  const auto add = [](CounterFamily& family, const prometheus::Labels& of, auto value) {
    family.Add(of).Increment(static_cast<double>(value));
  };
  add(to.steps, labels, difference.steps);
  add(to.samples, labels, difference.samples);
  add(to.nonfinite_losses, labels, difference.nonfinite_losses);
  const prometheus::Labels real = With(labels, "kind", "real");
  const prometheus::Labels padding = With(labels, "kind", "padding");
  add(to.nodes, real, difference.real_nodes);
  add(to.nodes, padding, difference.padding_nodes);
  add(to.edges, real, difference.real_edges);
  add(to.edges, padding, difference.padding_edges);
  add(to.host_stalls, With(labels, "cause", "data"), difference.data_stall_seconds);
  add(to.host_stalls, With(labels, "cause", "device"), difference.device_stall_seconds);
  AddEach(to.batches, labels, "result", kResults, difference.batches);
  AddEach(to.stages, labels, "stage", kStages, difference.stage_seconds);
  AddEach(to.device_errors, labels, "class", kErrorClasses, difference.device_errors);
  if (difference.step_seconds.empty()) return;
  to.step_seconds
      .Add(labels, prometheus::Histogram::BucketBoundaries(kStepSecondsBounds.begin(),
                                                           kStepSecondsBounds.end()))
      .ObserveMultiple({difference.step_seconds.begin(), difference.step_seconds.end()},
                       difference.step_seconds_sum);
}

}  // namespace graphfeed
