// Streams over replicas: real servers that hold separately ingested copies of the same data.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kGraphs = 200;

struct Seen {
  int64_t epoch;
  int64_t ordinal;
  uint64_t digest;
  friend bool operator==(const Seen&, const Seen&) = default;
};

class ReplicasTest : public testing::Test {
 protected:
  static std::unique_ptr<TestServer> NewServer(int64_t graphs = kGraphs) {
    auto server = std::make_unique<TestServer>();
    const auto info = IngestMolecules(*server->NewClient(), "molecules", graphs);
    EXPECT_TRUE(info.ok()) << info.status();
    return server;
  }

  std::unique_ptr<Client> NewClient(std::vector<std::string> endpoints) {
    ClientOptions options;
    options.endpoints = std::move(endpoints);
    options.spread = spread_;
    options.on_failover = [this](const std::string& what) { told_.push_back(what); };
    auto client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  static StreamOptions Options() {
    StreamOptions options;
    options.dataset = "molecules";
    options.spec.strategy = Strategy::kStreamPack;
    options.spec.shuffle = true;
    // Frames of half a megabyte: the rest of an epoch is more than a connection holds, so what a
    // server has not sent when it goes is missing.
    options.spec.options = FixedSizeOptions{.num_nodes = {{"", 20'000}},
                                            .num_edges = {{"", 100}},
                                            .num_graphs = 6,
                                            .pad_graph_defaults = {}};
    options.seed = 3;
    options.num_epochs = 2;
    options.prefetch = 2;
    options.client_prefetch = 1;
    return options;
  }

  // Frames of a stream; `after` is called when so many have come.
  static std::vector<Seen> Read(Client& client, const StreamOptions& options, size_t after = 0,
                                const std::function<void()>& then = nullptr) {
    std::vector<Seen> seen;
    auto stream = client.StreamBatches(options);
    EXPECT_TRUE(stream.ok()) << stream.status();
    for (;;) {
      if (then && seen.size() == after) then();
      const auto batch = (*stream)->Next();
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || !batch->has_value()) return seen;
      const FrameInfo& info = (*batch)->info();
      seen.push_back({info.epoch, info.ordinal, info.digest});
    }
  }

  bool spread_ = false;            // a test knows at which server a stream begins
  std::vector<std::string> told_;  // read when the stream has ended
};

TEST_F(ReplicasTest, AStreamSurvivesItsServer) {
  const auto first = NewServer();
  const auto second = NewServer();
  const std::vector<Seen> expected = Read(*first->NewClient(), Options());
  const auto client = NewClient({first->endpoint(), second->endpoint()});
  const std::vector<Seen> seen =
      Read(*client, Options(), 5, [&] { first->server().Shutdown(absl::Now()); });
  EXPECT_EQ(seen, expected);
  EXPECT_THAT(told_, ElementsAre(HasSubstr(second->endpoint())));
}

TEST_F(ReplicasTest, EachShardSurvivesItsServerInAnotherEpoch) {
  const auto first = NewServer();
  const auto second = NewServer();
  for (const UnevenShards uneven :
       {UnevenShards::kNull, UnevenShards::kRepeat, UnevenShards::kDrop}) {
    for (int64_t shard = 0; shard < 3; ++shard) {
      StreamOptions options = Options();
      options.uneven_shards = uneven;
      options.num_shards = 3;
      options.shard_index = shard;
      const std::vector<Seen> expected = Read(*first->NewClient(), options);
      const auto third = NewServer();
      const auto client = NewClient({third->endpoint(), third->endpoint(), first->endpoint()});
      const std::vector<Seen> seen = Read(*client, options, expected.size() * 3 / 4,
                                          [&] { third->server().Shutdown(absl::Now()); });
      EXPECT_EQ(seen, expected);
    }
  }
}

TEST_F(ReplicasTest, AServerWithOtherContentIsNeverMixedIn) {
  const auto first = NewServer();
  const auto other = NewServer(kGraphs + 1);
  StreamOptions options = Options();
  options.start_ordinal = 1;
  ClientOptions client_options;
  client_options.endpoints = {first->endpoint(), other->endpoint()};
  client_options.retry_timeout = absl::ZeroDuration();
  client_options.spread = false;
  const auto client = Client::Create(client_options);
  ASSERT_TRUE(client.ok());
  const auto stream = (*client)->StreamBatches(options);
  ASSERT_TRUE(stream.ok());
  absl::Status status;
  size_t frames = 0;
  for (;; ++frames) {
    if (frames == 5) first->server().Shutdown(absl::Now());
    const auto batch = (*stream)->Next();
    status = batch.status();
    if (!status.ok()) break;
    ASSERT_TRUE(batch->has_value());
  }
  EXPECT_GE(frames, 5u);
  const auto info = other->NewClient()->GetDataset("molecules");
  ASSERT_TRUE(info.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(other->endpoint()));
  EXPECT_THAT(std::string(status.message()), HasSubstr("fingerprint"));
  EXPECT_EQ(other->Metric("graphfeed_frames_sent_total{strategy=\"stream_pack\"}"), 0);
}

// Ends of streams, by the hundred where a machine is slow, of which nobody sees anything.
TEST_F(ReplicasTest, StreamsThatMoveReadTheSameAndSayNothing) {
  const auto undisturbed = NewServer();
  std::vector<std::unique_ptr<TestServer>> servers;
  for (int i = 0; i < 2; ++i) {
    servers.push_back(std::make_unique<TestServer>(
        [](ServerConfig& config) { config.stream_max_age = absl::Milliseconds(1); }));
    ASSERT_TRUE(IngestMolecules(*servers.back()->NewClient(), "molecules", kGraphs).ok());
  }
  spread_ = true;
  for (const int64_t micro_batches : {1, 4}) {
    StreamOptions options = Options();
    options.spec.micro_batches = micro_batches;
    const std::vector<Seen> expected = Read(*undisturbed->NewClient(), options);
    for (const std::vector<std::string>& endpoints :
         {std::vector<std::string>{servers[0]->endpoint()},
          std::vector<std::string>{servers[0]->endpoint(), servers[1]->endpoint()}}) {
      EXPECT_EQ(Read(*NewClient(endpoints), options), expected);
    }
  }
  EXPECT_THAT(told_, ElementsAre());
  double ended = 0;
  for (const auto& server : servers) {
    ended += server->Metric("graphfeed_streams_ended_total{reason=\"age\"}");
    EXPECT_TRUE(Eventually([&] { return server->Metric("graphfeed_open_streams") == 0; }));
  }
  EXPECT_GT(ended, 4) << "the faster, the fewer";
  EXPECT_EQ(undisturbed->Metric("graphfeed_streams_ended_total{reason=\"age\"}"), 0);
  EXPECT_EQ(undisturbed->Metric("graphfeed_streams_ended_total{reason=\"complete\"}"), 2);
}

TEST_F(ReplicasTest, AServerTellsItsStreamsAsItsLoad) {
  const auto server = NewServer();
  const auto client = server->NewClient();
  EXPECT_EQ(client->GetServerInfo()->load->streams, 0);
  auto stream = client->StreamBatches(Options());
  ASSERT_TRUE((*stream)->info().ok());
  EXPECT_EQ(client->GetServerInfo()->load->streams, 1);
  EXPECT_EQ(client->GetServerInfo()->load->max_streams, server->config().max_streams);
}

TEST_F(ReplicasTest, SingleBatchesComeFromWhoeverIsThere) {
  const auto first = NewServer();
  const auto second = NewServer();
  StreamOptions options = Options();
  const auto expected = first->NewClient()->GetBatch(options, 1, 7);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const auto client = NewClient({first->endpoint(), second->endpoint()});
  options.fingerprint = expected->info.fingerprint;
  ASSERT_TRUE(client->GetBatch(options, 1, 7).ok());
  first->server().Shutdown(absl::Now());
  const auto again = client->GetBatch(options, 1, 7);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->batch.info().digest, expected->batch.info().digest);
}

}  // namespace
}  // namespace graphfeed
