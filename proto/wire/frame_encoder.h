#ifndef GRAPHFEED_PROTO_WIRE_FRAME_ENCODER_H_
#define GRAPHFEED_PROTO_WIRE_FRAME_ENCODER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "proto/frame/stream_info.h"

namespace graphfeed::wire {

// The message whose field a frame is.
enum class FrameOf : uint8_t { kStreamBatchesResponse, kGetBatchResponse };

// The bytes of a StreamBatchesResponse that carries a frame, up to and without its payload: the
// payload is the message's last field, so the slab itself follows on the wire without a copy. Of a
// compact frame `runs` says what it is besides the payload. Of a GetBatchResponse the other fields
// stand before it.
std::string EncodeFrameHeader(const FrameInfo& info, int64_t payload_bytes,
                              absl::string_view runs = "",
                              FrameOf message = FrameOf::kStreamBatchesResponse);

// A whole StreamBatchesResponse that carries a frame whose slab is at a place of shared memory.
std::string EncodeFrameAt(const FrameInfo& info, uint32_t place);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_FRAME_ENCODER_H_
