#include "server/rpc/stream_reactor.h"

#include <string>
#include <utility>
#include <vector>

#include "graphfeed/v1/graphfeed.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/slice.h"
#include "proto/wire/frame_codec.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "server/rpc/status.h"

namespace graphfeed {
namespace {

// A slice that holds the slab, and with it the frame's place in the stream, until gRPC drops its
// last reference.
grpc::Slice Alias(FrameStream::Frame frame) {
  struct Held {
    FrameStream::Slot slot;  // goes last: the slab is back by then
    Slab slab;
  };
  void* const data = frame.slab.data();
  const size_t size = frame.slab.size();
  auto* held = new Held{std::move(frame.slot), std::move(frame.slab)};
  return grpc::Slice(
      data, size, [](void* user_data) { delete static_cast<Held*>(user_data); }, held);
}

grpc::ByteBuffer Encode(const v1::StreamBatchesResponse& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer Encode(FrameStream::Message message) {
  if (auto* header = std::get_if<StreamInfo>(&message)) {
    v1::StreamBatchesResponse response;
    *response.mutable_header() = wire::ToProto(*header);
    return Encode(response);
  }
  if (auto* epoch = std::get_if<EpochInfo>(&message)) {
    v1::StreamBatchesResponse response;
    *response.mutable_epoch() = wire::ToProto(*epoch);
    return Encode(response);
  }
  auto& frame = std::get<FrameStream::Frame>(message);
  if (!frame.compact.has_value()) {
    const std::string header = wire::EncodeFrameHeader(frame.info, frame.slab.size());
    const grpc::Slice slices[] = {grpc::Slice(header), Alias(std::move(frame))};
    return grpc::ByteBuffer(slices, 2);
  }
  const CompactFrame compact = *std::move(frame.compact);
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + compact.literals.size());
  slices.emplace_back(wire::EncodeFrameHeader(frame.info, compact.payload_bytes, compact.runs));
  const grpc::Slice slab = Alias(std::move(frame));
  for (const CompactFrame::Piece& piece : compact.literals) {
    slices.push_back(slab.sub(static_cast<size_t>(piece.offset),
                              static_cast<size_t>(piece.offset + piece.size)));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

absl::StatusOr<wire::StreamRequest> Decode(grpc::ByteBuffer& bytes) {
  v1::StreamBatchesRequest message;
  const grpc::Status status =
      grpc::SerializationTraits<v1::StreamBatchesRequest>::Deserialize(&bytes, &message);
  if (!status.ok()) return absl::InvalidArgumentError("the request is not a StreamBatchesRequest");
  return wire::ParseRequest(message);
}

class StreamReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                            public FrameStream::Sink {
 public:
  explicit StreamReactor(StreamContext& context)
      : calls_(context.calls),
        scope_(context.calls, "StreamBatches"),
        stream_(FrameStream::Create(context.build_pool, context.planning_pool, *this)) {
    calls_.metrics().StreamsOpen(1);
    calls_.AddStream(stream_);
  }

  // Not in the constructor: the answer may come before it returns.
  void Start(FrameStream::Opener open) { stream_->Start(std::move(open)); }

  void Write(FrameStream::Message message) override {
    buffer_ = Encode(std::move(message));
    StartWrite(&buffer_);
  }

  void Finish(absl::Status status) override {
    scope_.set_status(status);
    ServerWriteReactor::Finish(ToGrpcStatus(status));
  }

  void OnWriteDone(bool ok) override {
    buffer_.Clear();
    stream_->OnWritten(ok);
  }

  // Also when the client's connection or deadline ends.
  void OnCancel() override { stream_->Stop(absl::CancelledError("cancelled by the client")); }

  void OnDone() override {
    calls_.RemoveStream(stream_);
    calls_.metrics().StreamsOpen(-1);
    delete this;
  }

 private:
  Calls& calls_;
  Calls::Scope scope_;
  const std::shared_ptr<FrameStream> stream_;  // shared with its tasks and frames
  grpc::ByteBuffer buffer_;                    // in flight
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(StreamContext& context,
                                                        const grpc::ByteBuffer& request) {
  auto* reactor = new StreamReactor(context);
  reactor->Start(
      [&context, request = grpc::ByteBuffer(request)](FrameStream::OpenDone done) mutable {
        if (absl::Status status = context.calls.CheckOpen(); !status.ok()) return done(status);
        absl::StatusOr<wire::StreamRequest> parsed = Decode(request);
        if (!parsed.ok()) return done(parsed.status());
        if (context.filter) {
          done = [&context,
                  done = std::move(done)](absl::StatusOr<FrameStream::Opened> opened) mutable {
            done(opened.ok() ? context.filter(*std::move(opened)) : std::move(opened));
          };
        }
        OpenStream(*std::move(parsed), context.maker, context.admission, context.calls.metrics(),
                   context.prefetch, std::move(done));
      });
  return reactor;
}

}  // namespace graphfeed
