#include "proto/wire/frame_decoder.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/wire_format_lite.h"
#include "graphfeed/v1/batch.pb.h"
#include "proto/wire/frame_fields.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {
namespace {

using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;
using WireFormat = google::protobuf::internal::WireFormatLite;

absl::Status Malformed(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("malformed StreamBatchesResponse: ", what));
}

// Skips a field of unknown number, or copies it with its tag to `copy`.
bool PassField(CodedInputStream& input, uint32_t tag, CodedOutputStream* copy) {
  switch (tag & 7) {
    case WireFormat::WIRETYPE_START_GROUP:
    case WireFormat::WIRETYPE_END_GROUP:
      return false;  // proto3 has none; they could nest without end
    case WireFormat::WIRETYPE_LENGTH_DELIMITED: {
      int length = 0;
      if (!input.ReadVarintSizeAsInt(&length)) return false;
      if (copy == nullptr) return input.Skip(length);
      std::string bytes;
      if (length > kMaxFrameHeaderBytes || !input.ReadString(&bytes, length)) return false;
      copy->WriteTag(tag);
      copy->WriteVarint32(length);
      copy->WriteString(bytes);
      return true;
    }
    default:
      return copy == nullptr ? WireFormat::SkipField(&input, tag)
                             : WireFormat::SkipField(&input, tag, copy);
  }
}

// Reads the length and the message that follow a tag.
template <typename Message>
absl::Status ReadMessage(CodedInputStream& input, absl::string_view what, Message* message) {
  int length = 0;
  if (!input.ReadVarintSizeAsInt(&length)) return Malformed(absl::StrCat(what, ": no length"));
  const CodedInputStream::Limit limit = input.PushLimit(length);
  // A stream that ends early ends the parse, too: only the limit tells it from a whole message.
  if (!message->MergeFromCodedStream(&input) || !input.ConsumedEntireMessage() ||
      input.BytesUntilLimit() != 0) {
    return Malformed(absl::StrCat(what, ": truncated or not a message"));
  }
  input.PopLimit(limit);
  return absl::OkStatus();
}

// The peer's message is well-formed, its content is not: to a client that is lost data, too.
absl::Status BadContent(const absl::Status& status) { return Malformed(status.message()); }

absl::Status ReadPayload(CodedInputStream& input, absl::string_view runs, TakePayload take,
                         int64_t& payload_bytes) {
  int length = 0;
  if (!input.ReadVarintSizeAsInt(&length)) return Malformed("frame.payload: no length");
  if (length > input.BytesUntilLimit()) return Malformed("frame.payload: longer than the frame");
  payload_bytes = length;
  int64_t left = length;
  absl::Status taken = take(runs, length, [&](std::byte* to, int64_t size) {
    if (size < 0 || size > left) return false;
    left -= size;
    return input.ReadRaw(to, static_cast<int>(size));
  });
  if (!taken.ok()) return taken;
  if (!input.Skip(static_cast<int>(left))) return Malformed("frame.payload: truncated");
  return absl::OkStatus();
}

absl::StatusOr<DecodedFrame> ReadFrame(CodedInputStream& input, TakePayload take) {
  int length = 0;
  if (!input.ReadVarintSizeAsInt(&length)) return Malformed("frame: no length");
  const CodedInputStream::Limit limit = input.PushLimit(length);

  // Everything but the payload is gathered and parsed as the message that it is, so that fields
  // may come in any order and unknown ones are skipped by the same rules.
  DecodedFrame frame;
  bool has_payload = false;
  std::string fields;
  v1::Frame message;
  {
    StringOutputStream fields_stream(&fields);
    CodedOutputStream copy(&fields_stream);
    while (const uint32_t tag = input.ReadTag()) {
      if (tag == kPayloadTag) {
        if (std::exchange(has_payload, true)) return Malformed("frame.payload: given twice");
        copy.Trim();
        if (!message.ParseFromString(fields)) return Malformed("frame: not a message");
        frame.runs = std::move(*message.mutable_runs());
        absl::Status status = ReadPayload(input, frame.runs, take, frame.payload_bytes);
        if (!status.ok()) return status;
      } else if (copy.ByteCount() > kMaxFrameHeaderBytes || !PassField(input, tag, &copy)) {
        return Malformed("frame: truncated or unreadable field");
      }
    }
  }
  if (!input.ConsumedEntireMessage() || input.BytesUntilLimit() != 0) {
    return Malformed("frame: truncated");
  }
  input.PopLimit(limit);

  if (!message.ParseFromString(fields)) return Malformed("frame: not a message");
  absl::StatusOr<FrameInfo> info = FromProto(message);
  if (!info.ok()) return BadContent(info.status());
  frame.info = *std::move(info);
  if (has_payload && message.runs() != frame.runs)
    return Malformed("frame.runs: behind the payload");
  frame.runs = std::move(*message.mutable_runs());
  frame.place = message.place();
  if (frame.place > 0 && has_payload) return Malformed("frame: a place and a payload");
  if (frame.place == 0 && !has_payload) {
    absl::Status status = take(frame.runs, 0, [](std::byte*, int64_t size) { return size == 0; });
    if (!status.ok()) return status;
  }
  return frame;
}

}  // namespace

absl::StatusOr<StreamEvent> DecodeStreamResponse(google::protobuf::io::ZeroCopyInputStream& stream,
                                                 TakePayload take) {
  CodedInputStream input(&stream);
  std::optional<StreamEvent> event;
  while (const uint32_t tag = input.ReadTag()) {
    if (event.has_value() && (tag == kHeaderTag || tag == kEpochTag || tag == kFrameTag)) {
      return Malformed("more than one event");
    }
    if (tag == kHeaderTag) {
      v1::StreamHeader message;
      absl::Status status = ReadMessage(input, "header", &message);
      if (!status.ok()) return status;
      absl::StatusOr<StreamInfo> info = FromProto(message);
      if (!info.ok()) return BadContent(info.status());
      event = *std::move(info);
    } else if (tag == kEpochTag) {
      v1::EpochHeader message;
      absl::Status status = ReadMessage(input, "epoch", &message);
      if (!status.ok()) return status;
      absl::StatusOr<EpochInfo> info = FromProto(message);
      if (!info.ok()) return BadContent(info.status());
      event = *std::move(info);
    } else if (tag == kFrameTag) {
      GF_ASSIGN_OR_RETURN(event, ReadFrame(input, take));
    } else if (!PassField(input, tag, nullptr)) {
      return Malformed("truncated or unreadable field");
    }
  }
  if (!input.ConsumedEntireMessage()) return Malformed("truncated");
  if (!event.has_value()) return Malformed("no event");
  return *std::move(event);
}

}  // namespace graphfeed::wire
