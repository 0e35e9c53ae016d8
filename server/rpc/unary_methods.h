#ifndef GRAPHFEED_SERVER_RPC_UNARY_METHODS_H_
#define GRAPHFEED_SERVER_RPC_UNARY_METHODS_H_

// The calls that answer once: a type for each, with its messages, its name and where it runs; and
// how any of them is answered.

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "server/rpc/handlers.h"
#include "server/serving/task_queue.h"
#include "storage/base/allocation.h"

namespace graphfeed {

// Where calls that answer once run.
struct ServicePools {
  TaskQueue& build;      // what reads
  TaskQueue& planning;   // what opens recipes, plans and estimates
  TaskQueue& ingest;     // what writes
  TaskQueue& partition;  // one thread: a partition takes minutes and memory of its own
};

namespace unary {

struct ListDatasets {
  using Request = v1::ListDatasetsRequest;
  using Reply = v1::ListDatasetsResponse;
  static constexpr char kName[] = "ListDatasets";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.build; }
};
struct GetDataset {
  using Request = v1::GetDatasetRequest;
  using Reply = v1::DatasetInfo;
  static constexpr char kName[] = "GetDataset";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.build; }
};
struct DeleteVersion {
  using Request = v1::DeleteVersionRequest;
  using Reply = v1::DeleteVersionResponse;
  static constexpr char kName[] = "DeleteVersion";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.ingest; }
};
struct EstimateOptions {
  using Request = v1::EstimateOptionsRequest;
  using Reply = v1::EstimateOptionsResponse;
  static constexpr char kName[] = "EstimateOptions";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.planning; }
};
struct DescribePlan {
  using Request = v1::DescribePlanRequest;
  using Reply = v1::DescribePlanResponse;
  static constexpr char kName[] = "DescribePlan";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.planning; }
};
struct GetBatch {
  using Request = v1::GetBatchRequest;
  using Reply = BatchReply;
  static constexpr char kName[] = "GetBatch";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.planning; }
};
struct PartitionDataset {
  using Request = v1::PartitionDatasetRequest;
  using Reply = v1::DatasetInfo;
  static constexpr char kName[] = "PartitionDataset";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.partition; }
};
struct CreateSnapshot {
  using Request = v1::CreateSnapshotRequest;
  using Reply = v1::CreateSnapshotResponse;
  static constexpr char kName[] = "CreateSnapshot";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.ingest; }
};
struct ReportWorkerMetrics {
  using Request = v1::ReportWorkerMetricsRequest;
  using Reply = v1::ReportWorkerMetricsResponse;
  static constexpr char kName[] = "ReportWorkerMetrics";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.build; }
};
struct ListWorkers {
  using Request = v1::ListWorkersRequest;
  using Reply = v1::ListWorkersResponse;
  static constexpr char kName[] = "ListWorkers";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.build; }
};
struct ServerInfo {
  using Request = v1::ServerInfoRequest;
  using Reply = v1::ServerInfoResponse;
  static constexpr char kName[] = "ServerInfo";
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.build; }
};

}  // namespace unary

// Has the handler answer, at once or when it calls back; `end` is called once, also when memory
// fails on the way. `request`, `reply` and what `interrupted` uses must stay until then.
template <typename Request, typename Reply, typename End>
void AnswerOnce(Handlers& handlers, const Request& request, Reply& reply,
                const Handlers::Interrupted& interrupted, End end) {
  // Both of what follows have it, of which one calls it.
  auto lost = [end] { end(OutOfMemory()); };
  auto done = [end, lost = absl::Cleanup(std::move(lost))](const absl::Status& status) mutable {
    std::move(lost).Cancel();
    end(status);
  };
  if constexpr (requires { handlers.Handle(request, reply, Handlers::Done(std::move(done))); }) {
    handlers.Handle(request, reply, std::move(done));
  } else if constexpr (requires { handlers.Handle(request, reply, interrupted); }) {
    done(WithinMemory([&] { return handlers.Handle(request, reply, interrupted); }));
  } else {
    done(WithinMemory([&] { return handlers.Handle(request, reply); }));
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_UNARY_METHODS_H_
