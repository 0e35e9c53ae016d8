#include "server/rpc/ingest_reactor.h"

#include <atomic>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/messages.h"
#include "server/rpc/ingest_call.h"
#include "server/rpc/status.h"

namespace graphfeed {
namespace {

// At any time there is either one read, or one task, or neither because the call is finished; each
// starts the next. So members need no mutex, and Finish comes once.
class IngestReactor final : public grpc::ServerReadReactor<v1::IngestRequest> {
 public:
  IngestReactor(TransferContext& context, v1::DatasetInfo* response)
      : context_(context),
        scope_(context.calls, "Ingest"),
        call_(std::make_unique<IngestCall>(context.catalog)),
        response_(response) {}

  void Start() {
    if (absl::Status open = context_.calls.CheckOpen(); !open.ok()) return End(open);
    absl::StatusOr<std::shared_ptr<Admission::Place>> place = context_.admission.Reserve(0, 1);
    if (!place.ok()) return End(place.status());
    place_ = *std::move(place);
    context_.calls.metrics().IngestsOpen(1);
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      // Half-closed, cancelled or disconnected.
      Post([this] {
        End(cancelled_ ? absl::CancelledError("cancelled by the client")
                       : absl::InvalidArgumentError("the stream ended without a commit"));
      });
      return;
    }
    Post([this] { Take(); });
  }

  void OnCancel() override { cancelled_ = true; }

  void OnDone() override {
    if (place_ != nullptr) context_.calls.metrics().IngestsOpen(-1);
    delete this;
  }

 private:
  void Post(TaskQueue::Task task) { context_.pool.Post(std::move(task)); }

  void Take() {
    if (cancelled_) return End(absl::CancelledError("cancelled by the client"));
    absl::StatusOr<std::optional<DatasetInfo>> info = call_->Take(std::move(request_));
    if (!info.ok()) return End(info.status());
    if (info->has_value()) {
      *response_ = wire::ToProto(**info);
      return End(absl::OkStatus());
    }
    request_.Clear();
    StartRead(&request_);
  }

  // The session goes before the client hears of the end, so that it leaves nothing behind by then.
  void End(const absl::Status& status) {
    call_.reset();
    scope_.set_status(status);
    Finish(ToGrpcStatus(status));
  }

  TransferContext& context_;
  Calls::Scope scope_;
  std::shared_ptr<Admission::Place> place_;  // shared with nobody
  std::unique_ptr<IngestCall> call_;
  v1::DatasetInfo* const response_;
  v1::IngestRequest request_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace

grpc::ServerReadReactor<v1::IngestRequest>* StartIngest(TransferContext& context,
                                                        v1::DatasetInfo* response) {
  auto* reactor = new IngestReactor(context, response);
  reactor->Start();
  return reactor;
}

}  // namespace graphfeed
