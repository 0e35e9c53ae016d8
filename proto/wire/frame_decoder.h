#ifndef GRAPHFEED_PROTO_WIRE_FRAME_DECODER_H_
#define GRAPHFEED_PROTO_WIRE_FRAME_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "proto/frame/stream_info.h"

namespace graphfeed::wire {

// A frame whose payload has been read into memory that the caller provided.
struct DecodedFrame {
  FrameInfo info;
  std::string runs;  // empty: the payload is the slab
  std::byte* payload = nullptr;
  int64_t payload_bytes = 0;
  uint32_t place = 0;  // of shared memory, where there is no payload; 0: none
};

using StreamEvent = std::variant<StreamInfo, EpochInfo, DecodedFrame>;

// Reads one StreamBatchesResponse. For a frame asks `allocate` for the payload's place (nullptr
// refuses it: RESOURCE_EXHAUSTED) and copies it there once. A frame that has a place instead has no
// payload. Accepts fields in any order, skips
// unknown ones. DATA_LOSS for bytes that are no such message; never reads or writes out of bounds
// whatever the bytes.
absl::StatusOr<StreamEvent> DecodeStreamResponse(
    google::protobuf::io::ZeroCopyInputStream& input,
    absl::FunctionRef<std::byte*(int64_t size)> allocate);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_FRAME_DECODER_H_
