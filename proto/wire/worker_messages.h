#ifndef GRAPHFEED_PROTO_WIRE_WORKER_MESSAGES_H_
#define GRAPHFEED_PROTO_WIRE_WORKER_MESSAGES_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "graphfeed/v1/worker.pb.h"
#include "proto/frame/worker_report.h"

namespace graphfeed::wire {

v1::WorkerReport ToProto(const WorkerReport& report);
// INVALID_ARGUMENT naming field, value and limit: names without a control character and of at most
// kMaxWorkerNameBytes, bounded maps, a whole histogram or none, no counter that is negative or not
// finite.
absl::StatusOr<WorkerReport> FromProto(const v1::WorkerReport& message);

v1::WorkerStatus ToProto(const WorkerStatus& status);
absl::StatusOr<WorkerStatus> FromProto(const v1::WorkerStatus& message);

struct ReportRequest {
  WorkerReport report;
  // The sequence of the last report that a server took, 0: none; nullopt: the worker does not say.
  std::optional<int64_t> last_taken;
};
absl::StatusOr<ReportRequest> ParseRequest(const v1::ReportWorkerMetricsRequest& message);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_WORKER_MESSAGES_H_
