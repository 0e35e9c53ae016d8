#ifndef GRAPHFEED_TESTS_SUPPORT_WORKER_REPORTS_H_
#define GRAPHFEED_TESTS_SUPPORT_WORKER_REPORTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/frame/worker_report.h"

namespace graphfeed {

// A report in which no field is empty or 0, of a worker that has made `steps` steps.
inline WorkerReport FullReport(const std::string& worker = "worker-0", int64_t sequence = 7,
                               int64_t steps = 100) {
  WorkerReport report{.worker = worker,
                      .job = "job",
                      .dataset = "molecules@1",
                      .model = "gin.pt",
                      .runtime = "torchscript",
                      .runtime_version = "1.13.1",
                      .trains = true,
                      .num_shards = 2,
                      .shard_index = 1,
                      .start_ms = 1700000000000,
                      .sequence = sequence,
                      .interval_ms = 1000,
                      .finished = true,
                      .epoch = 3,
                      .ordinal = 42,
                      .last_step_ms = 1700000100000,
                      .steps = steps,
                      .batches = {{"ok", steps}, {"null", 1}},
                      .samples = 20 * steps,
                      .real_nodes = 300 * steps,
                      .padding_nodes = 100 * steps,
                      .real_edges = 600 * steps,
                      .padding_edges = 200 * steps,
                      .data_stall_seconds = 0.01 * static_cast<double>(steps),
                      .device_stall_seconds = 0.02 * static_cast<double>(steps),
                      .stage_seconds = {{"execute", 0.05 * static_cast<double>(steps)}},
                      .step_seconds = std::vector<int64_t>(kStepSecondsBounds.size() + 1),
                      .step_seconds_sum = 0.05 * static_cast<double>(steps),
                      .loss = 0.5,
                      .has_loss = true,
                      .nonfinite_losses = 1,
                      .device_errors = {{"recoverable_ipu_reset", 1}}};
  report.step_seconds[8] = steps;  // 25 to 50 ms
  return report;
}

// As FullReport, of a worker that goes on.
inline WorkerReport RunningReport(const std::string& worker, int64_t sequence, int64_t steps) {
  WorkerReport report = FullReport(worker, sequence, steps);
  report.finished = false;
  return report;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_WORKER_REPORTS_H_
