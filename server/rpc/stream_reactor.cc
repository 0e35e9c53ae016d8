#include "server/rpc/stream_reactor.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "graphfeed/v1/graphfeed.pb.h"
#include "grpc/grpc.h"
#include "grpcpp/support/slice.h"
#include "proto/frame/error_details.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"
#include "proto/wire/requests.h"
#include "server/rpc/message_bytes.h"
#include "server/rpc/reactor.h"
#include "server/rpc/request_bytes.h"
#include "server/sharing/slab_ring.h"

namespace graphfeed {
namespace {

std::string Encode(const StreamInfo& header) {
  v1::StreamBatchesResponse response;
  *response.mutable_header() = wire::ToProto(header);
  return response.SerializeAsString();
}

std::string Encode(const EpochInfo& epoch) {
  v1::StreamBatchesResponse response;
  *response.mutable_epoch() = wire::ToProto(epoch);
  return response.SerializeAsString();
}

// Lends the frame's slab to the client.
std::string EncodeLent(FrameStream::Frame& frame) {
  const uint32_t place =
      frame.ring->Lend(std::move(frame.slab),
                       [slot = std::move(frame.slot)]() mutable { slot = FrameStream::Slot(); });
  return wire::EncodeFrameAt(frame.info, place);
}

// With the slab as the payload, or what of it is not padding.
grpc::ByteBuffer EncodeWhole(FrameStream::Frame& frame) {
  if (!frame.compact.has_value()) {
    const std::string header = wire::EncodeFrameHeader(frame.info, frame.slab.size());
    const grpc::Slice slices[] = {grpc::Slice(header),
                                  SlabSlice(std::move(frame.slab), std::move(frame.slot))};
    return grpc::ByteBuffer(slices, 2);
  }
  const CompactFrame compact = *std::move(frame.compact);
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + compact.literals.size());
  slices.emplace_back(wire::EncodeFrameHeader(frame.info, compact.payload_bytes, compact.runs));
  const grpc::Slice slab = SlabSlice(std::move(frame.slab), std::move(frame.slot));
  for (const CompactFrame::Piece& piece : compact.literals) {
    slices.push_back(slab.sub(static_cast<size_t>(piece.offset),
                              static_cast<size_t>(piece.offset + piece.size)));
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

class StreamReactor final : public Reactor<grpc::ServerWriteReactor<grpc::ByteBuffer>>,
                            public FrameStream::Sink {
 public:
  StreamReactor(StreamContext& streams, grpc::CallbackServerContext& context)
      : Reactor(streams.calls, context, "StreamBatches"),
        streams_(streams),
        context_(context),
        stream_(FrameStream::Create(call().tenant()->build_queue(),
                                    call().tenant()->planning_queue(), *this,
                                    LimitsOfStream(streams.limits, streams.num_streams++))) {
    call().record()->IsStream();
    streams_.calls.metrics().StreamsOpen(1);
    streams_.calls.AddStream(stream_, call());
  }
  ~StreamReactor() override {
    if (ring_ != nullptr) ring_->EndStream();
    streams_.calls.RemoveStream(stream_);
    streams_.calls.metrics().StreamsOpen(-1);
  }

  // Not in the constructor: the answer may come before it returns. The stream may end while it is
  // being opened, and the reactor with it.
  void Start(const grpc::ByteBuffer& request) {
    auto admitted = RequestBytes::Admit(call(), request);
    if (!admitted.ok()) return stream_->Stop(admitted.status());
    if (absl::Status status = call().TakePlace(call().tenant()->streams()); !status.ok()) {
      return stream_->Stop(WithRetryDelay(status, absl::Seconds(1)));
    }
    stream_->Start([&streams = streams_, principal = call().caller().principal,
                    tenant = call().tenant(), record = call().record(),
                    bytes = *std::move(admitted)](FrameStream::OpenDone done) mutable {
      Open(streams, *principal, tenant, std::move(record), std::move(bytes), std::move(done));
    });
  }

  // The frame's info stays in the message.
  bool Write(FrameStream::Message&& message) override {
    if (auto* header = std::get_if<FrameStream::Header>(&message)) {
      opened_ = true;
      ring_ = std::move(header->ring);
      // The client looks there when it has read the header.
      messages_ = header->info.passage_messages ? ring_ : nullptr;
      return StartWriting(Encode(header->info));
    }
    if (auto* epoch = std::get_if<EpochInfo>(&message)) return SendOrWrite(Encode(*epoch));
    auto& frame = std::get<FrameStream::Frame>(message);
    is_frame_ = true;
    if (first_frame_ == FirstFrame::kNotYet) first_frame_ = FirstFrame::kInFlight;
    if (frame.ring != nullptr) return SendOrWrite(EncodeLent(frame));
    EndMessages();
    return StartWriting(EncodeWhole(frame));
  }

  void Finish(absl::Status status) override {
    EndMessages();
    streams_.calls.metrics().StreamEnded(status, opened_);
    streams_.calls.RemoveStream(stream_);  // whoever sees the end finds it gone from the load
    End(status);
  }

  // As a cancellation of ours, but with a code and words that clients know.
  void BreakOff(const absl::Status& status) override {
    (void)grpc_call_cancel_with_status(context_.c_call(), GRPC_STATUS_UNAVAILABLE,
                                       std::string(status.message()).c_str(), nullptr);
  }

  void OnWriteDone(bool ok) override {
    buffer_.Clear();
    if (ok) NoteWritten();
    stream_->OnWritten(ok);
  }

  // Also when the client's connection or deadline ends.
  void OnCancel() override { stream_->Stop(absl::CancelledError("cancelled by the client")); }

 private:
  enum class FirstFrame : uint8_t { kNotYet, kInFlight, kSent };

  static void Open(StreamContext& streams, const Principal& caller,
                   const std::shared_ptr<Tenant>& tenant, std::shared_ptr<CallRecord> record,
                   std::shared_ptr<RequestBytes> bytes, FrameStream::OpenDone done) {
    v1::StreamBatchesRequest message;
    if (absl::Status status = bytes->Parse(message); !status.ok()) return done(status);
    absl::StatusOr<wire::StreamRequest> request = wire::ParseRequest(message);
    if (!request.ok()) return done(request.status());
    message.Clear();
    record->AskedFor(request->dataset);
    if (absl::Status status = caller.CheckDataset(request->dataset); !status.ok()) {
      return done(status);
    }
    if (caller.quota.prefetch >= 0) {
      const int64_t wanted =
          request->prefetch == 0 ? streams.prefetch.default_frames : request->prefetch;
      request->prefetch = static_cast<uint32_t>(
          std::clamp<int64_t>(wanted, 1, std::max<int64_t>(1, caller.quota.prefetch)));
    }
    done = [&streams, record = std::move(record), bytes = std::move(bytes),
            done = std::move(done)](absl::StatusOr<FrameStream::Opened> opened) mutable {
      // The room that it waited for may be that of streams that a drain has ended.
      if (absl::Status open = streams.calls.CheckOpen(); !open.ok()) opened = std::move(open);
      if (opened.ok()) record->Uses(opened->header.dataset);
      bytes.reset();  // what is kept of the request is the stream's
      if (opened.ok() && streams.filter) opened = streams.filter(*std::move(opened));
      done(std::move(opened));
    };
    StreamOwner owner{.tenant = tenant, .streams = [&calls = streams.calls, tenant] {
                        return calls.streams(tenant.get());
                      }};
    OpenStream(*std::move(request), streams.maker, streams.room, streams.calls.metrics(),
               streams.prefetch, streams.sharing, std::move(owner), std::move(done));
  }

  // Beside the call, as long as that goes. True: it is written.
  bool SendOrWrite(const std::string& message) {
    if (messages_ != nullptr && messages_->SendMessage(message)) {
      message_bytes_ = message.size();
      NoteWritten();
      return true;
    }
    messages_ = nullptr;
    return StartWriting(message);
  }
  void EndMessages() {
    if (messages_ != nullptr) std::exchange(messages_, nullptr)->EndMessages();
  }

  bool StartWriting(const std::string& message) {
    const grpc::Slice slice(message);
    return StartWriting(grpc::ByteBuffer(&slice, 1));
  }
  bool StartWriting(grpc::ByteBuffer message) {
    buffer_.Swap(&message);
    message_bytes_ = buffer_.Length();
    StartWrite(&buffer_);
    return false;
  }

  void NoteWritten() {
    call().Sent(message_bytes_);
    if (!std::exchange(is_frame_, false)) return;
    call().record()->FrameSent();
    if (first_frame_ != FirstFrame::kInFlight) return;
    first_frame_ = FirstFrame::kSent;
    streams_.calls.metrics().FirstFrameSent(call().age());
  }

  StreamContext& streams_;
  grpc::CallbackServerContext& context_;
  const std::shared_ptr<FrameStream> stream_;  // shared with its tasks
  grpc::ByteBuffer buffer_;                    // in flight
  size_t message_bytes_ = 0;                   // of what is written
  bool is_frame_ = false;                      // that it is
  bool opened_ = false;                        // the header has been written
  FirstFrame first_frame_ = FirstFrame::kNotYet;
  std::shared_ptr<SlabRing> ring_;      // that the client shares; shared with frames
  std::shared_ptr<SlabRing> messages_;  // ring_, while the client receives messages through it
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(StreamContext& streams,
                                                        grpc::CallbackServerContext& context,
                                                        const grpc::ByteBuffer& request) {
  auto* reactor = new StreamReactor(streams, context);
  reactor->Start(request);
  return reactor;
}

}  // namespace graphfeed
