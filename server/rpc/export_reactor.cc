#include "server/rpc/export_reactor.h"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proto/wire/ingest_sequence.h"
#include "server/rpc/status.h"
#include "storage/base/status_macros.h"
#include "storage/version_source.h"

namespace graphfeed {
namespace {

// At any time there is either one task, or one write, or neither because the call is finished; each
// starts the next. So members need no mutex, and Finish comes once.
class ExportReactor final : public grpc::ServerWriteReactor<v1::IngestRequest> {
 public:
  ExportReactor(TransferContext& context, std::string dataset)
      : context_(context), scope_(context.calls, "ExportVersion"), dataset_(std::move(dataset)) {}

  void Start() {
    context_.pool.Post([this] {
      if (absl::Status status = Open(); !status.ok()) return End(status);
      Send();
    });
  }

  void OnWriteDone(bool ok) override {
    context_.pool.Post([this, ok] { ok ? Send() : End(Cancelled()); });
  }

  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  static absl::Status Cancelled() { return absl::CancelledError("cancelled by the client"); }

  absl::Status Open() {
    GF_RETURN_IF_ERROR(context_.calls.CheckOpen());
    GF_ASSIGN_OR_RETURN(place_, context_.admission.Reserve(0, 1));
    GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset, context_.catalog.OpenDataset(dataset_));
    messages_.emplace(ReadVersion(std::move(dataset)));
    return absl::OkStatus();
  }

  void Send() {
    if (cancelled_) return End(Cancelled());
    absl::StatusOr<std::optional<v1::IngestRequest>> message = messages_->Next();
    if (!message.ok()) return End(message.status());
    if (!message->has_value()) return End(absl::OkStatus());
    message_ = **std::move(message);
    StartWrite(&message_);
  }

  // The version goes before the client hears of the end.
  void End(const absl::Status& status) {
    messages_.reset();
    place_.reset();
    scope_.set_status(status);
    Finish(ToGrpcStatus(status));
  }

  TransferContext& context_;
  Calls::Scope scope_;
  const std::string dataset_;
  std::shared_ptr<Admission::Place> place_;  // shared with nobody
  std::optional<wire::IngestSequence> messages_;
  v1::IngestRequest message_;  // in flight
  std::atomic<bool> cancelled_ = false;
};

}  // namespace

grpc::ServerWriteReactor<v1::IngestRequest>* StartExport(TransferContext& context,
                                                         const v1::ExportVersionRequest& request) {
  auto* reactor = new ExportReactor(context, request.dataset());
  reactor->Start();
  return reactor;
}

}  // namespace graphfeed
