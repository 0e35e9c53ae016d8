#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/local/local_streams.h"
#include "client/local/waiting.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "server/rpc/call.h"
#include "server/serving/batch_source.h"
#include "server/serving/frame_stream.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// What a stream has written and nobody has read yet: one message, or the end. Shared by the reader
// and the stream's call of it.
class Mailbox final : public FrameStream::Sink, public std::enable_shared_from_this<Mailbox> {
 public:
  bool Write(FrameStream::Message&& message) override {
    absl::MutexLock lock(&mu_);
    message_ = std::move(message);
    return false;
  }
  void Finish(absl::Status status) override {
    const std::shared_ptr<Mailbox> self =
        shared_from_this();  // the reader goes when it sees the end
    absl::MutexLock lock(&mu_);
    end_ = std::move(status);
  }

  // Waits. nullopt: the end.
  std::optional<FrameStream::Message> Take() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](Mailbox* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mu_) {
          return self->message_.has_value() || self->end_.has_value();
        },
        this));
    return std::exchange(message_, std::nullopt);
  }
  absl::Status end() {
    absl::MutexLock lock(&mu_);
    return *end_;
  }

 private:
  absl::Mutex mu_;
  std::optional<FrameStream::Message> message_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
};

class LocalBatches final : public rpc::DownStream {
 public:
  LocalBatches(std::shared_ptr<LocalServer> server, const v1::StreamBatchesRequest& request)
      : server_(std::move(server)),
        core_(server_->core()),
        call_(Call::Admit(
            core_.calls, [gone = gone_] { return gone->load(); }, "StreamBatches")),
        stream_(FrameStream::Create(*core_.build_pool, *core_.planning_pool, *mailbox_)) {
    core_.metrics.StreamsOpen(1);
    core_.calls.AddStream(stream_, *call_);
    if (absl::Status status = Start(request); !status.ok()) stream_->Stop(status);
  }

  ~LocalBatches() override {
    if (call_ == nullptr) return;
    Cancel();
    (void)Finish();
  }

  bool Read(absl::FunctionRef<void(google::protobuf::io::ZeroCopyInputStream&)> use) override {
    std::optional<FrameStream::Message> message = mailbox_->Take();
    if (!message.has_value()) return false;
    opened_ = true;
    const std::string bytes = Encode(*std::move(message));
    stream_->OnWritten(true);  // the next one is on its way while this one is looked at
    google::protobuf::io::ArrayInputStream input(bytes.data(), static_cast<int>(bytes.size()));
    use(input);
    slab_ = Slab();
    return true;
  }

  Slab TakeSlab() override { return std::move(slab_); }

  absl::Status Finish() override {
    while (mailbox_->Take().has_value()) stream_->OnWritten(false);
    absl::Status status = Bare(mailbox_->end());
    core_.calls.RemoveStream(stream_);
    core_.metrics.StreamsOpen(-1);
    core_.metrics.StreamEnded(mailbox_->end(), opened_);
    call_->End(status);
    call_.reset();
    return status;
  }

  void Cancel() override {
    *gone_ = true;
    stream_->Stop(absl::CancelledError("cancelled by the client"));
  }

 private:
  absl::Status Start(const v1::StreamBatchesRequest& request) {
    GF_RETURN_IF_ERROR(call_->CheckAdmitted());
    GF_ASSIGN_OR_RETURN(wire::StreamRequest asked, wire::ParseRequest(request));
    asked.encoding = Encoding::kDense;
    stream_->Start([&core = core_, asked = std::move(asked)](FrameStream::OpenDone done) mutable {
      OpenStream(std::move(asked), core.maker, core.room, core.metrics, core.streams.prefetch,
                 /*sharing=*/nullptr, StreamOwner(), std::move(done));
    });
    return absl::OkStatus();
  }

  std::string Encode(FrameStream::Message message) {
    v1::StreamBatchesResponse response;
    if (auto* header = std::get_if<FrameStream::Header>(&message)) {
      *response.mutable_header() = wire::ToProto(header->info);
    } else if (auto* epoch = std::get_if<EpochInfo>(&message)) {
      *response.mutable_epoch() = wire::ToProto(*epoch);
    } else {
      auto& frame = std::get<FrameStream::Frame>(message);
      slab_ = std::move(frame.slab);
      return wire::EncodeFrameAt(frame.info, /*place=*/1);  // its slot goes: another is built
    }
    return response.SerializeAsString();
  }

  const std::shared_ptr<LocalServer> server_;  // first: all below is gone before it
  ServerCore& core_;
  // Shared with the call.
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  std::unique_ptr<Call> call_;  // until Finish
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  const std::shared_ptr<FrameStream> stream_;  // shared with its tasks
  bool opened_ = false;                        // the header has been read
  Slab slab_;                                  // of the message that is being looked at
};

}  // namespace

std::unique_ptr<rpc::DownStream> StartLocalBatches(std::shared_ptr<LocalServer> server,
                                                   const v1::StreamBatchesRequest& request) {
  return std::make_unique<LocalBatches>(std::move(server), request);
}

}  // namespace graphfeed
