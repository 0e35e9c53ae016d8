#include "server/rpc/ingest_reactor.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "proto/wire/messages.h"
#include "server/rpc/ingest_call.h"
#include "server/rpc/message_bytes.h"
#include "server/rpc/reactor.h"
#include "server/rpc/write_timeout.h"
#include "storage/base/allocation.h"
#include "storage/base/mutex.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

// At any time there is either one read, or one task, or neither because the call is finished; each
// starts the next. So members need no mutex, and Finish comes once. Only a read that takes too long
// is overtaken, by the alarm: it then comes to nothing.
class IngestReactor final : public Reactor<grpc::ServerReadReactor<grpc::ByteBuffer>> {
 public:
  IngestReactor(TransferContext& ingests, grpc::CallbackServerContext& context,
                grpc::ByteBuffer& reply)
      : Reactor(ingests.calls, context, "Ingest"),
        ingests_(ingests),
        messages_(std::make_unique<IngestCall>(ingests.catalog, *ingests.rules,
                                               call().caller().principal, call().tenant())),
        reply_(reply) {}
  ~IngestReactor() override {
    if (open_) ingests_.calls.metrics().IngestsOpen(-1);
    MutexLock lock(&read_->mu);
    read_->reactor = nullptr;
  }

  void Start() {
    if (absl::Status status = Open(); !status.ok()) return Close(status);
    Read();
  }

  void OnReadDone(bool ok) override {
    {
      MutexLock lock(&read_->mu);
      if (!std::exchange(read_->waiting, false)) return;  // too late
    }
    alarm_.reset();
    ingests_.pool.Post([this, ok] { Take(ok); });
  }

 private:
  // The read that is waited for; the alarm's callback may come when the reactor is gone.
  struct Reading {
    Mutex mu;
    IngestReactor* reactor ABSL_GUARDED_BY(mu) = nullptr;
    bool waiting ABSL_GUARDED_BY(mu) = false;
  };

  absl::Status Open() {
    GF_RETURN_IF_ERROR(call().CheckAdmitted());
    GF_RETURN_IF_ERROR(call().TakePlace(ingests_.admission, &call().tenant()->ingests()));
    open_ = true;
    ingests_.calls.metrics().IngestsOpen(1);
    return absl::OkStatus();
  }

  void Read() {
    {
      MutexLock lock(&read_->mu);
      read_->reactor = this;
      read_->waiting = true;
    }
    if (ingests_.idle_timeout < absl::InfiniteDuration()) {
      alarm_.emplace();
      alarm_->Set(FromNow(ingests_.idle_timeout), [read = read_](bool ok) {
        if (ok) TooLate(*read);
      });
    }
    StartRead(&bytes_);
  }

  static void TooLate(Reading& read) {
    MutexLock lock(&read.mu);
    if (!std::exchange(read.waiting, false)) return;
    IngestReactor* const self = read.reactor;
    self->ingests_.pool.Post([self] {
      self->Close(absl::DeadlineExceededError(
          absl::StrCat("nothing has come for ", absl::FormatDuration(self->ingests_.idle_timeout),
                       " (--ingest-idle-timeout)")));
    });
  }

  void Take(bool ok) {
    const WorkScope scope(call().token());
    std::optional<DatasetInfo> info;
    const absl::Status status = WithinMemory([&]() -> absl::Status {
      GF_RETURN_IF_ERROR(call().CheckCancelled());
      GF_RETURN_IF_ERROR(CheckStillMay(messages_->dataset()));
      GF_ASSIGN_OR_RETURN(info, ok ? TakeMessage() : TakeEnd());
      if (!info.has_value()) return absl::OkStatus();
      call().record()->Uses(absl::StrCat(info->name, "@", info->version));
      GF_ASSIGN_OR_RETURN(reply_, EncodeMessage(wire::ToProto(*info)));
      call().Sent(reply_.Length());
      return absl::OkStatus();
    });
    if (!status.ok() || info.has_value()) return Close(status);
    Read();
  }

  absl::StatusOr<std::optional<DatasetInfo>> TakeMessage() {
    if (commit_.has_value()) {
      return absl::InvalidArgumentError("a message after the commit, which is the last");
    }
    call().Received(bytes_.Length());
    GF_ASSIGN_OR_RETURN(const int64_t bytes,
                        CountMessage(bytes_, *v1::IngestRequest::descriptor()));
    if (bytes > ingests_.max_message_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a message of ", bytes_.Length(), " bytes takes ", bytes,
                       "; --ingest-memory is ", ingests_.max_message_bytes));
    }
    v1::IngestRequest message;
    GF_RETURN_IF_ERROR(ParseMessage(bytes_, message));
    bytes_.Clear();
    if (message.has_begin()) return TakeBegin(std::move(message));
    if (message.has_commit()) {
      commit_ = std::move(message);
      return std::optional<DatasetInfo>();
    }
    return messages_->Take(std::move(message));
  }

  absl::StatusOr<std::optional<DatasetInfo>> TakeBegin(v1::IngestRequest message) {
    auto taken = messages_->Take(std::move(message));
    call().record()->AskedFor(messages_->dataset());
    if (taken.ok()) call().record()->Uses(messages_->dataset());
    return taken;
  }

  // The stream is half-closed.
  absl::StatusOr<std::optional<DatasetInfo>> TakeEnd() {
    if (!commit_.has_value()) {
      return absl::InvalidArgumentError("the stream ended without a commit");
    }
    return messages_->Take(*std::move(commit_));
  }

  // The session goes before the client hears of the end, so that it leaves nothing behind by then.
  void Close(const absl::Status& status) {
    messages_.reset();
    End(status);
  }

  TransferContext& ingests_;
  bool open_ = false;
  std::unique_ptr<IngestCall> messages_;
  std::optional<v1::IngestRequest> commit_;  // not taken before the stream has ended
  grpc::ByteBuffer& reply_;
  grpc::ByteBuffer bytes_;
  const std::shared_ptr<Reading> read_ = std::make_shared<Reading>();  // shared with the alarm
  std::optional<grpc::Alarm> alarm_;
};

}  // namespace

grpc::ServerReadReactor<grpc::ByteBuffer>* StartIngest(TransferContext& ingests,
                                                       grpc::CallbackServerContext& context,
                                                       grpc::ByteBuffer& reply) {
  auto* reactor = new IngestReactor(ingests, context, reply);
  reactor->Start();
  return reactor;
}

}  // namespace graphfeed
