#ifndef GRAPHFEED_PROTO_WIRE_FRAME_DECODER_H_
#define GRAPHFEED_PROTO_WIRE_FRAME_DECODER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "proto/frame/compact.h"
#include "proto/frame/stream_info.h"

namespace graphfeed::wire {

// A frame whose payload the caller has taken.
struct DecodedFrame {
  FrameInfo info;
  std::string runs;  // empty: the payload is the slab
  int64_t payload_bytes = 0;
  uint32_t place = 0;  // of shared memory, where there is no payload; 0: none
};

using StreamEvent = std::variant<StreamInfo, EpochInfo, DecodedFrame>;

// Takes a frame's payload of `size` bytes: has them read to where they belong, from the first to
// the last, in any pieces. What it does not read is passed over. An error ends the decoding with
// it.
using TakePayload =
    absl::FunctionRef<absl::Status(absl::string_view runs, int64_t size, PayloadReader read)>;

// Reads one StreamBatchesResponse. For a frame calls `take` once; the bytes are copied once, to
// where they are wanted. A frame that has a place instead has no payload, and `take` is not called.
// Accepts fields in any order, but runs come before the payload; skips unknown ones. DATA_LOSS for
// bytes that are no such message; never reads or writes out of bounds whatever the bytes.
absl::StatusOr<StreamEvent> DecodeStreamResponse(google::protobuf::io::ZeroCopyInputStream& input,
                                                 TakePayload take);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_FRAME_DECODER_H_
