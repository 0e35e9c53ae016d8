#ifndef GRAPHFEED_SERVER_RPC_UNARY_METHODS_H_
#define GRAPHFEED_SERVER_RPC_UNARY_METHODS_H_

// The calls that answer once: a type for each, with its messages, its name, where it runs, and, if
// its request names one, the dataset that the caller needs a grant for; and how any of them is
// answered.

#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "server/access/principal.h"
#include "server/rpc/handlers.h"
#include "server/serving/stored_quota.h"
#include "server/serving/task_queue.h"
#include "server/serving/tenants.h"
#include "storage/base/allocation.h"

namespace graphfeed {

// Where calls that answer once run.
struct ServicePools {
  TaskQueue& build;      // what reads
  TaskQueue& planning;   // what opens recipes, plans and estimates
  TaskQueue& ingest;     // what writes
  TaskQueue& partition;  // one thread: a partition takes minutes and memory of its own
  TaskQueue& here;       // what is answered at once, however busy the others are
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
  static absl::string_view DatasetOf(const Request& request) { return request.dataset(); }
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.build; }
};
struct DeleteVersion {
  using Request = v1::DeleteVersionRequest;
  using Reply = v1::DeleteVersionResponse;
  static constexpr char kName[] = "DeleteVersion";
  static absl::string_view DatasetOf(const Request& request) { return request.name(); }
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.ingest; }
};
struct EstimateOptions {
  using Request = v1::EstimateOptionsRequest;
  using Reply = v1::EstimateOptionsResponse;
  static constexpr char kName[] = "EstimateOptions";
  static absl::string_view DatasetOf(const Request& request) { return request.dataset(); }
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.planning; }
};
struct DescribePlan {
  using Request = v1::DescribePlanRequest;
  using Reply = v1::DescribePlanResponse;
  static constexpr char kName[] = "DescribePlan";
  static absl::string_view DatasetOf(const Request& request) { return request.dataset(); }
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.planning; }
};
struct GetBatch {
  using Request = v1::GetBatchRequest;
  using Reply = BatchReply;
  static constexpr char kName[] = "GetBatch";
  static absl::string_view DatasetOf(const Request& request) { return request.dataset(); }
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.planning; }
};
struct PartitionDataset {
  using Request = v1::PartitionDatasetRequest;
  using Reply = v1::DatasetInfo;
  static constexpr char kName[] = "PartitionDataset";
  static absl::string_view DatasetOf(const Request& request) { return request.dataset(); }
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
  static absl::string_view DatasetOf(const Request& request) { return request.report().dataset(); }
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
  static TaskQueue& PoolOf(const ServicePools& pools) { return pools.here; }
};

}  // namespace unary

// Has the handler answer, at once or when it calls back; `end` is called once, also when memory
// fails on the way. `request`, `reply` and what `interrupted` uses must stay until then.
template <typename Method, typename End>
void AnswerOnce(Handlers& handlers, const std::shared_ptr<const Principal>& principal,
                const std::shared_ptr<Tenant>& tenant, const typename Method::Request& request,
                typename Method::Reply& reply, const Handlers::Interrupted& interrupted, End end) {
  const Principal& caller = *principal;
  if constexpr (requires { Method::DatasetOf(request); }) {
    const absl::string_view dataset = Method::DatasetOf(request);
    // One that is not named is the handler's to refuse.
    const absl::Status granted = dataset.empty() ? absl::OkStatus() : caller.CheckDataset(dataset);
    if (!granted.ok()) return end(granted);
  }
  // Both of what follows have it, of which one calls it.
  auto lost = [end] { end(OutOfMemory()); };
  auto done = [end, lost = absl::Cleanup(std::move(lost))](const absl::Status& status) mutable {
    std::move(lost).Cancel();
    end(status);
  };
  if constexpr (requires {
                  handlers.Handle(request, reply, Handlers::Done(std::move(done)), tenant);
                }) {
    handlers.Handle(request, reply, std::move(done), tenant);
  } else if constexpr (requires {
                         handlers.Handle(request, reply, Handlers::Done(std::move(done)));
                       }) {
    handlers.Handle(request, reply, std::move(done));
  } else if constexpr (requires(StoredQuota quota) {
                         handlers.Handle(request, reply, quota, interrupted);
                       }) {
    done(WithinMemory([&] {
      StoredQuota quota = handlers.QuotaOf(principal, tenant);
      return handlers.Handle(request, reply, quota, interrupted);
    }));
  } else if constexpr (requires { handlers.Handle(request, reply, caller); }) {
    done(WithinMemory([&] { return handlers.Handle(request, reply, caller); }));
  } else {
    done(WithinMemory([&] { return handlers.Handle(request, reply); }));
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_UNARY_METHODS_H_
