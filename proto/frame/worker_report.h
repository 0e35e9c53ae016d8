#ifndef GRAPHFEED_PROTO_FRAME_WORKER_REPORT_H_
#define GRAPHFEED_PROTO_FRAME_WORKER_REPORT_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace graphfeed {

// Upper bounds of a step's histogram in seconds; one bucket more has the rest.
inline constexpr std::array<double, 16> kStepSecondsBounds = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.05,   0.1,     0.25,   0.5,   1,      2.5,   10,   60};

// What a worker says about itself. Counters run from the worker's start: whoever misses a report
// loses nothing.
struct WorkerReport {
  std::string worker;   // unique among the living; no metric label
  std::string job;      // what belongs together; may be empty
  std::string dataset;  // "name@version"
  std::string model;
  std::string runtime;  // "torchscript", "poplar", "fake-poplar", "python"
  std::string runtime_version;
  bool trains = false;
  int64_t num_shards = 1;
  int64_t shard_index = 0;

  int64_t start_ms = 0;     // of this process, Unix time: another start is another worker
  int64_t sequence = 0;     // of this report, from 1
  int64_t interval_ms = 0;  // until the next one is due
  bool finished = false;    // the last one: the worker leaves

  int64_t epoch = 0;  // the position after the last step: all below it is consumed
  int64_t ordinal = 0;
  int64_t last_step_ms = 0;  // Unix time; 0: none yet

  int64_t steps = 0;                       // that succeeded
  std::map<std::string, int64_t> batches;  // by result: "ok", "failed", "null"
  int64_t samples = 0;                     // real graphs or seeds
  int64_t real_nodes = 0;
  int64_t padding_nodes = 0;
  int64_t real_edges = 0;
  int64_t padding_edges = 0;
  double data_stall_seconds = 0;                // the executor waited for a batch
  double device_stall_seconds = 0;              // a batch waited for the executor
  std::map<std::string, double> stage_seconds;  // by stage: "receive", "stage", "execute", "report"
  std::vector<int64_t> step_seconds;            // by bucket of kStepSecondsBounds, and one more
  double step_seconds_sum = 0;
  double loss = 0;  // last one
  bool has_loss = false;
  int64_t nonfinite_losses = 0;
  std::map<std::string, int64_t> device_errors;  // by class
};

// A worker as a server knows it.
struct WorkerStatus {
  WorkerReport report;
  int64_t age_ms = 0;           // since the report came
  bool gone = false;            // it is overdue, or was the last one
  double steps_per_second = 0;  // between the last two reports
  double data_stall_share = 0;  // of that time, 0 to 1
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_WORKER_REPORT_H_
