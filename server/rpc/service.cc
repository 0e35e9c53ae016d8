#include "server/rpc/service.h"

#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "google/protobuf/descriptor.h"
#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "server/rpc/message_bytes.h"
#include "server/rpc/reactor.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

using Callback = grpc::CallbackServerContext;
using Bytes = grpc::ByteBuffer;
using Base = v1::GraphFeed::WithRawCallbackMethod_ListDatasets<
    v1::GraphFeed::WithRawCallbackMethod_GetDataset<v1::GraphFeed::WithRawCallbackMethod_Ingest<
        v1::GraphFeed::WithRawCallbackMethod_DeleteVersion<
            v1::GraphFeed::WithRawCallbackMethod_EstimateOptions<
                v1::GraphFeed::WithRawCallbackMethod_DescribePlan<
                    v1::GraphFeed::WithRawCallbackMethod_GetBatch<
                        v1::GraphFeed::WithRawCallbackMethod_PartitionDataset<
                            v1::GraphFeed::WithRawCallbackMethod_ExportVersion<
                                v1::GraphFeed::WithRawCallbackMethod_CreateSnapshot<
                                    v1::GraphFeed::WithRawCallbackMethod_StreamBatches<
                                        v1::GraphFeed::WithRawCallbackMethod_ReportWorkerMetrics<
                                            v1::GraphFeed::WithRawCallbackMethod_ListWorkers<
                                                v1::GraphFeed::WithRawCallbackMethod_ServerInfo<
                                                    v1::GraphFeed::Service>>>>>>>>>>>>>>;

// A call that answers once. gRPC keeps the bytes of request and reply until the reactor is done.
template <typename Request, typename Reply>
class UnaryReactor final : public Reactor<grpc::ServerUnaryReactor> {
 public:
  UnaryReactor(Calls& calls, const Callback& context, const char* method, Handlers& handlers,
               Bytes& reply_bytes)
      : Reactor(calls, context, method), handlers_(handlers), reply_bytes_(reply_bytes) {}

  void Start(TaskQueue& pool, const Bytes& request_bytes) {
    auto admitted = RequestBytes::Admit(call(), request_bytes);
    if (!admitted.ok()) return EndCall(admitted.status());
    request_bytes_ = *std::move(admitted);
    pool.Post([this] {
      const WorkScope scope(call().token());
      if (absl::Status status = WithinMemory([this] { return Read(); }); !status.ok()) {
        return EndCall(status);
      }
      Answer();
    });
  }

 private:
  absl::Status Read() {
    GF_RETURN_IF_ERROR(call().CheckOpen());
    return request_bytes_->Parse(request_);
  }

  // A handler answers at once, or calls back when it has the answer.
  void Answer() {
    const Handlers::Interrupted interrupted = [this] { return call().CheckOpen(); };
    auto lost = [this] { EndCall(OutOfMemory()); };
    auto end = [this, lost = absl::Cleanup(std::move(lost))](const absl::Status& status) mutable {
      std::move(lost).Cancel();
      EndCall(status.ok() ? WithinMemory([this] { return Encode(); }) : status);
    };
    if constexpr (requires {
                    handlers_.Handle(request_, reply_, Handlers::Done(std::move(end)));
                  }) {
      handlers_.Handle(request_, reply_, std::move(end));
    } else if constexpr (requires { handlers_.Handle(request_, reply_, interrupted); }) {
      end(WithinMemory([&] { return handlers_.Handle(request_, reply_, interrupted); }));
    } else {
      end(WithinMemory([&] { return handlers_.Handle(request_, reply_); }));
    }
  }

  absl::Status Encode() {
    GF_ASSIGN_OR_RETURN(reply_bytes_, EncodeMessage(std::move(reply_)));
    call().Sent(reply_bytes_.Length());
    return absl::OkStatus();
  }

  // The answer's parts are in its bytes by now.
  void EndCall(const absl::Status& status) {
    request_.Clear();
    reply_ = Reply();
    End(status);
  }

  Handlers& handlers_;
  std::shared_ptr<RequestBytes> request_bytes_;  // shared with nobody
  Bytes& reply_bytes_;
  Request request_;
  Reply reply_;
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

  // The other forms are hidden on purpose.
  grpc::ServerUnaryReactor* ListDatasets(Callback* context, const Bytes* request,
                                         Bytes* reply) override {
    return Answer<v1::ListDatasetsRequest, v1::ListDatasetsResponse>("ListDatasets", pools_.build,
                                                                     context, request, reply);
  }
  grpc::ServerUnaryReactor* GetDataset(Callback* context, const Bytes* request,
                                       Bytes* reply) override {
    return Answer<v1::GetDatasetRequest, v1::DatasetInfo>("GetDataset", pools_.build, context,
                                                          request, reply);
  }
  grpc::ServerUnaryReactor* DeleteVersion(Callback* context, const Bytes* request,
                                          Bytes* reply) override {
    return Answer<v1::DeleteVersionRequest, v1::DeleteVersionResponse>(
        "DeleteVersion", pools_.ingest, context, request, reply);
  }
  grpc::ServerUnaryReactor* EstimateOptions(Callback* context, const Bytes* request,
                                            Bytes* reply) override {
    return Answer<v1::EstimateOptionsRequest, v1::EstimateOptionsResponse>(
        "EstimateOptions", pools_.planning, context, request, reply);
  }
  grpc::ServerUnaryReactor* DescribePlan(Callback* context, const Bytes* request,
                                         Bytes* reply) override {
    return Answer<v1::DescribePlanRequest, v1::DescribePlanResponse>(
        "DescribePlan", pools_.planning, context, request, reply);
  }
  grpc::ServerUnaryReactor* GetBatch(Callback* context, const Bytes* request,
                                     Bytes* reply) override {
    return Answer<v1::GetBatchRequest, BatchReply>("GetBatch", pools_.planning, context, request,
                                                   reply);
  }
  grpc::ServerUnaryReactor* PartitionDataset(Callback* context, const Bytes* request,
                                             Bytes* reply) override {
    return Answer<v1::PartitionDatasetRequest, v1::DatasetInfo>(
        "PartitionDataset", pools_.partition, context, request, reply);
  }
  grpc::ServerUnaryReactor* CreateSnapshot(Callback* context, const Bytes* request,
                                           Bytes* reply) override {
    return Answer<v1::CreateSnapshotRequest, v1::CreateSnapshotResponse>(
        "CreateSnapshot", pools_.ingest, context, request, reply);
  }
  grpc::ServerUnaryReactor* ReportWorkerMetrics(Callback* context, const Bytes* request,
                                                Bytes* reply) override {
    return Answer<v1::ReportWorkerMetricsRequest, v1::ReportWorkerMetricsResponse>(
        "ReportWorkerMetrics", pools_.build, context, request, reply);
  }
  grpc::ServerUnaryReactor* ListWorkers(Callback* context, const Bytes* request,
                                        Bytes* reply) override {
    return Answer<v1::ListWorkersRequest, v1::ListWorkersResponse>("ListWorkers", pools_.build,
                                                                   context, request, reply);
  }
  grpc::ServerUnaryReactor* ServerInfo(Callback* context, const Bytes* request,
                                       Bytes* reply) override {
    return Answer<v1::ServerInfoRequest, v1::ServerInfoResponse>("ServerInfo", pools_.build,
                                                                 context, request, reply);
  }
  grpc::ServerReadReactor<Bytes>* Ingest(Callback* context, Bytes* reply) override {
    return StartIngest(ingests_, *context, *reply);
  }
  grpc::ServerWriteReactor<Bytes>* ExportVersion(Callback* context, const Bytes* request) override {
    return StartExport(exports_, *context, *request);
  }
  grpc::ServerWriteReactor<Bytes>* StreamBatches(Callback* context, const Bytes* request) override {
    return StartStream(streams_, *context, *request);
  }

 private:
  template <typename Request, typename Reply>
  grpc::ServerUnaryReactor* Answer(const char* method, TaskQueue& pool, Callback* context,
                                   const Bytes* request, Bytes* reply) {
    auto* reactor = new UnaryReactor<Request, Reply>(calls_, *context, method, handlers_, *reply);
    reactor->Start(pool, *request);
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

std::vector<Metrics::Method> GraphFeedMethods() {
  const google::protobuf::ServiceDescriptor* const service =
      v1::ListDatasetsRequest::descriptor()->file()->FindServiceByName("GraphFeed");
  std::vector<Metrics::Method> methods;
  for (int i = 0; i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service->method(i);
    methods.push_back(
        {.name = method.name(), .streams = method.client_streaming() || method.server_streaming()});
  }
  return methods;
}

const char* GraphFeedServiceName() { return v1::GraphFeed::service_full_name(); }

}  // namespace graphfeed
