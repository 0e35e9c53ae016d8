#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_WORKER_CALLS_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_WORKER_CALLS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/replicas/replicated_calls.h"
#include "proto/frame/worker_report.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Reports of workers, and the list of them over all replicas. Thread-safe.
class WorkerCalls {
 public:
  // `calls` must outlive it.
  WorkerCalls(ReplicatedCalls& calls, absl::Duration timeout) : calls_(calls), timeout_(timeout) {}

  absl::Status Report(const WorkerReport& report);
  absl::StatusOr<std::vector<WorkerStatus>> List();

 private:
  // Of one start of a worker.
  struct Taken {
    int64_t start_ms = 0;
    int64_t sequence = 0;  // of the last report that a server took
  };

  // nullopt: this client has not seen the worker's first report.
  std::optional<int64_t> LastTaken(const WorkerReport& report);
  void NoteTaken(const WorkerReport& report);

  ReplicatedCalls& calls_;
  const absl::Duration timeout_;
  Mutex mu_;
  std::map<std::string, Taken> taken_ ABSL_GUARDED_BY(mu_);  // by worker, until it leaves
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_WORKER_CALLS_H_
