#include "client/cpp/rpc/rpc.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/impl/rpc_method.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/rpc/lazy_channel.h"
#include "proto/frame/error_details.h"
#include "proto/wire/endpoint.h"
#include "proto/wire/status_details.h"
#include "storage/base/status_macros.h"

namespace graphfeed::rpc {
namespace {

using google::protobuf::MessageLite;
using grpc::internal::RpcMethod;

// What gRPC says of a connection that does not come up because one side speaks TLS otherwise than
// the other, and what to do about it.
struct TlsHint {
  absl::string_view said;
  absl::string_view hint;
};
constexpr TlsHint kTlsHints[] = {
    {"wrong version number", "the server speaks without TLS, and root_ca is given"},
    {"certificate verify failed", "the server's certificate does not come from those in root_ca"},
    {"is not in peer certificate", "the server's certificate is for other names"},
    {": Socket closed",
     "so ends what a server wants TLS for: it may want root_ca, or cert and key of an authority "
     "that it knows"},
};

// `reason`, with a hint if it is that of a connection that did not come up.
std::string WithTlsHint(std::string reason) {
  if (!absl::StartsWith(reason, "failed to connect")) return reason;
  for (const TlsHint& each : kTlsHints) {
    if (absl::StrContains(reason, each.said)) return absl::StrCat(reason, " (", each.hint, ")");
  }
  return reason;
}

// The codes are the same numbers in both.
absl::Status FromGrpc(const grpc::Status& status, const grpc::ClientContext& context) {
  if (status.ok()) return absl::OkStatus();
  const std::string reason = status.error_message();
  absl::Status error = wire::DecodeStatusDetails(
      absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                   reason.empty() ? "the server gave no reason" : WithTlsHint(reason)),
      status.error_details());
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto id = metadata.find("x-request-id");
  if (id == metadata.end()) return error;
  return WithRequestId(std::move(error), {id->second.data(), id->second.size()});
}

// W3C's, of the environment, which the process does not change: "00-...-...-01". What is none would
// end the process within gRPC.
const std::string& TraceParent() {
  static const auto* const trace_parent = [] {
    const char* const text = std::getenv("TRACEPARENT");
    const absl::string_view value = text == nullptr ? "" : text;
    const bool plain = value.size() >= 55 && value.size() <= 128 &&
                       std::all_of(value.begin(), value.end(), [](unsigned char c) {
                         return absl::ascii_isxdigit(c) || c == '-';
                       });
    return new std::string(plain ? value : "");
  }();
  return *trace_parent;
}

absl::Status InterruptedError() { return absl::CancelledError("interrupted"); }

// What a call tells of its caller.
class CallContext : public grpc::ClientContext {
 public:
  explicit CallContext(const std::string& token) {
    if (!token.empty()) AddMetadata("authorization", absl::StrCat("Bearer ", token));
    if (!TraceParent().empty()) AddMetadata("traceparent", TraceParent());
  }
};

// One operation at a time on a completion queue of its own, waited for in slices so that an
// interruption is noticed.
class Waiter {
 public:
  Waiter(grpc::ClientContext& context, const Interrupted& interrupted)
      : context_(context), interrupted_(interrupted) {}
  ~Waiter() {
    queue_.Shutdown();
    void* tag;
    bool ok;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  grpc::CompletionQueue* queue() { return &queue_; }
  void* tag() { return this; }
  bool interrupted() const { return was_interrupted_; }

  // Blocks until the operation that was started with tag() is done; returns whether it went well.
  // An interruption cancels the call, which ends the operation.
  bool Wait() {
    for (;;) {
      void* tag;
      bool ok = false;
      const auto deadline =
          interrupted_ && !was_interrupted_
              ? std::chrono::system_clock::now() + absl::ToChronoMilliseconds(kInterruptInterval)
              : std::chrono::system_clock::time_point::max();
      if (queue_.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) return ok;
      if (interrupted_()) {
        was_interrupted_ = true;
        context_.TryCancel();
      }
    }
  }

 private:
  grpc::ClientContext& context_;
  const Interrupted& interrupted_;
  grpc::CompletionQueue queue_;
  bool was_interrupted_ = false;
};

// Receives what a method that answers once has answered, as if it were a stream: gRPC's own calls
// of such methods wait behind a second answer, until their deadline, or for ever.
template <typename Call>
absl::Status ReceiveOne(Call& call, Waiter& waiter, grpc::ClientContext& context,
                        MessageLite* response) {
  absl::string_view wrong;
  grpc::ByteBuffer answer;
  call.Read(&answer, waiter.tag());
  const bool answered = waiter.Wait();
  if (answered) {
    grpc::ProtoBufferReader bytes(&answer);
    if (response->ParseFromZeroCopyStream(&bytes)) {
      grpc::ByteBuffer more;
      call.Read(&more, waiter.tag());
      if (waiter.Wait()) wrong = "the server has answered twice";
    } else {
      wrong = "the answer is not a message";
    }
  }
  if (!wrong.empty()) context.TryCancel();
  grpc::Status status;
  call.Finish(&status, waiter.tag());
  (void)waiter.Wait();
  if (waiter.interrupted()) return InterruptedError();
  if (!wrong.empty()) return absl::InternalError(wrong);
  if (!answered && status.ok()) {
    return absl::InternalError("the server has not answered, and says that all is well");
  }
  return FromGrpc(status, context);
}

class GrpcDownStream final : public DownStream {
 public:
  GrpcDownStream(ChannelUse channel, const char* method, const MessageLite& request,
                 const std::string& token)
      : channel_(std::move(channel)),
        context_(token),
        reader_(grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(
            channel_.get(), RpcMethod(method, RpcMethod::SERVER_STREAMING), &context_, request)) {}

  ~GrpcDownStream() override {
    if (finished_) return;
    Cancel();
    (void)Finish();
  }

  bool Read(absl::FunctionRef<void(google::protobuf::io::ZeroCopyInputStream&)> use) override {
    grpc::ByteBuffer message;
    if (!reader_->Read(&message)) return false;
    grpc::ProtoBufferReader bytes(&message);
    use(bytes);
    return true;
  }

  absl::Status Finish() override {
    finished_ = true;
    return FromGrpc(reader_->Finish(), context_);
  }

  void Cancel() override { context_.TryCancel(); }

 private:
  const ChannelUse channel_;  // first: everything below is gone before it
  CallContext context_;
  const std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> reader_;
  bool finished_ = false;
};

class GrpcUpStream final : public UpStream {
 public:
  GrpcUpStream(ChannelUse channel, const char* method, const Interrupted& interrupted,
               MessageLite* response, const std::string& token)
      : channel_(std::move(channel)),
        interrupted_(interrupted),
        context_(token),
        waiter_(context_, interrupted_),
        response_(response) {
    using Factory = grpc::internal::ClientAsyncReaderWriterFactory<MessageLite, grpc::ByteBuffer>;
    call_.reset(Factory::Create(channel_.get(), waiter_.queue(),
                                RpcMethod(method, RpcMethod::BIDI_STREAMING), &context_,
                                /*start=*/true, waiter_.tag()));
    pending_ = true;
  }

  ~GrpcUpStream() override {
    if (end_) return;
    context_.TryCancel();
    (void)End();
  }

  absl::Status Write(const MessageLite& message) override {
    if (end_) return *end_;
    if (!Settle()) return End();
    call_->Write(message, waiter_.tag());
    pending_ = true;
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    if (end_) return *end_;
    if (Settle()) {
      call_->WritesDone(waiter_.tag());
      pending_ = true;
    }
    return End();
  }

 private:
  // Waits for the operation in flight. False: the call is over.
  bool Settle() {
    if (!pending_) return true;
    pending_ = false;
    return waiter_.Wait();
  }

  absl::Status End() {
    (void)Settle();
    end_ = ReceiveOne(*call_, waiter_, context_, response_);
    return *end_;
  }

  const ChannelUse channel_;  // first: everything below is gone before it
  const Interrupted interrupted_;
  CallContext context_;
  Waiter waiter_;
  MessageLite* const response_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<MessageLite, grpc::ByteBuffer>> call_;
  bool pending_ = false;             // an operation is in flight
  std::optional<absl::Status> end_;  // how the call ended
};

class GrpcChannel final : public Channel {
 public:
  explicit GrpcChannel(const ChannelOptions& options)
      : channel_(options), interrupted_(options.interrupted) {}

  absl::Status Call(const char* method, const MessageLite& request, absl::Duration timeout,
                    MessageLite* response) override {
    GF_ASSIGN_OR_RETURN(const std::string token, TokenOf(channel_.options().security));
    GF_ASSIGN_OR_RETURN(const ChannelUse channel, channel_.Use());
    CallContext context(token);
    if (timeout < absl::InfiniteDuration()) {
      context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    }
    Waiter waiter(context, interrupted_);
    const std::unique_ptr<grpc::ClientAsyncReader<grpc::ByteBuffer>> call(
        grpc::internal::ClientAsyncReaderFactory<grpc::ByteBuffer>::Create(
            channel.get(), waiter.queue(), RpcMethod(method, RpcMethod::SERVER_STREAMING), &context,
            request, /*start=*/true, waiter.tag()));
    (void)waiter.Wait();
    return ReceiveOne(*call, waiter, context, response);
  }

  absl::StatusOr<std::unique_ptr<DownStream>> StartDown(const char* method,
                                                        const MessageLite& request) override {
    GF_ASSIGN_OR_RETURN(const std::string token, TokenOf(channel_.options().security));
    GF_ASSIGN_OR_RETURN(ChannelUse channel, channel_.Use());
    return std::make_unique<GrpcDownStream>(std::move(channel), method, request, token);
  }

  absl::StatusOr<std::unique_ptr<UpStream>> StartUp(const char* method,
                                                    MessageLite* response) override {
    GF_ASSIGN_OR_RETURN(const std::string token, TokenOf(channel_.options().security));
    GF_ASSIGN_OR_RETURN(ChannelUse channel, channel_.Use());
    return std::make_unique<GrpcUpStream>(std::move(channel), method, interrupted_, response,
                                          token);
  }

  void Reconnect() override { channel_.Drop(); }

 private:
  LazyChannel channel_;
  const Interrupted interrupted_;
};

std::atomic<Channel::InProcess> in_process = nullptr;

}  // namespace

void Channel::SetInProcess(InProcess make) { in_process = make; }
bool Channel::HasInProcess() { return in_process != nullptr; }

std::unique_ptr<Channel> Channel::Create(const ChannelOptions& options) {
  if (wire::LocalFolder(options.endpoint).has_value()) return in_process.load()(options);
  return std::make_unique<GrpcChannel>(options);
}

}  // namespace graphfeed::rpc
