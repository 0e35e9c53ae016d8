#include "client/cpp/ingest_stream.h"

#include <utility>

#include "client/cpp/rpc/methods.h"
#include "client/cpp/rpc/requests.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/block_splitter.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

class RpcIngestStream final : public GraphSink {
 public:
  explicit RpcIngestStream(bool collection) : collection_(collection) {}

  absl::Status Begin(rpc::Channel& channel, const IngestSpec& spec) {
    GF_ASSIGN_OR_RETURN(call_, channel.StartUp(methods::kIngest, &response_));
    v1::IngestRequest request;
    *request.mutable_begin() = wire::ToProto(spec);
    return call_->Write(request);
  }

  absl::Status Append(GraphBlock block) override {
    if (done_) return absl::FailedPreconditionError("the ingest has been committed");
    const int64_t num_graphs = block.num_graphs;
    // The server's reason stays in the call; a block that cannot be sent ends the ingest, too.
    GF_RETURN_IF_ERROR(failed_);
    failed_ = wire::SplitBlock(std::move(block), collection_, num_graphs_, wire::SplitLimits{},
                               [this](GraphBlock part) {
                                 v1::IngestRequest request;
                                 *request.mutable_block() = wire::ToProto(std::move(part));
                                 return call_->Write(request);
                               });
    num_graphs_ += num_graphs;
    return failed_;
  }

  absl::StatusOr<DatasetInfo> Commit() override {
    if (done_) return absl::FailedPreconditionError("the ingest has been committed");
    GF_RETURN_IF_ERROR(failed_);
    done_ = true;
    v1::IngestRequest request;
    request.mutable_commit()->set_num_graphs(num_graphs_);
    GF_RETURN_IF_ERROR(call_->Write(request));
    GF_RETURN_IF_ERROR(call_->Finish());
    call_.reset();
    return ReadAnswer(wire::FromProto(response_));
  }

 private:
  const bool collection_;
  v1::DatasetInfo response_;  // before call_, which writes to it
  std::unique_ptr<rpc::UpStream> call_;
  int64_t num_graphs_ = 0;
  bool done_ = false;
  absl::Status failed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<GraphSink>> NewIngestStream(rpc::Channel& channel,
                                                           const IngestSpec& spec) {
  auto stream = std::make_unique<RpcIngestStream>(spec.collection);
  GF_RETURN_IF_ERROR(stream->Begin(channel, spec));
  return stream;
}

}  // namespace graphfeed
