#ifndef GRAPHFEED_SERVER_RPC_HANDLERS_H_
#define GRAPHFEED_SERVER_RPC_HANDLERS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/server_info.h"
#include "server/access/principal.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "server/serving/stored_quota.h"
#include "server/serving/task_queue.h"
#include "server/serving/tenants.h"
#include "server/serving/worker_registry.h"
#include "server/serving/write_rules.h"
#include "storage/catalog.h"

namespace graphfeed {

// The answer of GetBatch: a message without its frame, and the frame.
struct BatchReply {
  v1::GetBatchResponse message;
  BuiltFrame frame;
  std::vector<std::shared_ptr<const void>> memory;  // reserved until the answer has gone out
};

// What the calls that answer once do, without gRPC: one overload for each message. Thread-safe;
// calls may block, but those with a `done` wait for nobody: they call it once, when the response is
// there, before they return or later from another thread; if memory fails them on the way, they let
// it go. They work for the WorkScope of the calling thread. The arguments must outlive the
// handlers.
class Handlers {
 public:
  // Asked while a call runs: the error that is to end it.
  using Interrupted = std::function<absl::Status()>;
  struct Options {
    std::string snapshot_dir;  // snapshots go below it; empty: they are refused
    int64_t partition_memory = 0;
    std::string partition_program;
    // How long an answer waits for its client to take it.
    absl::Duration unread_answers = absl::InfiniteDuration();
    ServerInfo info;                             // without the versions of algorithms
    std::function<ServerLoad()> load = nullptr;  // empty: it is not told
  };

  using Done = absl::AnyInvocable<void(const absl::Status&)>;

  // Single batches are built on `builds`.
  Handlers(Catalog& catalog, BatchMaker& maker, Admission& admission, TaskQueue& builds,
           WorkerRegistry& workers, const WriteRules& rules, Options options)
      : catalog_(catalog),
        maker_(maker),
        admission_(admission),
        builds_(builds),
        workers_(workers),
        rules_(rules),
        options_(std::move(options)) {}

  absl::Duration unread_answers() const { return options_.unread_answers; }

  // What `caller` has no grant for is left out, here and where it is passed below.
  absl::Status Handle(const v1::ListDatasetsRequest& request, v1::ListDatasetsResponse& response,
                      const Principal& caller);
  absl::Status Handle(const v1::GetDatasetRequest& request, v1::DatasetInfo& response);
  absl::Status Handle(const v1::DeleteVersionRequest& request, v1::DeleteVersionResponse& response);
  void Handle(const v1::EstimateOptionsRequest& request, v1::EstimateOptionsResponse& response,
              Done done);
  void Handle(const v1::DescribePlanRequest& request, v1::DescribePlanResponse& response,
              Done done);
  // The frame is within `tenant`'s share of the memory, too.
  void Handle(const v1::GetBatchRequest& request, BatchReply& response, Done done,
              const std::shared_ptr<Tenant>& tenant);
  // Takes as long as METIS does, or until it is interrupted. The new version counts towards `quota`
  // from the beginning.
  absl::Status Handle(const v1::PartitionDatasetRequest& request, v1::DatasetInfo& response,
                      StoredQuota& quota, const Interrupted& interrupted);
  absl::Status Handle(const v1::CreateSnapshotRequest& request,
                      v1::CreateSnapshotResponse& response, const Principal& caller);
  absl::Status Handle(const v1::ReportWorkerMetricsRequest& request,
                      v1::ReportWorkerMetricsResponse& response, const Principal& caller);
  absl::Status Handle(const v1::ListWorkersRequest& request, v1::ListWorkersResponse& response,
                      const Principal& caller);

  absl::Status Handle(const v1::ServerInfoRequest& request, v1::ServerInfoResponse& response);

  // Of a call that stores something.
  StoredQuota QuotaOf(std::shared_ptr<const Principal> principal,
                      std::shared_ptr<Tenant> tenant) const {
    return StoredQuota(catalog_, std::move(principal), std::move(tenant));
  }

  // What running partitions may hold.
  int64_t partition_bytes() const { return partition_bytes_; }

 private:
  Catalog& catalog_;
  BatchMaker& maker_;
  Admission& admission_;
  TaskQueue& builds_;
  WorkerRegistry& workers_;
  const WriteRules& rules_;
  const Options options_;
  std::atomic<int64_t> partition_bytes_{0};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_HANDLERS_H_
