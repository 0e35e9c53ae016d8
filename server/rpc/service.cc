#include "server/rpc/service.h"

#include <utility>

#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "server/rpc/reactor.h"

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

// A call that answers once. gRPC keeps request and response until the reactor is done.
class UnaryReactor final : public Reactor<grpc::ServerUnaryReactor> {
 public:
  UnaryReactor(Calls& calls, const Callback& context, const char* method)
      : Reactor(calls, context, method) {}

  // A handler answers at once, or calls back when it has the answer.
  template <typename Request, typename Response>
  void Answer(Handlers& handlers, const Request& request, Response& response) {
    const Handlers::Interrupted interrupted = [this] { return call().CheckOpen(); };
    if (absl::Status status = interrupted(); !status.ok()) return End(status);
    auto end = [this](const absl::Status& status) { End(status); };
    if constexpr (requires { handlers.Handle(request, response, end); }) {
      handlers.Handle(request, response, end);
    } else if constexpr (requires { handlers.Handle(request, response, interrupted); }) {
      End(handlers.Handle(request, response, interrupted));
    } else {
      End(handlers.Handle(request, response));
    }
  }
};

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
  grpc::ServerReadReactor<v1::IngestRequest>* Ingest(Callback* context,
                                                     v1::DatasetInfo* response) override {
    return StartIngest(ingests_, *context, response);
  }
  grpc::ServerWriteReactor<v1::IngestRequest>* ExportVersion(
      Callback* context, const v1::ExportVersionRequest* request) override {
    return StartExport(exports_, *context, *request);
  }
  grpc::ServerUnaryReactor* CreateSnapshot(Callback* context,
                                           const v1::CreateSnapshotRequest* request,
                                           v1::CreateSnapshotResponse* response) override {
    return Answer("CreateSnapshot", pools_.ingest, context, request, response);
  }
  grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamBatches(
      Callback* context, const grpc::ByteBuffer* request) override {
    return StartStream(streams_, *context, *request);
  }

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Answer(const char* method, TaskQueue& pool, Callback* context,
                                   const Request* request, Response* response) {
    auto* reactor = new UnaryReactor(calls_, *context, method);
    pool.Post(
        [this, reactor, request, response] { reactor->Answer(handlers_, *request, *response); });
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
