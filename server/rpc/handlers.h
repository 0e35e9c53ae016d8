#ifndef GRAPHFEED_SERVER_RPC_HANDLERS_H_
#define GRAPHFEED_SERVER_RPC_HANDLERS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "storage/catalog.h"

namespace graphfeed {

// What the calls that answer once do, without gRPC: one overload for each message. Thread-safe;
// calls may block. The arguments must outlive the handlers.
class Handlers {
 public:
  // Snapshots go below `snapshot_dir`; empty: they are refused.
  Handlers(Catalog& catalog, BatchMaker& maker, Admission& admission, std::string snapshot_dir)
      : catalog_(catalog),
        maker_(maker),
        admission_(admission),
        snapshot_dir_(std::move(snapshot_dir)) {}

  absl::Status Handle(const v1::ListDatasetsRequest& request, v1::ListDatasetsResponse& response);
  absl::Status Handle(const v1::GetDatasetRequest& request, v1::DatasetInfo& response);
  absl::Status Handle(const v1::DeleteVersionRequest& request, v1::DeleteVersionResponse& response);
  absl::Status Handle(const v1::EstimateOptionsRequest& request,
                      v1::EstimateOptionsResponse& response);
  absl::Status Handle(const v1::DescribePlanRequest& request, v1::DescribePlanResponse& response);
  absl::Status Handle(const v1::GetBatchRequest& request, v1::GetBatchResponse& response);
  // Takes as long as METIS does, which nothing can stop: a client that goes away does not keep the
  // version from being published.
  absl::Status Handle(const v1::PartitionDatasetRequest& request, v1::DatasetInfo& response);
  absl::Status Handle(const v1::CreateSnapshotRequest& request,
                      v1::CreateSnapshotResponse& response);

 private:
  Catalog& catalog_;
  BatchMaker& maker_;
  Admission& admission_;
  const std::string snapshot_dir_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_HANDLERS_H_
