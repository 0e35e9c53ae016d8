#include "server/rpc/export_reactor.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/wire/ingest_sequence.h"
#include "server/rpc/message_bytes.h"
#include "server/rpc/reactor.h"
#include "server/rpc/request_bytes.h"
#include "server/rpc/write_timeout.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/version_source.h"

namespace graphfeed {
namespace {

// At any time there is either one task, or one write, or neither because the call is finished; each
// starts the next. So members need no mutex, and Finish comes once.
class ExportReactor final : public Reactor<grpc::ServerWriteReactor<grpc::ByteBuffer>> {
 public:
  ExportReactor(TransferContext& exports, grpc::CallbackServerContext& context)
      : Reactor(exports.calls, context, "ExportVersion"),
        exports_(exports),
        timeout_(context, exports.idle_timeout) {}

  void Start(const grpc::ByteBuffer& request) {
    auto admitted = RequestBytes::Admit(call(), request);
    if (!admitted.ok()) return Close(admitted.status());
    exports_.pool.Post([this, bytes = *std::move(admitted)] {
      if (absl::Status status = WithinMemory([&] { return Open(*bytes); }); !status.ok()) {
        return Close(status);
      }
      Send();
    });
  }

  void OnWriteDone(bool ok) override {
    absl::Status status = timeout_.End();
    if (!ok && status.ok()) status = absl::CancelledError("the client is gone");
    exports_.pool.Post(
        [this, status = std::move(status)] { status.ok() ? Send() : Close(status); });
  }

 private:
  absl::Status Open(RequestBytes& bytes) {
    const WorkScope scope(call().token());
    GF_RETURN_IF_ERROR(call().CheckOpen());
    v1::ExportVersionRequest request;
    GF_RETURN_IF_ERROR(bytes.Parse(request));
    call().record()->AskedFor(request.dataset());
    GF_RETURN_IF_ERROR(call().caller().principal->CheckDataset(request.dataset()));
    GF_RETURN_IF_ERROR(call().TakePlace(exports_.admission));
    GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset,
                        exports_.catalog.OpenDataset(request.dataset()));
    call().record()->Uses(absl::StrCat(dataset->info().name, "@", dataset->info().version));
    info_ = dataset->info();
    messages_.emplace(ReadVersion(std::move(dataset)));
    return absl::OkStatus();
  }

  void Send() {
    bool end = false;
    const absl::Status status = WithinMemory([&]() -> absl::Status {
      const WorkScope scope(call().token());
      GF_RETURN_IF_ERROR(call().CheckCancelled());
      GF_RETURN_IF_ERROR(CheckStillMay(info_.name));
      const auto message = messages_->Next();
      if (!message.ok()) return exports_.catalog.WhyNotRead(info_, message.status());
      end = !message->has_value();
      if (end) return absl::OkStatus();
      GF_ASSIGN_OR_RETURN(bytes_, EncodeMessage(**message));
      call().Sent(bytes_.Length());
      return absl::OkStatus();
    });
    if (end || !status.ok()) return Close(status);
    timeout_.Begin();
    StartWrite(&bytes_);
  }

  // The version goes before the client hears of the end.
  void Close(const absl::Status& status) {
    messages_.reset();
    End(status);
  }

  TransferContext& exports_;
  std::optional<wire::IngestSequence> messages_;
  DatasetInfo info_;
  grpc::ByteBuffer bytes_;  // in flight
  WriteTimeout timeout_;    // of that
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartExport(TransferContext& exports,
                                                        grpc::CallbackServerContext& context,
                                                        const grpc::ByteBuffer& request) {
  auto* reactor = new ExportReactor(exports, context);
  reactor->Start(request);
  return reactor;
}

}  // namespace graphfeed
