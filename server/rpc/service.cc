#include "server/rpc/service.h"

#include <memory>
#include <utility>

#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "server/rpc/call_dataset.h"
#include "server/rpc/message_bytes.h"
#include "server/rpc/reactor.h"
#include "server/rpc/request_bytes.h"
#include "server/rpc/write_timeout.h"
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
template <typename Method>
class UnaryReactor final : public Reactor<grpc::ServerUnaryReactor> {
 public:
  UnaryReactor(Calls& calls, Callback& context, Handlers& handlers, Bytes& reply_bytes)
      : Reactor(calls, context, Method::kName),
        handlers_(handlers),
        reply_bytes_(reply_bytes),
        unread_(context, handlers.unread_answers()) {}

  void Start(ServicePools pools, const Bytes& request_bytes) {
    auto admitted = RequestBytes::Admit(call(), request_bytes);
    if (!admitted.ok()) return EndCall(admitted.status());
    request_bytes_ = *std::move(admitted);
    // Read, build and plan within the caller's part of the time.
    const ServicePools of_caller{.build = call().tenant()->build_queue(),
                                 .planning = call().tenant()->planning_queue(),
                                 .ingest = pools.ingest,
                                 .partition = pools.partition,
                                 .here = pools.here};
    Method::PoolOf(of_caller).Post([this] {
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

  void Answer() {
    call().record()->AskedFor(DatasetAskedFor<Method>(request_));
    AnswerOnce<Method>(
        handlers_, call().caller().principal, call().tenant(), request_, reply_,
        [this]() -> absl::Status {
          GF_RETURN_IF_ERROR(call().CheckOpen());
          return CheckStillMay(DatasetAskedFor<Method>(request_));
        },
        [this](const absl::Status& status) {
          if (status.ok()) call().record()->Uses(DatasetUsed<Method>(request_, reply_));
          EndCall(status.ok() ? WithinMemory([this] { return Encode(); }) : status);
        });
  }

  absl::Status Encode() {
    GF_ASSIGN_OR_RETURN(reply_bytes_, EncodeMessage(std::move(reply_)));
    call().Sent(reply_bytes_.Length());
    return absl::OkStatus();
  }

  // The answer's parts are in its bytes by now.
  void EndCall(const absl::Status& status) {
    request_.Clear();
    reply_ = typename Method::Reply();
    if (status.ok()) unread_.Begin();
    End(status);
  }

  Handlers& handlers_;
  std::shared_ptr<RequestBytes> request_bytes_;  // shared with nobody
  Bytes& reply_bytes_;
  typename Method::Request request_;
  typename Method::Reply reply_;
  WriteTimeout unread_;
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
    return Answer<unary::ListDatasets>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* GetDataset(Callback* context, const Bytes* request,
                                       Bytes* reply) override {
    return Answer<unary::GetDataset>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* DeleteVersion(Callback* context, const Bytes* request,
                                          Bytes* reply) override {
    return Answer<unary::DeleteVersion>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* EstimateOptions(Callback* context, const Bytes* request,
                                            Bytes* reply) override {
    return Answer<unary::EstimateOptions>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* DescribePlan(Callback* context, const Bytes* request,
                                         Bytes* reply) override {
    return Answer<unary::DescribePlan>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* GetBatch(Callback* context, const Bytes* request,
                                     Bytes* reply) override {
    return Answer<unary::GetBatch>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* PartitionDataset(Callback* context, const Bytes* request,
                                             Bytes* reply) override {
    return Answer<unary::PartitionDataset>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* CreateSnapshot(Callback* context, const Bytes* request,
                                           Bytes* reply) override {
    return Answer<unary::CreateSnapshot>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* ReportWorkerMetrics(Callback* context, const Bytes* request,
                                                Bytes* reply) override {
    return Answer<unary::ReportWorkerMetrics>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* ListWorkers(Callback* context, const Bytes* request,
                                        Bytes* reply) override {
    return Answer<unary::ListWorkers>(*context, *request, *reply);
  }
  grpc::ServerUnaryReactor* ServerInfo(Callback* context, const Bytes* request,
                                       Bytes* reply) override {
    return Answer<unary::ServerInfo>(*context, *request, *reply);
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
  template <typename Method>
  grpc::ServerUnaryReactor* Answer(Callback& context, const Bytes& request, Bytes& reply) {
    auto* reactor = new UnaryReactor<Method>(calls_, context, handlers_, reply);
    reactor->Start(pools_, request);
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
