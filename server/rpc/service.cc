#include "server/rpc/service.h"

#include <utility>

#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "server/rpc/status.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using Callback = grpc::CallbackServerContext;
using Base =
    v1::GraphFeed::WithCallbackMethod_ListDatasets<v1::GraphFeed::WithCallbackMethod_GetDataset<
        v1::GraphFeed::WithCallbackMethod_Ingest<v1::GraphFeed::WithCallbackMethod_DeleteVersion<
            v1::GraphFeed::WithCallbackMethod_EstimateOptions<
                v1::GraphFeed::WithCallbackMethod_DescribePlan<
                    v1::GraphFeed::WithCallbackMethod_GetBatch<
                        v1::GraphFeed::WithCallbackMethod_PartitionDataset<
                            v1::GraphFeed::WithCallbackMethod_ExportVersion<
                                v1::GraphFeed::WithCallbackMethod_CreateSnapshot<
                                    v1::GraphFeed::WithRawCallbackMethod_StreamBatches<
                                        v1::GraphFeed::Service>>>>>>>>>>>;

class Service final : public Base {
 public:
  Service(Calls& calls, const ServicePools& pools, Handlers& handlers, StreamContext& streams,
          TransferContext& ingests, TransferContext& exports)
      : calls_(calls),
        pools_(pools),
        handlers_(handlers),
        streams_(streams),
        ingests_(ingests),
        exports_(exports) {}

  // The synchronous forms are hidden on purpose.
  grpc::ServerUnaryReactor* ListDatasets(Callback* context, const v1::ListDatasetsRequest* request,
                                         v1::ListDatasetsResponse* response) override {
    return Answer("ListDatasets", pools_.build, context, request, response);
  }
  grpc::ServerUnaryReactor* GetDataset(Callback* context, const v1::GetDatasetRequest* request,
                                       v1::DatasetInfo* response) override {
    return Answer("GetDataset", pools_.build, context, request, response);
  }
  grpc::ServerUnaryReactor* DeleteVersion(Callback* context,
                                          const v1::DeleteVersionRequest* request,
                                          v1::DeleteVersionResponse* response) override {
    return Answer("DeleteVersion", pools_.ingest, context, request, response);
  }
  grpc::ServerUnaryReactor* EstimateOptions(Callback* context,
                                            const v1::EstimateOptionsRequest* request,
                                            v1::EstimateOptionsResponse* response) override {
    return Answer("EstimateOptions", pools_.planning, context, request, response);
  }
  grpc::ServerUnaryReactor* DescribePlan(Callback* context, const v1::DescribePlanRequest* request,
                                         v1::DescribePlanResponse* response) override {
    return Answer("DescribePlan", pools_.planning, context, request, response);
  }
  grpc::ServerUnaryReactor* GetBatch(Callback* context, const v1::GetBatchRequest* request,
                                     v1::GetBatchResponse* response) override {
    return Answer("GetBatch", pools_.planning, context, request, response);
  }
  grpc::ServerUnaryReactor* PartitionDataset(Callback* context,
                                             const v1::PartitionDatasetRequest* request,
                                             v1::DatasetInfo* response) override {
    return Answer("PartitionDataset", pools_.partition, context, request, response);
  }
  grpc::ServerReadReactor<v1::IngestRequest>* Ingest(Callback* /*context*/,
                                                     v1::DatasetInfo* response) override {
    return StartIngest(ingests_, response);
  }
  grpc::ServerWriteReactor<v1::IngestRequest>* ExportVersion(
      Callback* /*context*/, const v1::ExportVersionRequest* request) override {
    return StartExport(exports_, *request);
  }
  grpc::ServerUnaryReactor* CreateSnapshot(Callback* context,
                                           const v1::CreateSnapshotRequest* request,
                                           v1::CreateSnapshotResponse* response) override {
    return Answer("CreateSnapshot", pools_.ingest, context, request, response);
  }
  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamBatches(
      Callback* /*context*/, const grpc::ByteBuffer* request) override {
    return StartStream(streams_, *request);
  }

 private:
  // gRPC keeps request and response until the reactor is done.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Answer(const char* method, TaskQueue& pool, Callback* context,
                                   const Request* request, Response* response) {
    class Reactor final : public grpc::ServerUnaryReactor {
     public:
      Reactor(Calls& calls, const char* method) : scope_(calls, method) {}
      void End(const absl::Status& status) {
        scope_.set_status(status);
        Finish(ToGrpcStatus(status));
      }
      void OnDone() override { delete this; }

     private:
      Calls::Scope scope_;
    };
    auto* reactor = new Reactor(calls_, method);
    pool.Post([this, context, reactor, request, response] {
      const Handlers::Interrupted interrupted = [this, context]() -> absl::Status {
        GF_RETURN_IF_ERROR(calls_.CheckOpen());
        return context->IsCancelled() ? absl::CancelledError("cancelled by the client")
                                      : absl::OkStatus();
      };
      auto end = [reactor](const absl::Status& status) { reactor->End(status); };
      if (absl::Status status = interrupted(); !status.ok()) return end(status);
      if constexpr (requires { handlers_.Handle(*request, *response, end); }) {
        handlers_.Handle(*request, *response, end);
      } else if constexpr (requires { handlers_.Handle(*request, *response, interrupted); }) {
        end(handlers_.Handle(*request, *response, interrupted));
      } else {
        end(handlers_.Handle(*request, *response));
      }
    });
    return reactor;
  }

  Calls& calls_;
  const ServicePools pools_;
  Handlers& handlers_;
  StreamContext& streams_;
  TransferContext& ingests_;
  TransferContext& exports_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeGraphFeedService(Calls& calls, const ServicePools& pools,
                                                    Handlers& handlers, StreamContext& streams,
                                                    TransferContext& ingests,
                                                    TransferContext& exports) {
  return std::make_unique<Service>(calls, pools, handlers, streams, ingests, exports);
}

const char* GraphFeedServiceName() { return v1::GraphFeed::service_full_name(); }

}  // namespace graphfeed
