#ifndef GRAPHFEED_PROTO_WIRE_FRAME_FIELDS_H_
#define GRAPHFEED_PROTO_WIRE_FRAME_FIELDS_H_

#include <cstdint>

#include "google/protobuf/wire_format_lite.h"
#include "graphfeed/v1/batch.pb.h"
#include "graphfeed/v1/graphfeed.pb.h"

// The tags of the fields that frames are read and written by, without a message around them.

namespace graphfeed::wire {

constexpr uint32_t LengthDelimitedTag(int field) {
  return static_cast<uint32_t>(field) << 3 |
         google::protobuf::internal::WireFormatLite::WIRETYPE_LENGTH_DELIMITED;
}
inline constexpr uint32_t kHeaderTag =
    LengthDelimitedTag(v1::StreamBatchesResponse::kHeaderFieldNumber);
inline constexpr uint32_t kEpochTag =
    LengthDelimitedTag(v1::StreamBatchesResponse::kEpochFieldNumber);
inline constexpr uint32_t kFrameTag =
    LengthDelimitedTag(v1::StreamBatchesResponse::kFrameFieldNumber);
inline constexpr uint32_t kBatchFrameTag =
    LengthDelimitedTag(v1::GetBatchResponse::kFrameFieldNumber);
inline constexpr uint32_t kPayloadTag = LengthDelimitedTag(v1::Frame::kPayloadFieldNumber);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_FRAME_FIELDS_H_
