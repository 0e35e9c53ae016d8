// New streams that wait for room, and old ones that make it.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/frame/error_details.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kRoomGraphs = 400;

class RoomTest : public testing::Test {
 protected:
  void Start(const TestServer::Adjust& adjust) {
    server_ = std::make_unique<TestServer>(adjust);
    const auto info = IngestMolecules(*server_->NewClient(), "molecules", kRoomGraphs);
    ASSERT_TRUE(info.ok()) << info.status();
  }

  // Frames of half a megabyte: some dozens of them are more than a connection holds.
  static StreamOptions Options(uint32_t prefetch) {
    StreamOptions options;
    options.dataset = "molecules";
    options.spec.strategy = Strategy::kStreamPack;
    options.spec.shuffle = true;
    options.spec.options = FixedSizeOptions{.num_nodes = {{"", 20'000}},
                                            .num_edges = {{"", 100}},
                                            .num_graphs = 6,
                                            .pad_graph_defaults = {}};
    options.seed = 3;
    options.prefetch = prefetch;
    options.client_prefetch = 1;
    return options;
  }

  std::unique_ptr<Client> NewClient() {
    ClientOptions options;
    options.endpoints = {server_->endpoint()};
    options.retry_timeout = absl::ZeroDuration();
    options.on_failover = [this](const std::string& what) { told_.push_back(what); };
    return server_->NewClient(std::move(options));
  }

  static std::unique_ptr<BatchStream> Open(Client& client, const StreamOptions& options) {
    auto stream = client.StreamBatches(options);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  // Digests of a stream to its end.
  static void Read(BatchStream& stream, std::vector<uint64_t>& digests) {
    for (;;) {
      const auto batch = stream.Next();
      ASSERT_TRUE(batch.ok()) << batch.status();
      if (!batch->has_value()) return;
      digests.push_back((*batch)->info().digest);
    }
  }
  std::vector<uint64_t> ReadAll(const StreamOptions& options) {
    std::vector<uint64_t> digests;
    const auto client = NewClient();
    Read(*Open(*client, options), digests);
    return digests;
  }

  double Reserved() const {
    return server_->Metric("graphfeed_memory_reserved_bytes{use=\"frames\"}");
  }
  // The server may see that a stream has ended after its client does.
  bool NothingIsReservedSoon() const {
    return Eventually([&] { return Reserved() == 0; });
  }

  // Waits until the connections have taken what they can.
  bool NothingIsSentAnyMore() const {
    double sent = 0;
    int same = 0;  // looks
    return Eventually([&] {
      absl::SleepFor(absl::Milliseconds(10));
      const double now = server_->Metric("graphfeed_frames_sent_total{strategy=\"stream_pack\"}");
      same = now == sent ? same + 1 : 0;
      sent = now;
      return same == 100;
    });
  }

  std::unique_ptr<TestServer> server_;
  std::vector<std::string> told_;  // read when the stream has ended
};

TEST_F(RoomTest, AClientThatHasGoneToLunchDoesNotKeepOthersOut) {
  Start([](ServerConfig& config) {
    config.slab_memory = 20 << 20;
    config.stream_wait = absl::Seconds(20);
  });
  const std::vector<uint64_t> expected = ReadAll(Options(2));
  ASSERT_GT(expected.size(), 60u);
  ASSERT_TRUE(NothingIsReservedSoon()) << "all there is is free";
  const auto lunching = NewClient();
  const auto stream = Open(*lunching, Options(64));
  std::vector<uint64_t> digests;
  digests.push_back((**stream->Next()).info().digest);
  EXPECT_GT(Reserved(), 19 << 20) << "it has all there is";
  EXPECT_TRUE(Eventually([&] {
    return server_->Metric("graphfeed_memory_part_bytes{part=\"slabs\"}") > 19 << 20;
  })) << "and uses it";
  ASSERT_TRUE(NothingIsSentAnyMore()) << "the connection is full, so it is idle";

  // Another team comes, and a third.
  for (int i = 0; i < 2; ++i) EXPECT_EQ(ReadAll(Options(8)), expected);
  EXPECT_GT(server_->Metric("graphfeed_frames_dropped_total"), 10);
  EXPECT_GE(server_->Metric("graphfeed_stream_room_wait_seconds_count"), 1);
  EXPECT_TRUE(Eventually([&] { return Reserved() < 5 << 20; })) << Reserved();

  Read(*stream, digests);
  EXPECT_EQ(digests, expected) << "what was dropped has been built again";
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_TRUE(NothingIsReservedSoon());
}

TEST_F(RoomTest, StreamsThatRunShrinkForOneThatComes) {
  Start([](ServerConfig& config) {
    config.slab_memory = 20 << 20;
    config.stream_wait = absl::Seconds(20);
  });
  const std::vector<uint64_t> expected = ReadAll(Options(2));
  ASSERT_TRUE(NothingIsReservedSoon()) << "all there is is free";
  const auto first = NewClient();
  const auto stream = Open(*first, Options(64));
  std::vector<uint64_t> digests;
  digests.push_back((**stream->Next()).info().digest);
  std::vector<uint64_t> others;
  std::thread other([&] { others = ReadAll(Options(8)); });
  // It reads, so it is not idle.
  while (digests.size() < expected.size()) {
    digests.push_back((**stream->Next()).info().digest);
    absl::SleepFor(absl::Milliseconds(20));
  }
  other.join();
  EXPECT_EQ(digests, expected);
  EXPECT_EQ(others, expected);
}

TEST_F(RoomTest, APlaceIsWaitedFor) {
  Start([](ServerConfig& config) {
    config.max_streams = 1;
    config.stream_wait = absl::Seconds(30);
  });
  const auto first = NewClient();
  const auto second = NewClient();
  auto stream = Open(*first, Options(2));
  ASSERT_TRUE(stream->info().ok());
  const auto waiting = Open(*second, Options(2));
  EXPECT_TRUE(Eventually([&] { return server_->Metric("graphfeed_streams_waiting") == 1; }));
  EXPECT_EQ(second->GetServerInfo()->load->waiting, 1);
  stream.reset();
  EXPECT_TRUE(waiting->info().ok()) << waiting->info().status();
}

TEST_F(RoomTest, WhoHasWaitedInVainIsToldWhatIsUsedAndWhenToComeBack) {
  Start([](ServerConfig& config) {
    config.max_streams = 1;
    config.stream_wait = absl::Milliseconds(300);
  });
  const auto first = NewClient();
  const auto stream = Open(*first, Options(2));
  ASSERT_TRUE(stream->info().ok());
  const absl::Time begin = absl::Now();
  const auto refused = Open(*first, Options(2));
  const absl::Status status = refused->info().status();
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(300));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("streams: 1 are open; at most 1 (--max-streams); waited "));
  EXPECT_TRUE(RetryDelayOf(status).has_value()) << "it has come over the wire";
  EXPECT_EQ(server_->Metric("graphfeed_streams_ended_total{reason=\"refused\"}"), 1);
}

TEST_F(RoomTest, WhoWaitsIsSentAwayAtOnceByADrain) {
  Start([](ServerConfig& config) {
    config.max_streams = 1;
    config.stream_wait = absl::Minutes(10);
  });
  const auto client = NewClient();
  const auto stream = Open(*client, Options(2));
  ASSERT_TRUE(stream->info().ok());
  const auto waiting = Open(*client, Options(2));
  EXPECT_TRUE(Eventually([&] { return server_->Metric("graphfeed_streams_waiting") == 1; }));
  std::thread drain([&] { server_->server().Shutdown(absl::Now() + absl::Minutes(5)); });
  EXPECT_EQ(waiting->info().status().code(), absl::StatusCode::kUnavailable);
  stream->Cancel();
  drain.join();
}

TEST_F(RoomTest, AStreamThatNobodyReadsEndsAndGoesOnWhenSomebodyDoes) {
  Start([](ServerConfig& config) { config.stream_idle_timeout = absl::Seconds(1); });
  const std::vector<uint64_t> expected = ReadAll(Options(2));
  const std::string ended = "graphfeed_streams_ended_total{reason=\"idle\"}";
  const double before = server_->Metric(ended);  // the reader may have been held up
  const auto client = NewClient();
  const auto stream = Open(*client, Options(4));
  std::vector<uint64_t> digests;
  digests.push_back((**stream->Next()).info().digest);
  EXPECT_TRUE(Eventually([&] { return server_->Metric("graphfeed_open_streams") == 0; }));
  EXPECT_EQ(server_->Metric(ended) - before, 1);
  Read(*stream, digests);
  EXPECT_EQ(digests, expected);
  EXPECT_THAT(told_, IsEmpty()) << "and without a word";
}

}  // namespace
}  // namespace graphfeed
