#include "proto/wire/frame_encoder.h"

#include <limits>

#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "graphfeed/v1/batch.pb.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/frame_fields.h"
#include "proto/wire/messages.h"
#include "storage/base/check.h"

namespace graphfeed::wire {

using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

std::string EncodeFrameHeader(const FrameInfo& info, int64_t payload_bytes, absl::string_view runs,
                              FrameOf message) {
  v1::Frame frame = ToProto(info);
  frame.set_runs(runs.data(), runs.size());
  const std::string fields = frame.SerializeAsString();
  const uint32_t payload = static_cast<uint32_t>(payload_bytes);
  const size_t frame_bytes = fields.size() + CodedOutputStream::VarintSize32(kPayloadTag) +
                             CodedOutputStream::VarintSize32(payload) + payload;
  GF_CHECK(payload_bytes >= 0) << payload_bytes;
  // Clients refuse a longer one.
  GF_DCHECK(frame_bytes <= static_cast<size_t>(std::numeric_limits<int32_t>::max())) << frame_bytes;
  std::string header;
  {
    StringOutputStream stream(&header);
    CodedOutputStream output(&stream);
    output.WriteTag(message == FrameOf::kGetBatchResponse ? kBatchFrameTag : kFrameTag);
    output.WriteVarint32(static_cast<uint32_t>(frame_bytes));
    output.WriteString(fields);
    output.WriteTag(kPayloadTag);
    output.WriteVarint32(payload);
  }
  return header;
}

std::string EncodeFrameAt(const FrameInfo& info, uint32_t place) {
  v1::StreamBatchesResponse message;
  *message.mutable_frame() = ToProto(info);
  message.mutable_frame()->set_place(place);
  return message.SerializeAsString();
}

}  // namespace graphfeed::wire
