#include "server/rpc/ingest_reactor.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/messages.h"
#include "server/rpc/ingest_call.h"
#include "server/rpc/reactor.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// At any time there is either one read, or one task, or neither because the call is finished; each
// starts the next. So members need no mutex, and Finish comes once.
class IngestReactor final : public Reactor<grpc::ServerReadReactor<v1::IngestRequest>> {
 public:
  IngestReactor(TransferContext& ingests, const grpc::CallbackServerContext& context,
                v1::DatasetInfo* response)
      : Reactor(ingests.calls, context, "Ingest"),
        ingests_(ingests),
        messages_(std::make_unique<IngestCall>(ingests.catalog)),
        response_(response) {}
  ~IngestReactor() override {
    if (open_) ingests_.calls.metrics().IngestsOpen(-1);
  }

  void Start() {
    if (absl::Status status = Open(); !status.ok()) return Close(status);
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    ingests_.pool.Post([this, ok] { ok ? Take() : ReadFailed(); });
  }

 private:
  absl::Status Open() {
    GF_RETURN_IF_ERROR(call().CheckOpen());
    GF_RETURN_IF_ERROR(call().TakePlace(ingests_.admission));
    open_ = true;
    ingests_.calls.metrics().IngestsOpen(1);
    return absl::OkStatus();
  }

  // Half-closed, cancelled or disconnected.
  void ReadFailed() {
    const absl::Status cancelled = call().CheckCancelled();
    Close(cancelled.ok() ? absl::InvalidArgumentError("the stream ended without a commit")
                         : cancelled);
  }

  void Take() {
    if (absl::Status status = call().CheckCancelled(); !status.ok()) return Close(status);
    absl::StatusOr<std::optional<DatasetInfo>> info = messages_->Take(std::move(request_));
    if (!info.ok()) return Close(info.status());
    if (info->has_value()) {
      *response_ = wire::ToProto(**info);
      return Close(absl::OkStatus());
    }
    request_.Clear();
    StartRead(&request_);
  }

  // The session goes before the client hears of the end, so that it leaves nothing behind by then.
  void Close(const absl::Status& status) {
    messages_.reset();
    End(status);
  }

  TransferContext& ingests_;
  bool open_ = false;
  std::unique_ptr<IngestCall> messages_;
  v1::DatasetInfo* const response_;
  v1::IngestRequest request_;
};

}  // namespace

grpc::ServerReadReactor<v1::IngestRequest>* StartIngest(TransferContext& ingests,
                                                        const grpc::CallbackServerContext& context,
                                                        v1::DatasetInfo* response) {
  auto* reactor = new IngestReactor(ingests, context, response);
  reactor->Start();
  return reactor;
}

}  // namespace graphfeed
