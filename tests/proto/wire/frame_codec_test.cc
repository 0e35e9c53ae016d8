// Frames are written by one unit and read by the other.

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "graphfeed/v1/batch.pb.h"
#include "gtest/gtest.h"
#include "proto/wire/frame_decoder.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"

namespace graphfeed::wire {
namespace {

using ::testing::HasSubstr;

FrameInfo SomeInfo() {
  return {.epoch = 3,
          .ordinal = 1234567,
          .real = {{.graphs = 9, .nodes = {149}, .edges = {326}},
                   {.graphs = 0, .nodes = {0}, .edges = {0}}},
          .trimmed = {.graphs = 0, .nodes = {4}, .edges = {11}},
          .null_frame = false,
          .repeat = true,
          .digest = 0x0123456789abcdef};
}

std::string SomePayload(size_t size) {
  std::string payload(size, '\0');
  for (size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 131 >> 3);
  return payload;
}

// What decoding yields, the payload as a string.
struct Decoded {
  absl::StatusOr<StreamEvent> event;
  std::vector<std::string> allocated;
};

// Reads from slices of `slice_bytes`, as gRPC's buffers come in slices.
Decoded Decode(const std::string& bytes, int slice_bytes = -1, int64_t limit = 1 << 20) {
  Decoded result{.event = absl::UnknownError(""), .allocated = {}};
  google::protobuf::io::ArrayInputStream input(bytes.data(), static_cast<int>(bytes.size()),
                                               slice_bytes);
  result.event =
      DecodeStreamResponse(input, [&](absl::string_view, int64_t size, PayloadReader read) {
        if (size > limit) return absl::ResourceExhaustedError("too large");
        std::string& bytes_read = result.allocated.emplace_back(static_cast<size_t>(size), '?');
        return read(reinterpret_cast<std::byte*>(bytes_read.data()), size)
                   ? absl::OkStatus()
                   : absl::DataLossError("truncated");
      });
  return result;
}

bool operator==(const FrameInfo& a, const FrameInfo& b) {
  return ToProto(a).SerializeAsString() == ToProto(b).SerializeAsString();
}

void ExpectFrame(const Decoded& decoded, const FrameInfo& info, const std::string& payload) {
  ASSERT_TRUE(decoded.event.ok()) << decoded.event.status();
  const auto* frame = std::get_if<DecodedFrame>(&*decoded.event);
  ASSERT_NE(frame, nullptr);
  EXPECT_TRUE(frame->info == info);
  ASSERT_EQ(frame->payload_bytes, static_cast<int64_t>(payload.size()));
  ASSERT_EQ(decoded.allocated.size(), 1u);
  EXPECT_EQ(decoded.allocated[0], payload);
}

std::string Tag(int field, int wire_type) { return {static_cast<char>(field << 3 | wire_type)}; }

TEST(FrameCodecTest, HeaderAndPayloadAreTheMessageThatProtobufWrites) {
  const std::string payload = SomePayload(1000);
  v1::StreamBatchesResponse message;
  *message.mutable_frame() = ToProto(SomeInfo());
  message.mutable_frame()->set_payload(payload);
  EXPECT_EQ(EncodeFrameHeader(SomeInfo(), 1000) + payload, message.SerializeAsString());
}

TEST(FrameCodecTest, GraphIdsComeBackByMicroBatch) {
  FrameInfo info = SomeInfo();
  info.real[1].graphs = 2;
  info.graph_ids = {{5, 0, 1, 2, 3, 4, 6, 7, INT64_MAX}, {9, 9}};
  const std::string payload = SomePayload(10);
  const Decoded decoded = Decode(EncodeFrameHeader(info, 10) + payload);
  ExpectFrame(decoded, info, payload);
  EXPECT_EQ(std::get<DecodedFrame>(*decoded.event).info.graph_ids, info.graph_ids);
}

TEST(FrameCodecTest, GraphIdsThatDoNotFitTheCountsAreRefused) {
  const auto refusal = [](const std::vector<int64_t>& ids, int64_t first, int64_t second) {
    FrameInfo info = SomeInfo();
    info.real[0].graphs = first;
    info.real[1].graphs = second;
    v1::Frame message = ToProto(info);
    message.set_graph_ids(EncodeIds(ids));
    return std::string(FromProto(message).status().message());
  };
  EXPECT_EQ(refusal({3, 1, 2}, 1, 2), "");
  EXPECT_THAT(refusal({3, 1000, 2}, 1, 1), HasSubstr("frame.graph_ids: 3 ids of 2 real graphs"));
  EXPECT_THAT(refusal({1, 2}, 2, 1), HasSubstr("frame.graph_ids: 2 bytes; fewer than real graphs"));
  EXPECT_THAT(refusal({1, 2}, INT64_MAX, INT64_MAX), HasSubstr("fewer than real graphs"));
  EXPECT_THAT(refusal({1, 2}, -1, 3), HasSubstr("frame.graph_ids"));
  EXPECT_THAT(refusal({1, -2}, 1, 1), HasSubstr("frame.graph_ids: -2; at least 0"));
}

TEST(FrameCodecTest, FramesComeBackWhateverTheSlices) {
  for (size_t size : {size_t{0}, size_t{1}, size_t{127}, size_t{128}, size_t{70000}}) {
    const std::string payload = SomePayload(size);
    const std::string bytes = EncodeFrameHeader(SomeInfo(), static_cast<int64_t>(size)) + payload;
    for (int slice : {-1, 1, 7, 4096}) {
      SCOPED_TRACE(testing::Message() << size << " bytes in slices of " << slice);
      ExpectFrame(Decode(bytes, slice), SomeInfo(), payload);
    }
  }
}

TEST(FrameCodecTest, EveryTruncationIsDataLoss) {
  const std::string bytes = EncodeFrameHeader(SomeInfo(), 300) + SomePayload(300);
  for (size_t size = 0; size < bytes.size(); ++size) {
    for (int slice : {-1, 1}) {
      const Decoded decoded = Decode(bytes.substr(0, size), slice);
      EXPECT_EQ(decoded.event.status().code(), absl::StatusCode::kDataLoss) << size;
    }
  }
}

TEST(FrameCodecTest, FieldsMayComeInAnyOrder) {
  const std::string payload = SomePayload(50);
  v1::Frame fields = ToProto(SomeInfo());
  const std::string info = fields.SerializeAsString();
  const std::string body = Tag(v1::Frame::kPayloadFieldNumber, 2) + std::string(1, 50) + payload;
  // A frame shorter than 128 bytes has a length of one byte.
  for (const std::string& frame : {info + body, body + info}) {
    ASSERT_LT(frame.size(), 128u);
    ExpectFrame(Decode(Tag(3, 2) + std::string(1, static_cast<char>(frame.size())) + frame),
                SomeInfo(), payload);
  }
}

TEST(FrameCodecTest, UnknownFieldsAreSkippedInsideAndOutsideTheFrame) {
  const std::string payload = SomePayload(20);
  const std::string unknown = Tag(14, 0) + std::string("\xff\x01", 2) +   // varint
                              Tag(13, 1) + std::string(8, 'x') +          // fixed64
                              Tag(12, 2) + std::string("\x03") + "abc" +  // bytes
                              Tag(11, 5) + std::string(4, 'y');           // fixed32
  const std::string frame =
      unknown + ToProto(SomeInfo()).SerializeAsString() + Tag(15, 2) + std::string(1, 20) + payload;
  ASSERT_LT(frame.size(), 128u);
  const std::string bytes =
      unknown + Tag(3, 2) + std::string(1, static_cast<char>(frame.size())) + frame + unknown;
  ExpectFrame(Decode(bytes), SomeInfo(), payload);
}

TEST(FrameCodecTest, APayloadIsReadInPiecesAndWhatIsLeftIsPassedOver) {
  const std::string payload = SomePayload(1000);
  const std::string bytes = EncodeFrameHeader(SomeInfo(), 1000, "runs") + payload;
  google::protobuf::io::ArrayInputStream input(bytes.data(), static_cast<int>(bytes.size()), 7);
  std::string taken(900, '?');
  bool more = true;
  const auto event =
      DecodeStreamResponse(input, [&](absl::string_view runs, int64_t size, PayloadReader read) {
        EXPECT_EQ(runs, "runs");
        EXPECT_EQ(size, 1000);
        auto* to = reinterpret_cast<std::byte*>(taken.data());
        EXPECT_TRUE(read(to, 300) && read(to + 300, 0) && read(to + 300, 600));
        more = read(to, 101);
        return absl::OkStatus();
      });
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_FALSE(more);
  EXPECT_EQ(taken, payload.substr(0, 900));
  EXPECT_TRUE(std::get<DecodedFrame>(*event).info == SomeInfo());
}

TEST(FrameCodecTest, RunsBehindThePayloadAreDataLoss) {
  v1::Frame runs;
  runs.set_runs("late");
  const std::string late = runs.SerializeAsString();
  v1::Frame frame = ToProto(SomeInfo());
  frame.set_payload("payload");
  std::string fields = frame.SerializeAsString() + late;
  std::string bytes = Tag(3, 2);
  bytes += static_cast<char>(fields.size());
  ASSERT_LT(fields.size(), 128u);
  const Decoded decoded = Decode(bytes + fields);
  EXPECT_EQ(decoded.event.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(decoded.event.status().message()), HasSubstr("runs"));
}

TEST(FrameCodecTest, WhatThePlaceOfAPayloadSaysIsTheError) {
  const std::string bytes = EncodeFrameHeader(SomeInfo(), 3000) + SomePayload(3000);
  const Decoded decoded = Decode(bytes, -1, 2999);
  EXPECT_EQ(decoded.event.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(decoded.event.status().message(), "too large");
}

TEST(FrameCodecTest, NoPayloadIsAnEmptyOne) {
  v1::StreamBatchesResponse message;
  *message.mutable_frame() = ToProto(SomeInfo());
  ExpectFrame(Decode(message.SerializeAsString()), SomeInfo(), "");
}

TEST(FrameCodecTest, WhatIsNoMessageIsDataLoss) {
  const std::string frame = EncodeFrameHeader(SomeInfo(), 4) + "abcd";
  const std::string twice = ToProto(SomeInfo()).SerializeAsString() + Tag(15, 2) + "\x01" + "a" +
                            Tag(15, 2) + "\x01" + "b";
  const std::pair<const char*, std::string> cases[] = {
      {"nothing", ""},
      {"an unknown field only", Tag(9, 0) + "\x01"},
      {"two events", frame + frame},
      {"two payloads", Tag(3, 2) + std::string(1, static_cast<char>(twice.size())) + twice},
      {"a payload longer than its frame", Tag(3, 2) + "\x03" + Tag(15, 2) + "\x7f" + "a"},
      {"a group", Tag(3, 3) + Tag(3, 4)},
      {"a group in the frame", Tag(3, 2) + "\x02" + Tag(5, 3) + Tag(5, 4)},
      {"an end of a group", Tag(3, 4)},
      {"a length of 2^35", Tag(3, 2) + "\xff\xff\xff\xff\x7f"},
      {"a length without end", Tag(3, 2) + std::string(11, '\xff')},
      {"a wrong wire type", Tag(3, 0) + "\x01"},
      {"a header that is none", Tag(1, 2) + "\x02\xff\xff"},
      {"a header without its layout's digest", Tag(1, 2) + std::string(1, '\0')},
      {"field number 0", std::string(2, '\0')},
      {"a negative ordinal",
       Tag(3, 2) + "\x0b" + Tag(2, 0) + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
  };
  for (const auto& [what, bytes] : cases) {
    EXPECT_EQ(Decode(bytes).event.status().code(), absl::StatusCode::kDataLoss) << what;
  }
}

TEST(FrameCodecTest, AHugeLengthReservesNothing) {
  // A frame that claims 1 GiB and a field of nearly as much, in a dozen bytes.
  const std::string huge = "\xff\xff\xff\xff\x03";
  const std::string nearly = "\xf0\xff\xff\xff\x03";
  EXPECT_EQ(Decode(Tag(3, 2) + huge + Tag(3, 2) + nearly + "abc").event.status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_EQ(Decode(Tag(3, 2) + huge + Tag(15, 2) + nearly + "abc").event.status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(FrameCodecTest, EpochsComeBack) {
  EpochInfo info{.epoch = 7, .plan = {}};
  info.plan.num_frames = 17;
  info.plan.shard_frames = 5;
  v1::StreamBatchesResponse message;
  *message.mutable_epoch() = ToProto(info);
  const Decoded decoded = Decode(message.SerializeAsString());
  ASSERT_TRUE(decoded.event.ok()) << decoded.event.status();
  const auto* epoch = std::get_if<EpochInfo>(&*decoded.event);
  ASSERT_NE(epoch, nullptr);
  EXPECT_EQ(epoch->epoch, 7);
  EXPECT_EQ(epoch->plan.num_frames, 17);
  EXPECT_EQ(epoch->plan.shard_frames, 5);
  EXPECT_TRUE(decoded.allocated.empty());
}

}  // namespace
}  // namespace graphfeed::wire
