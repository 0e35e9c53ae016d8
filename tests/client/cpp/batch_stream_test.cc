#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "tests/client/cpp/fake_server.h"
#include "tests/client/cpp/stream_messages.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

const std::string& Header() {
  static const std::string* const header =
      new std::string(HeaderMessage(MakeStreamInfo(SmallLayout())));
  return *header;
}

// A client of a fake server whose StreamBatches is a script.
class BatchStreamTest : public ::testing::Test {
 protected:
  void Serve(FakeServer::Script script) {
    server_ = FakeServer::Start({{"StreamBatches", [script](FakeCall& call) {
                                    call.Read();
                                    return script(call);
                                  }}});
    client_options_.endpoints = {server_->endpoint()};
  }

  std::unique_ptr<BatchStream> Open() {
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(client_options_);
    EXPECT_TRUE(client.ok()) << client.status();
    absl::StatusOr<std::unique_ptr<BatchStream>> stream = (*client)->StreamBatches(options_);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);  // outlives its client
  }

  static StreamOptions Options() {
    StreamOptions options;
    options.dataset = "d";
    options.seed = 7;
    return options;
  }

  ClientOptions client_options_;
  StreamOptions options_ = Options();
  std::unique_ptr<FakeServer> server_;
};

// Writes the header, an epoch of `frames` frames and `sent` of those.
FakeServer::Script Frames(int64_t frames, int64_t sent, absl::Status end) {
  return [=](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, frames));
    for (int64_t i = 0; i < sent; ++i) {
      if (!call.Write(SmallFrame(0, i))) break;
    }
    return end;
  };
}

bool Holds(const Batch& batch, int64_t ordinal) {
  const std::string expected = Payload(ordinal, 192);
  return batch.info().ordinal == ordinal &&
         std::memcmp(batch.data(), expected.data(), expected.size()) == 0;
}

TEST_F(BatchStreamTest, SendsWhatWasAskedFor) {
  std::string received;
  server_ = FakeServer::Start({{"StreamBatches", [&](FakeCall& call) {
                                  received = *call.Read();
                                  return absl::NotFoundError("no dataset d");
                                }}});
  client_options_.endpoints = {server_->endpoint()};
  client_options_.max_frame_bytes = 12345;
  options_.fingerprint = Fingerprint{9, 8};
  options_.start_epoch = 2;
  options_.start_ordinal = 30;
  options_.num_epochs = 0;
  options_.num_shards = 4;
  options_.shard_index = 3;
  options_.prefetch = 6;
  options_.uneven_shards = UnevenShards::kRepeat;
  EXPECT_EQ(Open()->Next().status().code(), absl::StatusCode::kNotFound);
  v1::StreamBatchesRequest request;
  ASSERT_TRUE(request.ParseFromString(received));
  EXPECT_EQ(request.dataset(), "d");
  EXPECT_EQ(request.fingerprint(), std::string("\x09\x08", 2) + std::string(14, '\0'));
  EXPECT_TRUE(request.has_seed());
  EXPECT_EQ(request.seed(), 7u);
  EXPECT_EQ(request.start_epoch(), 2);
  EXPECT_EQ(request.start_ordinal(), 30);
  EXPECT_EQ(request.num_epochs(), 0);
  EXPECT_EQ(request.num_shards(), 4u);
  EXPECT_EQ(request.shard_index(), 3u);
  EXPECT_EQ(request.uneven_shards(), v1::UNEVEN_SHARDS_REPEAT);
  EXPECT_EQ(request.prefetch(), 6u);
  EXPECT_EQ(request.max_frame_bytes(), 12345);
}

TEST_F(BatchStreamTest, DeliversFramesInOrderThenNothing) {
  Serve(Frames(20, 20, absl::OkStatus()));
  const auto stream = Open();
  for (int64_t i = 0; i < 20; ++i) {
    auto batch = stream->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    ASSERT_TRUE(batch->has_value());
    EXPECT_TRUE(Holds(**batch, i));
  }
  for (int i = 0; i < 2; ++i) {
    auto end = stream->Next();
    ASSERT_TRUE(end.ok()) << end.status();
    EXPECT_FALSE(end->has_value());
  }
}

TEST_F(BatchStreamTest, TellsHeaderAndEpochBeforeTheFirstBatchAndEpochsWithTheirBatches) {
  options_.num_epochs = 2;
  Serve([](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, 1));
    call.Write(SmallFrame(0, 0));
    call.Write(EpochMessage(1, 2));
    call.Write(SmallFrame(1, 0));
    call.Write(SmallFrame(1, 1));
    return absl::OkStatus();
  });
  options_.client_prefetch = 10;
  const auto stream = Open();
  auto info = stream->info();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ((*info)->dataset, "d@1");
  EXPECT_EQ((*info)->layout.tensors.size(), 3u);
  EXPECT_EQ(stream->epoch()->plan.shard_frames, 1);
  const auto first = stream->Next();
  EXPECT_EQ(stream->epoch()->epoch, 0);  // although the next one has been received
  const auto second = stream->Next();
  EXPECT_EQ(stream->epoch()->epoch, 1);
  EXPECT_EQ(stream->epoch()->plan.shard_frames, 2);
  EXPECT_TRUE((*stream->Next()).has_value());
  EXPECT_FALSE((*stream->Next()).has_value());
  EXPECT_EQ(stream->epoch()->epoch, 1);
  EXPECT_EQ(*stream->info(), *info) << "the same object";
}

TEST_F(BatchStreamTest, BatchesThatAreKeptAreNotOverwritten) {
  constexpr int64_t kFrames = 50;
  Serve(Frames(kFrames, kFrames, absl::OkStatus()));
  const auto stream = Open();
  std::vector<Batch> kept;
  for (int64_t i = 0; i < kFrames; ++i) kept.push_back(**stream->Next());
  for (int64_t i = 0; i < kFrames; ++i) EXPECT_TRUE(Holds(kept[i], i));
}

TEST_F(BatchStreamTest, HoldsNoMoreThanItsRing) {
  constexpr int64_t kFrames = 100;
  const int64_t before = SlabPool::TotalBytes();
  options_.client_prefetch = 3;
  Serve(Frames(kFrames, kFrames, absl::OkStatus()));
  const auto stream = Open();
  for (int64_t i = 0; i < kFrames; ++i) {
    const auto batch = stream->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    // The ring, the one being received, the one in hand.
    EXPECT_LE(SlabPool::TotalBytes() - before, 5 * 192);
  }
}

TEST_F(BatchStreamTest, ErrorsOfTheServerComeAfterTheFramesBeforeThem) {
  Serve(Frames(5, 2, absl::FailedPreconditionError("graph 17 has 66 edges")));
  const auto stream = Open();
  EXPECT_TRUE(Holds(**stream->Next(), 0));
  EXPECT_TRUE(Holds(**stream->Next(), 1));
  for (int i = 0; i < 2; ++i) {
    const absl::Status status = stream->Next().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(status.message(), "graph 17 has 66 edges");
  }
}

TEST_F(BatchStreamTest, RefusalIsWhatInfoAndEpochSayToo) {
  Serve([](FakeCall&) { return absl::InvalidArgumentError("seed: missing"); });
  const auto stream = Open();
  EXPECT_EQ(stream->info().status(), absl::InvalidArgumentError("seed: missing"));
  EXPECT_EQ(stream->epoch().status(), absl::InvalidArgumentError("seed: missing"));
  EXPECT_EQ(stream->Next().status(), absl::InvalidArgumentError("seed: missing"));
}

TEST_F(BatchStreamTest, MalformedMessagesAreDataLossAndEndTheCall) {
  absl::Notification cancelled;
  Serve([&](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, 2));
    std::string frame = SmallFrame(0, 0);
    frame.resize(frame.size() / 2);
    call.Write(frame);
    call.WaitUntilCancelled();
    cancelled.Notify();
    return absl::OkStatus();
  });
  const auto stream = Open();
  EXPECT_EQ(stream->Next().status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(stream->info().ok());
  cancelled.WaitForNotification();
}

TEST_F(BatchStreamTest, AStreamThatEndsTooSoonIsDataLoss) {
  Serve(Frames(5, 2, absl::OkStatus()));
  const auto stream = Open();
  EXPECT_TRUE(stream->Next().ok());
  EXPECT_TRUE(stream->Next().ok());
  const absl::Status status = stream->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("after 2 of 5 frames"));
}

TEST_F(BatchStreamTest, MessagesLargerThanTheChannelTakesAreRefused) {
  client_options_.max_frame_bytes = 1000;
  Serve([](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, 1));
    call.Write(std::string(100'000, 'x'));
    call.WaitUntilCancelled();
    return absl::OkStatus();
  });
  EXPECT_EQ(Open()->Next().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(BatchStreamTest, DeathOfTheOnlyServerEndsTheStream) {
  client_options_.retry_timeout = absl::ZeroDuration();
  absl::Notification waiting;
  Serve([&](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, 5));
    call.Write(SmallFrame(0, 0));
    waiting.Notify();
    call.WaitUntilCancelled();
    return absl::OkStatus();
  });
  const auto stream = Open();
  EXPECT_TRUE(Holds(**stream->Next(), 0));
  waiting.WaitForNotification();
  server_->Kill();
  const absl::Status status = stream->Next().status();
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST_F(BatchStreamTest, NoServerIsUnavailable) {
  Serve(Frames(1, 1, absl::OkStatus()));
  server_->Kill();
  EXPECT_EQ(Open()->Next().status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(BatchStreamTest, NextForGivesUpAndTheStreamGoesOn) {
  absl::Notification go;
  Serve([&](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, 1));
    go.WaitForNotification();
    call.Write(SmallFrame(0, 0));
    return absl::OkStatus();
  });
  const auto stream = Open();
  EXPECT_EQ(stream->NextFor(absl::Milliseconds(1)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stream->NextFor(absl::ZeroDuration()).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  go.Notify();
  auto batch = stream->NextFor(absl::Seconds(60));
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_TRUE(Holds(**batch, 0));
}

FakeServer::Script Silent(absl::Notification& cancelled) {
  return [&](FakeCall& call) {
    call.Write(Header());
    call.Write(EpochMessage(0, 5));
    call.WaitUntilCancelled();
    cancelled.Notify();
    return absl::OkStatus();
  };
}

TEST_F(BatchStreamTest, CancelWakesNextAndReachesTheServer) {
  absl::Notification cancelled;
  Serve(Silent(cancelled));
  const auto stream = Open();
  ASSERT_TRUE(stream->info().ok());
  std::thread canceller([&] { stream->Cancel(); });
  EXPECT_EQ(stream->Next().status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  cancelled.WaitForNotification();
  EXPECT_EQ(stream->Next().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(BatchStreamTest, DroppingAStreamReachesTheServer) {
  absl::Notification cancelled;
  Serve(Silent(cancelled));
  auto stream = Open();
  ASSERT_TRUE(stream->info().ok());
  stream.reset();
  cancelled.WaitForNotification();
}

TEST_F(BatchStreamTest, StreamsCanBeDroppedAtAnyTime) {
  Serve(Frames(1000, 1000, absl::OkStatus()));
  for (int taken = 0; taken < 30; ++taken) {
    const auto stream = Open();
    for (int i = 0; i < taken; ++i) ASSERT_TRUE(stream->Next().ok());
  }
}

TEST_F(BatchStreamTest, AnInterruptedWaitGivesUpAndTheStreamGoesOn) {
  absl::Notification go;
  std::atomic<int> asked = 0;
  client_options_.interrupted = [&] { return ++asked == 2; };
  Serve([&](FakeCall& call) {
    go.WaitForNotification();
    call.Write(Header());
    call.Write(EpochMessage(0, 1));
    call.Write(SmallFrame(0, 0));
    return absl::OkStatus();
  });
  const auto stream = Open();
  EXPECT_EQ(stream->Next().status(), absl::CancelledError("interrupted"));
  EXPECT_EQ(asked, 2);
  go.Notify();
  auto batch = stream->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_TRUE(Holds(**batch, 0));
}

TEST_F(BatchStreamTest, SeveralStreamsOfOneClientRunAtOnce) {
  Serve(Frames(30, 30, absl::OkStatus()));
  auto client = Client::Create(client_options_);
  ASSERT_TRUE(client.ok());
  std::vector<std::unique_ptr<BatchStream>> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(*(*client)->StreamBatches(options_));
  for (int64_t i = 0; i < 30; ++i) {
    for (const auto& stream : streams) EXPECT_TRUE(Holds(**stream->Next(), i));
  }
}

TEST_F(BatchStreamTest, ShardsThatCannotBeAreRefusedHere) {
  client_options_.endpoints = {"127.0.0.1:1"};
  auto client = Client::Create(client_options_);
  ASSERT_TRUE(client.ok());
  options_.num_shards = 0;
  EXPECT_THAT(std::string((*client)->StreamBatches(options_).status().message()),
              HasSubstr("num_shards is 0"));
  options_.num_shards = 3;
  options_.shard_index = 3;
  EXPECT_THAT(std::string((*client)->StreamBatches(options_).status().message()),
              HasSubstr("shard_index is 3; num_shards is 3"));
}

}  // namespace
}  // namespace graphfeed
