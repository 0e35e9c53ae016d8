#ifndef GRAPHFEED_PROTO_FRAME_WORKER_FIELDS_H_
#define GRAPHFEED_PROTO_FRAME_WORKER_FIELDS_H_

// The fields of a worker's report, each once: its name in messages, JSON and Python, and its
// member. ForEachField(report, visit), as for a batch spec.

#include "proto/frame/spec_fields.h"
#include "proto/frame/worker_report.h"

namespace graphfeed {

template <>
struct FieldsOf<WorkerReport> {
  template <typename Visitor>
  static void Visit(Visitor&& visit) {
    visit("worker", &WorkerReport::worker);
    visit("job", &WorkerReport::job);
    visit("dataset", &WorkerReport::dataset);
    visit("model", &WorkerReport::model);
    visit("runtime", &WorkerReport::runtime);
    visit("runtime_version", &WorkerReport::runtime_version);
    visit("trains", &WorkerReport::trains);
    visit("num_shards", &WorkerReport::num_shards);
    visit("shard_index", &WorkerReport::shard_index);
    visit("start_ms", &WorkerReport::start_ms);
    visit("sequence", &WorkerReport::sequence);
    visit("interval_ms", &WorkerReport::interval_ms);
    visit("finished", &WorkerReport::finished);
    visit("epoch", &WorkerReport::epoch);
    visit("ordinal", &WorkerReport::ordinal);
    visit("last_step_ms", &WorkerReport::last_step_ms);
    VisitCounters(visit);
    visit("loss", &WorkerReport::loss);
    visit("has_loss", &WorkerReport::has_loss);
  }

  // What only grows from a worker's start on.
  template <typename Visitor>
  static void VisitCounters(Visitor&& visit) {
    visit("steps", &WorkerReport::steps);
    visit("batches", &WorkerReport::batches);
    visit("samples", &WorkerReport::samples);
    visit("real_nodes", &WorkerReport::real_nodes);
    visit("padding_nodes", &WorkerReport::padding_nodes);
    visit("real_edges", &WorkerReport::real_edges);
    visit("padding_edges", &WorkerReport::padding_edges);
    visit("data_stall_seconds", &WorkerReport::data_stall_seconds);
    visit("device_stall_seconds", &WorkerReport::device_stall_seconds);
    visit("stage_seconds", &WorkerReport::stage_seconds);
    visit("step_seconds", &WorkerReport::step_seconds);
    visit("step_seconds_sum", &WorkerReport::step_seconds_sum);
    visit("nonfinite_losses", &WorkerReport::nonfinite_losses);
    visit("device_errors", &WorkerReport::device_errors);
  }
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_WORKER_FIELDS_H_
