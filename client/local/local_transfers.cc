#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "client/local/local_streams.h"
#include "client/local/process_gate.h"
#include "client/local/waiting.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "proto/wire/ingest_sequence.h"
#include "proto/wire/messages.h"
#include "server/rpc/call.h"
#include "server/rpc/ingest_call.h"
#include "storage/base/allocation.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/version_source.h"

namespace graphfeed {
namespace {

using google::protobuf::MessageLite;

// One call that moves a version, from its gate to its end.
class TransferCall {
 public:
  TransferCall(LocalServer& server, const char* method)
      : call_(Call::Admit(
            server.core().calls, [gone = gone_] { return gone->load(); }, method)) {}

  // May it begin? Takes a place of `admission`.
  absl::Status Open(Admission& admission) {
    GF_RETURN_IF_ERROR(call_->CheckAdmitted());
    return call_->TakePlace(admission);
  }
  absl::Status CheckCancelled() const { return call_->CheckCancelled(); }
  CancelToken token() const { return gone_; }
  void Cancel() { *gone_ = true; }
  absl::Status End(const absl::Status& status) {
    call_->End(status);
    call_.reset();
    return Bare(status);
  }
  bool ended() const { return call_ == nullptr; }

 private:
  // Shared with the call and its work.
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<Call> call_;
};

class LocalExport final : public rpc::DownStream {
 public:
  LocalExport(std::shared_ptr<LocalServer> server, std::string dataset)
      : server_(std::move(server)),
        dataset_(std::move(dataset)),
        call_(*server_, "ExportVersion") {}
  ~LocalExport() override {
    if (!call_.ended()) (void)Finish();
  }

  bool Read(absl::FunctionRef<void(google::protobuf::io::ZeroCopyInputStream&)> use) override {
    std::optional<v1::IngestRequest> message;
    {
      const WithinGate within;
      const WorkScope scope(call_.token());
      status_ = WithinMemory([&]() -> absl::Status {
        GF_RETURN_IF_ERROR(call_.CheckCancelled());
        if (!messages_.has_value()) GF_RETURN_IF_ERROR(Open());
        GF_ASSIGN_OR_RETURN(message, messages_->Next());
        return absl::OkStatus();
      });
    }
    if (!status_.ok() || !message.has_value()) return false;
    const std::string bytes = message->SerializeAsString();
    google::protobuf::io::ArrayInputStream input(bytes.data(), static_cast<int>(bytes.size()));
    use(input);
    return true;
  }

  absl::Status Finish() override {
    messages_.reset();
    return call_.End(status_);
  }
  void Cancel() override { call_.Cancel(); }

 private:
  absl::Status Open() {
    ServerCore& core = server_->core();
    GF_RETURN_IF_ERROR(call_.Open(core.export_admission));
    GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> dataset, core.catalog->OpenDataset(dataset_));
    messages_.emplace(ReadVersion(std::move(dataset)));
    return absl::OkStatus();
  }

  const std::shared_ptr<LocalServer> server_;  // first: all below is gone before it
  const std::string dataset_;
  TransferCall call_;
  std::optional<wire::IngestSequence> messages_;
  absl::Status status_;
};

class LocalIngest final : public rpc::UpStream {
 public:
  LocalIngest(std::shared_ptr<LocalServer> server, rpc::Interrupted interrupted,
              MessageLite* response)
      : server_(std::move(server)),
        interrupted_(std::move(interrupted)),
        response_(dynamic_cast<v1::DatasetInfo&>(*response)),
        call_(*server_, "Ingest"),
        messages_(std::make_unique<IngestCall>(*server_->core().catalog, server_->core().rules,
                                               Caller::Local().principal)) {
    if (absl::Status status = call_.Open(server_->core().ingest_admission); !status.ok()) {
      (void)End(status);
      return;
    }
    server_->core().metrics.IngestsOpen(1);
    open_ = true;
  }
  ~LocalIngest() override {
    if (!end_.has_value()) (void)End(absl::CancelledError("cancelled by the client"));
  }

  absl::Status Write(const MessageLite& message) override {
    if (end_.has_value()) return *end_;
    if (absl::Status status = Settle(); !status.ok()) return End(status);
    Send(dynamic_cast<const v1::IngestRequest&>(message));
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (end_.has_value()) return *end_;
    absl::Status status = Settle();
    if (status.ok() && commit_.has_value()) {
      Post(*std::exchange(commit_, std::nullopt));
      status = Settle();
    }
    if (status.ok() && !info_.has_value()) {
      status = absl::InvalidArgumentError("the stream ended without a commit");
    }
    if (status.ok()) response_ = wire::ToProto(*info_);
    return End(status);
  }

 private:
  // The commit counts when the caller has ended the stream behind it.
  void Send(v1::IngestRequest message) {
    if (message.has_commit()) {
      commit_ = std::move(message);
    } else {
      Post(std::move(message));
    }
  }

  void Post(v1::IngestRequest message) {
    stored_.emplace();
    server_->core().ingest_pool->Post(
        [this, &stored = *stored_, message = std::move(message)]() mutable {
          const WorkScope scope(call_.token());
          stored.Set(WithinMemory([&]() -> absl::Status {
            GF_RETURN_IF_ERROR(call_.CheckCancelled());
            GF_ASSIGN_OR_RETURN(info_, messages_->Take(std::move(message)));
            return absl::OkStatus();
          }));
        });
  }

  // Waits for the message that is being stored.
  absl::Status Settle() {
    if (!stored_.has_value()) return absl::OkStatus();
    absl::Status status = stored_->Wait(interrupted_, absl::InfiniteFuture());
    if (status.ok()) stored_.reset();
    return status;
  }

  // The session goes before the caller hears of the end, so that it leaves nothing behind by then.
  absl::Status End(const absl::Status& status) {
    if (!status.ok()) call_.Cancel();
    if (stored_.has_value()) stored_->WaitForIt();
    {
      const WithinGate within;
      messages_.reset();
    }
    if (open_) server_->core().metrics.IngestsOpen(-1);
    open_ = false;
    end_ = call_.End(status);
    return *end_;
  }

  const std::shared_ptr<LocalServer> server_;  // first: all below is gone before it
  const rpc::Interrupted interrupted_;
  v1::DatasetInfo& response_;
  TransferCall call_;
  bool open_ = false;
  std::unique_ptr<IngestCall> messages_;     // of the task, while there is one
  std::optional<DatasetInfo> info_;          // the same
  std::optional<Outcome> stored_;            // of the message that is being stored
  std::optional<v1::IngestRequest> commit_;  // not taken before the stream has ended
  std::optional<absl::Status> end_;          // how the call ended
};

}  // namespace

std::unique_ptr<rpc::DownStream> StartLocalExport(std::shared_ptr<LocalServer> server,
                                                  const v1::ExportVersionRequest& request) {
  return std::make_unique<LocalExport>(std::move(server), request.dataset());
}

std::unique_ptr<rpc::UpStream> StartLocalIngest(std::shared_ptr<LocalServer> server,
                                                rpc::Interrupted interrupted,
                                                MessageLite* response) {
  return std::make_unique<LocalIngest>(std::move(server), std::move(interrupted), response);
}

}  // namespace graphfeed
