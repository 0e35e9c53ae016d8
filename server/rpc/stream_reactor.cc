#include "server/rpc/stream_reactor.h"

#include <string>
#include <utility>
#include <vector>

#include "graphfeed/v1/graphfeed.pb.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/slice.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "server/rpc/reactor.h"

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

class StreamReactor final : public Reactor<grpc::ServerWriteReactor<grpc::ByteBuffer>>,
                            public FrameStream::Sink {
 public:
  StreamReactor(StreamContext& streams, const grpc::CallbackServerContext& context)
      : Reactor(streams.calls, context, "StreamBatches"),
        streams_(streams),
        stream_(FrameStream::Create(streams.build_pool, streams.planning_pool, *this)) {
    streams_.calls.metrics().StreamsOpen(1);
    streams_.calls.AddStream(stream_);
  }
  ~StreamReactor() override {
    streams_.calls.RemoveStream(stream_);
    streams_.calls.metrics().StreamsOpen(-1);
  }

  // Not in the constructor: the answer may come before it returns. The stream may end while it is
  // being opened, and the reactor with it.
  void Start(const grpc::ByteBuffer& request) {
    if (absl::Status status = call().CheckOpen(); !status.ok()) return stream_->Stop(status);
    stream_->Start([&streams = streams_,
                    request = grpc::ByteBuffer(request)](FrameStream::OpenDone done) mutable {
      Open(streams, request, std::move(done));
    });
  }

  void Write(FrameStream::Message message) override {
    buffer_ = Encode(std::move(message));
    StartWrite(&buffer_);
  }

  void Finish(absl::Status status) override { End(status); }

  void OnWriteDone(bool ok) override {
    buffer_.Clear();
    stream_->OnWritten(ok);
  }

  // Also when the client's connection or deadline ends.
  void OnCancel() override { stream_->Stop(absl::CancelledError("cancelled by the client")); }

 private:
  static void Open(StreamContext& streams, grpc::ByteBuffer& request, FrameStream::OpenDone done) {
    absl::StatusOr<wire::StreamRequest> parsed = Decode(request);
    if (!parsed.ok()) return done(parsed.status());
    if (streams.filter) {
      done = [&streams,
              done = std::move(done)](absl::StatusOr<FrameStream::Opened> opened) mutable {
        done(opened.ok() ? streams.filter(*std::move(opened)) : std::move(opened));
      };
    }
    OpenStream(*std::move(parsed), streams.maker, streams.admission, streams.calls.metrics(),
               streams.prefetch, std::move(done));
  }

  StreamContext& streams_;
  const std::shared_ptr<FrameStream> stream_;  // shared with its tasks
  grpc::ByteBuffer buffer_;                    // in flight
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(StreamContext& streams,
                                                        const grpc::CallbackServerContext& context,
                                                        const grpc::ByteBuffer& request) {
  auto* reactor = new StreamReactor(streams, context);
  reactor->Start(request);
  return reactor;
}

}  // namespace graphfeed
