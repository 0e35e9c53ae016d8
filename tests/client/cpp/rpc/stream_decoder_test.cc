#include "client/cpp/rpc/stream_decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/stubs/logging.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/frame_decoder.h"
#include "proto/wire/frame_encoder.h"
#include "proto/wire/messages.h"
#include "tests/client/cpp/stream_messages.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMaxBytes = 1 << 20;

StreamOptions Options() {
  StreamOptions options;
  options.dataset = "d";
  options.seed = 7;
  return options;
}

// Feeds messages to a decoder; the status of the first that fails, or of the end.
class StreamDecoderTest : public ::testing::Test {
 protected:
  absl::Status Feed(const std::vector<std::string>& messages) {
    StreamDecoder decoder(options_, max_frame_bytes_, encoding_);
    for (const std::string& message : messages) {
      // Small pieces, as they come out of a socket.
      google::protobuf::io::ArrayInputStream input(message.data(), static_cast<int>(message.size()),
                                                   5);
      absl::StatusOr<StreamDecoder::Event> event = decoder.Decode(input);
      if (!event.ok()) return event.status();
      if (auto* batch = std::get_if<Batch>(&*event)) batches_.push_back(*batch);
    }
    return decoder.CheckComplete();
  }

  void ExpectDataLoss(const std::vector<std::string>& messages, const std::string& reason) {
    const absl::Status status = Feed(messages);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(reason));
  }

  StreamOptions options_ = Options();
  int64_t max_frame_bytes_ = kMaxBytes;
  Encoding encoding_ = Encoding::kDense;
  const std::string header_ = HeaderMessage(MakeStreamInfo(SmallLayout()));
  std::vector<Batch> batches_;
};

TEST_F(StreamDecoderTest, ReadsAWholeStream) {
  options_.num_epochs = 2;
  const absl::Status status = Feed({header_, EpochMessage(0, 2), SmallFrame(0, 0), SmallFrame(0, 1),
                                    EpochMessage(1, 1), SmallFrame(1, 0)});
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(batches_.size(), 3u);
  EXPECT_EQ(batches_[1].info().ordinal, 1);
  EXPECT_EQ(batches_[2].info().epoch, 1);
}

TEST_F(StreamDecoderTest, PutsTensorsWhereTheLayoutSays) {
  ASSERT_TRUE(Feed({header_, EpochMessage(0, 1), SmallFrame(0, 0)}).ok());
  const Batch& batch = batches_.at(0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(batch.data()) % kSlabAlignment, 0u);
  const std::optional<TensorView> edges = batch.Find("", "edge_index");
  ASSERT_TRUE(edges.has_value());
  EXPECT_THAT(edges->shape, ::testing::ElementsAre(2, 3));
  EXPECT_EQ(edges->dtype, DType::kInt64);
  EXPECT_EQ(edges->data, batch.data() + 64);
  EXPECT_EQ(std::memcmp(edges->data, Payload(0, 192).data() + 64, 48), 0);
  EXPECT_FALSE(batch.Find("", "z").has_value());
  EXPECT_FALSE(batch.Find("movie", "x").has_value());
}

TEST_F(StreamDecoderTest, CompactFramesBecomeTheSlabOrAreRefused) {
  encoding_ = Encoding::kCompact;
  const int64_t size = SmallLayout().slab_bytes;
  ASSERT_GT(size, 20);
  const std::string slab = std::string(10, 'd') + std::string(static_cast<size_t>(size) - 10, 'p');
  FrameInfo info = MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {3}, .edges = {2}}, slab);
  std::string runs = {10};
  for (auto rest = static_cast<uint64_t>(size - 10); rest > 0; rest >>= 7) {
    runs.push_back(static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0)));
  }
  runs += {1, 'p'};
  const auto frame = [&](const std::string& code, const std::string& payload) {
    return wire::EncodeFrameHeader(info, static_cast<int64_t>(payload.size()), code) + payload;
  };
  const std::string data(10, 'd');
  ASSERT_TRUE(Feed({header_, EpochMessage(0, 1), frame(runs, data)}).ok());
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(std::memcmp(batches_[0].data(), slab.data(), slab.size()), 0);

  ExpectDataLoss({header_, EpochMessage(0, 1), frame(runs, data + "d")}, "payload is longer");
  ExpectDataLoss({header_, EpochMessage(0, 1), frame("", data)}, "payload is longer");
  ExpectDataLoss({header_, EpochMessage(0, 1), frame(runs, "dddddddddx")}, "digest");
  ExpectDataLoss({header_, EpochMessage(0, 1), frame(std::string{10, 0}, data)},
                 "the layout's slab");
  ExpectDataLoss({header_, EpochMessage(0, 1), frame(runs, slab + "x")}, "the layout's slab");
  // What has no padding to leave out comes as it is.
  batches_.clear();
  ASSERT_TRUE(Feed({header_, EpochMessage(0, 1), frame("", slab)}).ok());
  ASSERT_EQ(batches_.size(), 1u);
  EXPECT_EQ(std::memcmp(batches_[0].data(), slab.data(), slab.size()), 0);
}

TEST_F(StreamDecoderTest, RaggedFramesArePlacedByTheirOwnCounts) {
  Layout layout = RaggedLayout();
  std::vector<std::string> messages = {HeaderMessage(MakeStreamInfo(layout)), EpochMessage(0, 2)};
  const Counts counts[] = {{.graphs = 1, .nodes = {40}, .edges = {9}},
                           {.graphs = 3, .nodes = {5}, .edges = {0}}};
  for (int64_t i = 0; i < 2; ++i) {
    const absl::StatusOr<Placement> placement = Place(layout, counts[i], kMaxBytes);
    ASSERT_TRUE(placement.ok());
    const std::string payload = Payload(i, placement->slab_bytes);
    messages.push_back(FrameMessage(MakeFrameInfo(0, i, counts[i], payload), payload));
  }
  const absl::Status status = Feed(messages);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(batches_[0].Find("", "x")->shape, ::testing::ElementsAre(40, 2));
  EXPECT_THAT(batches_[1].Find("", "x")->shape, ::testing::ElementsAre(5, 2));
  EXPECT_THAT(batches_[1].Find("", "edge_index")->shape, ::testing::ElementsAre(2, 0));
}

TEST_F(StreamDecoderTest, RaggedFrameOfAnotherSizeThanItsCountsIsRefused) {
  const std::string payload = Payload(0, 128);
  ExpectDataLoss(
      {HeaderMessage(MakeStreamInfo(RaggedLayout())), EpochMessage(0, 1),
       FrameMessage(MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {40}, .edges = {9}}, payload),
                    payload)},
      "128 bytes; its counts need 576");
}

TEST_F(StreamDecoderTest, RaggedFrameBeyondTheLimitIsRefusedBeforeItIsAllocated) {
  const int64_t before = SlabPool::TotalBytes();
  const std::string payload = Payload(0, 128);
  max_frame_bytes_ = 64;
  const absl::Status status =
      Feed({HeaderMessage(MakeStreamInfo(RaggedLayout())), EpochMessage(0, 1),
            FrameMessage(MakeFrameInfo(0, 0, {}, payload), payload)});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_EQ(SlabPool::TotalBytes(), before);
}

TEST_F(StreamDecoderTest, AcceptsFieldsInAnyOrder) {
  // The payload first, then everything else.
  const std::string payload = Payload(0, 192);
  const FrameInfo info = MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {3}, .edges = {2}}, payload);
  const std::string fields = wire::ToProto(info).SerializeAsString();
  v1::Frame only_payload;
  only_payload.set_payload(payload);
  const std::string frame = only_payload.SerializeAsString() + fields;
  ASSERT_LT(frame.size(), 1u << 14);
  std::string message = {3 << 3 | 2};
  message += static_cast<char>((frame.size() & 0x7f) | 0x80);
  message += static_cast<char>(frame.size() >> 7);
  message += frame;
  const absl::Status status = Feed({header_, EpochMessage(0, 1), message});
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(std::memcmp(batches_.at(0).data(), payload.data(), payload.size()), 0);
}

TEST_F(StreamDecoderTest, CorruptedPayloadIsRefused) {
  std::string frame = SmallFrame(0, 0);
  frame[frame.size() - 100] ^= 1;
  ExpectDataLoss({header_, EpochMessage(0, 1), frame}, "frame 0 of epoch 0 changed on its way");
}

TEST_F(StreamDecoderTest, DigestsAreNotVerifiedWhenNotAskedFor) {
  options_.verify_digests = false;
  std::string frame = SmallFrame(0, 0);
  frame[frame.size() - 100] ^= 1;
  EXPECT_TRUE(Feed({header_, EpochMessage(0, 1), frame}).ok());
}

TEST_F(StreamDecoderTest, PayloadOfAnotherSizeIsRefused) {
  const std::string payload = Payload(0, 128);
  ExpectDataLoss(
      {header_, EpochMessage(0, 1),
       FrameMessage(MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {3}, .edges = {2}}, payload),
                    payload)},
      "a frame of 128 bytes; the layout's slab has 192");
}

TEST_F(StreamDecoderTest, CountsBeyondTheLayoutAreRefused) {
  const std::string payload = Payload(0, 192);
  for (const Counts& counts : std::vector<Counts>{{.graphs = 3, .nodes = {3}, .edges = {2}},
                                                  {.graphs = 1, .nodes = {5}, .edges = {2}},
                                                  {.graphs = 1, .nodes = {3}, .edges = {-1}}}) {
    ExpectDataLoss(
        {header_, EpochMessage(0, 1), FrameMessage(MakeFrameInfo(0, 0, counts, payload), payload)},
        "the layout holds");
  }
  ExpectDataLoss(
      {header_, EpochMessage(0, 1),
       FrameMessage(MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {3, 0}, .edges = {2}}, payload),
                    payload)},
      "2 node and 1 edge types");
  FrameInfo info = MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {3}, .edges = {2}}, payload);
  info.real.push_back(info.real[0]);
  ExpectDataLoss({header_, EpochMessage(0, 1), FrameMessage(info, payload)}, "2 micro-batches");
}

TEST_F(StreamDecoderTest, GraphIdsComeIfAndOnlyIfTheyWereAskedFor) {
  const std::string payload = Payload(0, 192);
  FrameInfo with = MakeFrameInfo(0, 0, {.graphs = 1, .nodes = {3}, .edges = {2}}, payload);
  with.graph_ids = {{17}};
  ASSERT_TRUE(Feed({header_, EpochMessage(0, 1), FrameMessage(with, payload)}).ok());
  EXPECT_TRUE(batches_.back().info().graph_ids.empty());
  options_.graph_ids = true;
  ASSERT_TRUE(Feed({header_, EpochMessage(0, 1), FrameMessage(with, payload)}).ok());
  EXPECT_EQ(batches_.back().info().graph_ids, with.graph_ids);
  // A frame without graphs has none to tell.
  const FrameInfo null = MakeFrameInfo(0, 0, {.graphs = 0, .nodes = {0}, .edges = {0}}, payload);
  ASSERT_TRUE(Feed({header_, EpochMessage(0, 1), FrameMessage(null, payload)}).ok());
  EXPECT_EQ(batches_.back().info().graph_ids, std::vector<std::vector<int64_t>>(1));
  ExpectDataLoss({header_, EpochMessage(0, 1), SmallFrame(0, 0)},
                 "frame 0 of epoch 0 has no graph ids, which were asked for");
}

TEST_F(StreamDecoderTest, LostOrRepeatedFramesAreNoticed) {
  ExpectDataLoss({header_, EpochMessage(0, 3), SmallFrame(0, 0), SmallFrame(0, 2)},
                 "frame 2 of epoch 0 where 1 is due");
  ExpectDataLoss({header_, EpochMessage(0, 3), SmallFrame(0, 0), SmallFrame(0, 0)},
                 "frame 0 of epoch 0 where 1 is due");
  ExpectDataLoss({header_, EpochMessage(0, 1), SmallFrame(0, 0), SmallFrame(0, 1)},
                 "more than its 1 frames");
  ExpectDataLoss({header_, EpochMessage(0, 3), SmallFrame(0, 0)}, "ended after 1 of 3 frames");
  options_.num_epochs = 2;
  ExpectDataLoss({header_, EpochMessage(0, 1), SmallFrame(0, 0)}, "after 1 of 2 epochs");
  ExpectDataLoss({header_, EpochMessage(0, 2), SmallFrame(0, 0), EpochMessage(1, 1)},
                 "epoch 0 ended after 1 of 2 frames");
}

TEST_F(StreamDecoderTest, ShardsSeeTheirOwnOrdinals) {
  options_.start_epoch = 3;
  options_.start_ordinal = 10;
  options_.num_shards = 4;
  options_.shard_index = 1;
  options_.num_epochs = 2;
  const absl::Status status = Feed({header_, EpochMessage(3, 2, 18), SmallFrame(3, 11),
                                    SmallFrame(3, 15), EpochMessage(4, 1, 4), SmallFrame(4, 1)});
  EXPECT_TRUE(status.ok()) << status;
  ExpectDataLoss({header_, EpochMessage(3, 2, 18), SmallFrame(3, 10)}, "where 11 is due");
  ExpectDataLoss({header_, EpochMessage(3, 2, 19)}, "the plan has 2 frames for shard 1 of 4");
}

TEST_F(StreamDecoderTest, NullFramesAndRepeatsStandWhereTheServerPutsThem) {
  const std::string payload = Payload(5, 192);
  FrameInfo null_frame = MakeFrameInfo(0, 5, {.graphs = 0, .nodes = {0}, .edges = {0}}, payload);
  null_frame.null_frame = true;
  EXPECT_TRUE(Feed({header_, EpochMessage(0, 1), FrameMessage(null_frame, payload)}).ok());
}

TEST_F(StreamDecoderTest, MessagesOutOfOrderAreRefused) {
  ExpectDataLoss({}, "ended before its header");
  ExpectDataLoss({header_, header_}, "a second header");
  ExpectDataLoss({EpochMessage(0, 1)}, "an epoch before the header");
  ExpectDataLoss({SmallFrame(0, 0)}, "a frame before the header");
  ExpectDataLoss({header_, SmallFrame(0, 0)}, "a frame before its epoch");
  ExpectDataLoss({header_, EpochMessage(1, 1)}, "epoch 1 where 0 is due");
  ExpectDataLoss({header_, EpochMessage(0, 1), SmallFrame(1, 0)}, "a frame of epoch 1 in epoch 0");
  ExpectDataLoss({header_, EpochMessage(0, -1)}, "");
}

TEST_F(StreamDecoderTest, AnswersToAnotherQuestionAreRefused) {
  options_.seed = 8;
  ExpectDataLoss({header_}, "seed 7, not 8");
  options_.seed = 7;
  options_.fingerprint = Fingerprint{1, 2, 3};
  ExpectDataLoss({header_}, "not 010203");
}

TEST_F(StreamDecoderTest, LayoutBeyondTheLimitIsRefused) {
  max_frame_bytes_ = 191;
  const absl::Status status = Feed({header_});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_frame_bytes is 191"));
}

// Whatever bytes come, they are refused or they are a sound stream; ASan watches the rest.
TEST_F(StreamDecoderTest, TruncatedAndAlteredMessagesNeverPassForOthers) {
  const std::vector<std::string> whole = {header_, EpochMessage(0, 1), SmallFrame(0, 0)};
  const std::string payload = Payload(0, 192);
  const google::protobuf::LogSilencer quiet;  // about names that are no UTF-8
  for (size_t which = 0; which < whole.size(); ++which) {
    for (size_t length = 0; length < whole[which].size(); ++length) {
      std::vector<std::string> messages = whole;
      messages[which].resize(length);
      EXPECT_FALSE(Feed(messages).ok()) << "message " << which << " cut to " << length;
    }
    for (size_t at = 0; at < whole[which].size(); ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::vector<std::string> messages = whole;
        messages[which][at] = static_cast<char>(messages[which][at] ^ (1 << bit));
        batches_.clear();
        if (!Feed(messages).ok()) continue;
        ASSERT_EQ(batches_.size(), 1u);
        EXPECT_EQ(std::memcmp(batches_[0].data(), payload.data(), payload.size()), 0)
            << "message " << which << ", byte " << at << ", bit " << bit;
      }
    }
  }
}

TEST_F(StreamDecoderTest, BuffersAreRecycledOnlyWhenTheLastCopyIsGone) {
  const int64_t before = SlabPool::TotalBytes();
  options_.client_prefetch = 1;
  StreamDecoder decoder(options_, max_frame_bytes_);
  const auto decode = [&](const std::string& message) {
    google::protobuf::io::ArrayInputStream input(message.data(), static_cast<int>(message.size()));
    return *decoder.Decode(input);
  };
  decode(header_);
  decode(EpochMessage(0, 100));
  std::optional<Batch> copy;
  const std::byte* first = nullptr;
  {
    const Batch batch = std::get<Batch>(decode(SmallFrame(0, 0)));
    first = batch.data();
    copy = batch;
  }
  const Batch second = std::get<Batch>(decode(SmallFrame(0, 1)));
  EXPECT_NE(second.data(), first);
  EXPECT_EQ(std::memcmp(copy->data(), Payload(0, 192).data(), 192), 0);
  copy.reset();
  const Batch third = std::get<Batch>(decode(SmallFrame(0, 2)));
  EXPECT_EQ(third.data(), first);
  for (int64_t i = 3; i < 100; ++i) decode(SmallFrame(0, i));
  EXPECT_LE(SlabPool::TotalBytes() - before, 3 * 192);
}

}  // namespace
}  // namespace graphfeed
