// The client's decoder on any bytes: an event or DATA_LOSS or a refused payload, never a byte out
// of bounds. What decodes as a layout can be trusted with its offsets.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <variant>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "proto/frame/compact.h"
#include "proto/wire/frame_decoder.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"

namespace graphfeed::wire {
namespace {

constexpr int64_t kMaxPayload = 1 << 16;

void Check(const DecodedFrame& frame, const std::string& payload) {
  // Encoded again, it decodes to the same.
  const std::string bytes =
      EncodeFrameHeader(frame.info, frame.payload_bytes, frame.runs) + payload;
  google::protobuf::io::ArrayInputStream input(bytes.data(), static_cast<int>(bytes.size()));
  std::string again;
  const auto event =
      DecodeStreamResponse(input, [&](absl::string_view, int64_t size, PayloadReader read) {
        again.resize(size);
        return read(reinterpret_cast<std::byte*>(again.data()), size) ? absl::OkStatus()
                                                                      : absl::DataLossError("");
      });
  if (!event.ok() || again != payload ||
      ToProto(std::get<DecodedFrame>(*event).info).SerializeAsString() !=
          ToProto(frame.info).SerializeAsString()) {
    std::abort();
  }
}

// A code that is accepted writes as many bytes as it says.
void CheckExpansion(const DecodedFrame& frame, const std::byte* payload) {
  const auto size = ExpandedBytes(frame.runs, frame.payload_bytes, kMaxPayload);
  if (!size.ok()) return;
  const auto slab = std::make_unique<std::byte[]>(static_cast<size_t>(*size));
  const bool read = Expand(
      frame.runs,
      [&](std::byte* to, int64_t piece) {
        std::memcpy(to, payload, static_cast<size_t>(piece));
        payload += piece;
        return true;
      },
      slab.get());
  if (!read) std::abort();
}

void Check(const StreamInfo& info) {
  const Layout& layout = info.layout;
  for (const TensorPlace& place : layout.places) {
    if (place.offset < 0 || place.size_bytes < 0 || place.offset % kSlabAlignment != 0 ||
        place.size_bytes > layout.slab_bytes - place.offset) {
      std::abort();
    }
  }
}

void Fuzz(const uint8_t* data, size_t size) {
  if (size == 0) return;
  // In slices of a size that the input chooses, as buffers come from a network.
  const int slice = data[0] == 0 ? -1 : data[0];
  google::protobuf::io::ArrayInputStream input(data + 1, static_cast<int>(size - 1), slice);
  std::unique_ptr<std::byte[]> payload;  // exactly as large as asked for
  int allocations = 0;
  const auto event =
      DecodeStreamResponse(input, [&](absl::string_view, int64_t payload_size, PayloadReader read) {
        if (payload_size < 0 || ++allocations > 1) std::abort();
        if (payload_size > kMaxPayload) return absl::ResourceExhaustedError("");
        payload = std::make_unique<std::byte[]>(payload_size);
        return read(payload.get(), payload_size) ? absl::OkStatus() : absl::DataLossError("");
      });
  if (!event.ok()) {
    if (event.status().code() != absl::StatusCode::kDataLoss &&
        event.status().code() != absl::StatusCode::kResourceExhausted) {
      std::abort();
    }
    return;
  }
  if (const auto* frame = std::get_if<DecodedFrame>(&*event)) {
    Check(*frame, std::string(reinterpret_cast<const char*>(payload.get()),
                              static_cast<size_t>(frame->payload_bytes)));
    CheckExpansion(*frame, payload.get());
  } else if (const auto* info = std::get_if<StreamInfo>(&*event)) {
    Check(*info);
  }
}

}  // namespace
}  // namespace graphfeed::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  graphfeed::wire::Fuzz(data, size);
  return 0;
}
