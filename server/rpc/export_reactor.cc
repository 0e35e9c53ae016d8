#include "server/rpc/export_reactor.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proto/wire/ingest_sequence.h"
#include "server/rpc/reactor.h"
#include "storage/base/status_macros.h"
#include "storage/version_source.h"

namespace graphfeed {
namespace {

// At any time there is either one task, or one write, or neither because the call is finished; each
// starts the next. So members need no mutex, and Finish comes once.
class ExportReactor final : public Reactor<grpc::ServerWriteReactor<v1::IngestRequest>> {
 public:
  ExportReactor(TransferContext& exports, const grpc::CallbackServerContext& context,
                std::string dataset)
      : Reactor(exports.calls, context, "ExportVersion"),
        exports_(exports),
        dataset_(std::move(dataset)) {}

  void Start() {
    exports_.pool.Post([this] {
      if (absl::Status status = Open(); !status.ok()) return Close(status);
      Send();
    });
  }

  void OnWriteDone(bool ok) override {
    exports_.pool.Post(
        [this, ok] { ok ? Send() : Close(absl::CancelledError("the client is gone")); });
  }

 private:
  absl::Status Open() {
    GF_RETURN_IF_ERROR(call().CheckOpen());
    GF_RETURN_IF_ERROR(call().TakePlace(exports_.admission));
    GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset, exports_.catalog.OpenDataset(dataset_));
    messages_.emplace(ReadVersion(std::move(dataset)));
    return absl::OkStatus();
  }

  void Send() {
    if (absl::Status status = call().CheckCancelled(); !status.ok()) return Close(status);
    absl::StatusOr<std::optional<v1::IngestRequest>> message = messages_->Next();
    if (!message.ok()) return Close(message.status());
    if (!message->has_value()) return Close(absl::OkStatus());
    message_ = **std::move(message);
    StartWrite(&message_);
  }

  // The version goes before the client hears of the end.
  void Close(const absl::Status& status) {
    messages_.reset();
    End(status);
  }

  TransferContext& exports_;
  const std::string dataset_;
  std::optional<wire::IngestSequence> messages_;
  v1::IngestRequest message_;  // in flight
};

}  // namespace

grpc::ServerWriteReactor<v1::IngestRequest>* StartExport(TransferContext& exports,
                                                         const grpc::CallbackServerContext& context,
                                                         const v1::ExportVersionRequest& request) {
  auto* reactor = new ExportReactor(exports, context, request.dataset());
  reactor->Start();
  return reactor;
}

}  // namespace graphfeed
