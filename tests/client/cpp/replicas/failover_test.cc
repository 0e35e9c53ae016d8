// Long: each way in which one fake server of several fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/messages.h"
#include "tests/client/cpp/fake_server.h"
#include "tests/client/cpp/stream_messages.h"

namespace graphfeed {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Fingerprint kContent{1, 2, 3};

StreamInfo Info() {
  StreamInfo info;
  info.dataset = "d@4";
  info.fingerprint = kContent;
  info.layout = SmallLayout();
  info.seed = 7;
  info.spec_digest = Fingerprint{5};
  info.resolved_spec.batch_size = 9;
  return info;
}

// A replica that notes what it is asked and answers by the next of its turns; after the last one
// it is UNAVAILABLE.
class FakeReplica {
 public:
  using Turn = std::function<absl::Status(FakeCall&, const v1::StreamBatchesRequest&)>;

  explicit FakeReplica(std::vector<Turn> turns, v1::DatasetInfo dataset = {})
      : turns_(std::move(turns)) {
    server_ = FakeServer::Start({{"StreamBatches", [this](FakeCall& call) { return Answer(call); }},
                                 {"GetDataset", [dataset](FakeCall& call) {
                                    call.Read();
                                    call.Write(dataset.SerializeAsString());
                                    return absl::OkStatus();
                                  }}});
  }

  std::string endpoint() const { return server_->endpoint(); }
  void Kill() { server_->Kill(); }
  std::vector<v1::StreamBatchesRequest> requests() {
    absl::MutexLock lock(&mu_);
    return requests_;
  }

 private:
  absl::Status Answer(FakeCall& call) {
    v1::StreamBatchesRequest request;
    request.ParseFromString(call.Read().value_or(""));
    size_t turn;
    {
      absl::MutexLock lock(&mu_);
      turn = requests_.size();
      requests_.push_back(request);
    }
    if (turn >= turns_.size()) return absl::UnavailableError("out of turns");
    return turns_[turn](call, request);
  }

  const std::vector<Turn> turns_;
  absl::Mutex mu_;
  std::vector<v1::StreamBatchesRequest> requests_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<FakeServer> server_;  // first to go: its scripts use the others
};

struct Part {
  int64_t frames = 0;      // of the epoch over all shards
  int64_t sent = 1 << 20;  // how many of the shard's before the end
  absl::Status end = {};
  StreamInfo info = Info();
};

// Serves what is asked of one epoch, from wherever it is asked.
FakeReplica::Turn Serve(Part part) {
  return [part](FakeCall& call, const v1::StreamBatchesRequest& request) {
    const int64_t n = request.num_shards();
    const int64_t left = (part.frames - request.start_ordinal() + n - 1) / n;
    call.Write(HeaderMessage(part.info));
    EpochInfo epoch{.epoch = request.start_epoch(), .plan = {}};
    epoch.plan.num_frames = part.frames;
    epoch.plan.shard_frames = left;
    epoch.plan.real = {.graphs = 0, .nodes = {0}, .edges = {0}};
    v1::StreamBatchesResponse response;
    *response.mutable_epoch() = wire::ToProto(epoch);
    call.Write(response.SerializeAsString());
    for (int64_t j = 0; j < std::min(left, part.sent); ++j) {
      const int64_t ordinal = request.start_ordinal() + request.shard_index() + j * n;
      if (!call.Write(SmallFrame(request.start_epoch(), ordinal))) break;
    }
    return part.end;
  };
}

FakeReplica::Turn Refuse(absl::Status status) {
  return [status](FakeCall&, const v1::StreamBatchesRequest&) { return status; };
}

v1::DatasetInfo Dataset(const Fingerprint& fingerprint) {
  DatasetInfo info;
  info.name = "d";
  info.version = 4;
  info.fingerprint = fingerprint;
  info.schema = Schema::Homogeneous(true);
  info.num_nodes = {50};
  info.num_edges = {90};
  info.node_sizes.resize(1);
  info.edge_sizes.resize(1);
  return wire::ToProto(info);
}

class FailoverTest : public ::testing::Test {
 protected:
  FailoverTest() {
    client_options_.on_failover = [this](const std::string& what) {
      absl::MutexLock lock(&mu_);
      told_.push_back(what);
    };
    client_options_.spread = false;
    options_.dataset = "d";
    options_.seed = 7;
    options_.spec.batch_size = 2;
  }

  std::unique_ptr<BatchStream> Open(std::vector<std::string> endpoints) {
    client_options_.endpoints = std::move(endpoints);
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(client_options_);
    EXPECT_TRUE(client.ok()) << client.status();
    absl::StatusOr<std::unique_ptr<BatchStream>> stream = (*client)->StreamBatches(options_);
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }

  // (epoch, ordinal) of all frames to the end of the stream, whose status is in end_.
  std::vector<std::pair<int64_t, int64_t>> Drain(BatchStream& stream) {
    std::vector<std::pair<int64_t, int64_t>> positions;
    for (;;) {
      auto batch = stream.Next();
      end_ = batch.status();
      if (!batch.ok() || !batch->has_value()) return positions;
      const FrameInfo& info = (**batch).info();
      const std::string expected = Payload(info.ordinal, 192);
      EXPECT_EQ(std::memcmp((**batch).data(), expected.data(), expected.size()), 0);
      positions.emplace_back(info.epoch, info.ordinal);
    }
  }

  std::vector<std::string> told() {
    absl::MutexLock lock(&mu_);
    return told_;
  }

  ClientOptions client_options_;
  StreamOptions options_;
  absl::Status end_;
  absl::Mutex mu_;
  std::vector<std::string> told_ ABSL_GUARDED_BY(mu_);
};

using Positions = std::vector<std::pair<int64_t, int64_t>>;

TEST_F(FailoverTest, GoesOnAtTheNextFrameOfAReplicaWithTheResolvedSpec) {
  FakeReplica first({Serve({.frames = 5, .sent = 2, .end = absl::UnavailableError("draining")})});
  FakeReplica second({Serve({.frames = 5})});
  const auto stream = Open({first.endpoint(), second.endpoint()});
  EXPECT_EQ(Drain(*stream), Positions({{0, 0}, {0, 1}, {0, 2}, {0, 3}, {0, 4}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_EQ(stream->epoch()->plan.shard_frames, 5) << "the epoch's, not the rest's";

  EXPECT_EQ(first.requests()[0].dataset(), "d");
  const v1::StreamBatchesRequest rest = second.requests().at(0);
  EXPECT_EQ(rest.dataset(), "d@4");
  EXPECT_EQ(rest.fingerprint(), std::string(kContent.begin(), kContent.end()));
  EXPECT_EQ(rest.spec().batch_size(), 9);
  EXPECT_EQ(rest.start_epoch(), 0);
  EXPECT_EQ(rest.start_ordinal(), 2);
  EXPECT_EQ(rest.num_epochs(), 1);
  EXPECT_THAT(told(),
              ElementsAre(AllOf(HasSubstr(first.endpoint()), HasSubstr("draining"),
                                HasSubstr(second.endpoint()), HasSubstr("frame 2 of epoch 0"))));
}

TEST_F(FailoverTest, AShardGoesOnBehindTheRoundsThatItHasReceived) {
  FakeReplica first({Serve({.frames = 30, .sent = 3, .end = absl::UnavailableError("gone")})});
  FakeReplica second({Serve({.frames = 30, .sent = 2, .end = absl::UnavailableError("gone")}),
                      Serve({.frames = 30})});
  options_.start_ordinal = 2;
  options_.num_shards = 4;
  options_.shard_index = 2;  // starts at the first of two
  const auto stream = Open({first.endpoint(), second.endpoint()});
  EXPECT_EQ(Drain(*stream),
            Positions({{0, 4}, {0, 8}, {0, 12}, {0, 16}, {0, 20}, {0, 24}, {0, 28}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_EQ(second.requests().at(0).start_ordinal(), 2 + 3 * 4);
  EXPECT_EQ(second.requests().at(1).start_ordinal(), 2 + 5 * 4);
  EXPECT_THAT(told(), ElementsAre(HasSubstr("goes on with frame 14 of epoch 0"),
                                  HasSubstr("no server can go on with d at frame 22 of epoch 0"),
                                  HasSubstr("goes on with frame 22 of epoch 0")));
}

TEST_F(FailoverTest, AStreamOverEpochsGoesOnInTheNextOne) {
  FakeReplica first({Serve({.frames = 2, .end = absl::UnavailableError("gone")})});
  FakeReplica second({Serve({.frames = 2})});
  options_.start_epoch = 6;
  options_.start_ordinal = 1;
  options_.num_epochs = 2;
  const auto stream = Open({first.endpoint(), second.endpoint()});
  EXPECT_EQ(Drain(*stream), Positions({{6, 1}, {7, 0}, {7, 1}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_EQ(second.requests().at(0).start_epoch(), 7);
  EXPECT_EQ(second.requests().at(0).start_ordinal(), 0);
  EXPECT_EQ(second.requests().at(0).num_epochs(), 1);
}

TEST_F(FailoverTest, AServerThatGoesBehindTheLastFrameEndsTheStream) {
  FakeReplica only({Serve({.frames = 2, .end = absl::UnavailableError("draining")})});
  const auto stream = Open({only.endpoint()});
  EXPECT_EQ(Drain(*stream).size(), 2u);
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_EQ(only.requests().size(), 1u);
}

TEST_F(FailoverTest, ADeadServerIsTriedAgainUntilItIsBack) {
  FakeReplica only({Serve({.frames = 3, .sent = 1, .end = absl::UnavailableError("draining")}),
                    Refuse(absl::UnavailableError("starting")),
                    Refuse(absl::ResourceExhaustedError("too many streams")),
                    Serve({.frames = 3})});
  const auto stream = Open({only.endpoint()});
  EXPECT_EQ(Drain(*stream), Positions({{0, 0}, {0, 1}, {0, 2}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_THAT(
      told(),
      ElementsAre(AllOf(HasSubstr("no server can go on with d at frame 1 of epoch 0"),
                        HasSubstr("trying again for up to 1m"), HasSubstr("UNAVAILABLE: draining")),
                  HasSubstr("goes on with frame 1 of epoch 0")))
      << "at once, not for every attempt";
}

TEST_F(FailoverTest, TheDeadlineIsWithoutProgress) {
  FakeReplica first({Serve({.frames = 5, .sent = 1, .end = absl::UnavailableError("draining")})});
  FakeReplica second({Serve({.frames = 5, .sent = 1, .end = absl::UnavailableError("killed")})});
  client_options_.retry_timeout = absl::Milliseconds(300);
  const auto stream = Open({first.endpoint(), second.endpoint()});
  EXPECT_EQ(Drain(*stream), Positions({{0, 0}, {0, 1}}));
  EXPECT_EQ(end_.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(end_.message()),
              AllOf(HasSubstr("no server can go on with d at frame 2 of epoch 0"),
                    HasSubstr(absl::StrCat(first.endpoint(), ": UNAVAILABLE")),
                    HasSubstr(absl::StrCat(second.endpoint(), ": UNAVAILABLE"))));
}

TEST_F(FailoverTest, WithoutARetryTimeoutEachReplicaIsTriedOnce) {
  FakeReplica first({Serve({.frames = 5, .sent = 1, .end = absl::UnavailableError("draining")})});
  FakeReplica second({Refuse(absl::UnavailableError("draining, too"))});
  client_options_.retry_timeout = absl::ZeroDuration();
  const auto stream = Open({first.endpoint(), second.endpoint()});
  EXPECT_EQ(Drain(*stream).size(), 1u);
  EXPECT_EQ(end_.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(first.requests().size(), 1u);
  EXPECT_EQ(second.requests().size(), 1u);
}

TEST_F(FailoverTest, OtherContentIsRefusedAndNeverMixedIn) {
  const auto other = Refuse(absl::FailedPreconditionError("content 09, not 01"));
  FakeReplica first({Serve({.frames = 3, .sent = 1, .end = absl::UnavailableError("gone")})});
  FakeReplica second({other}, Dataset(Fingerprint{9}));
  FakeReplica third({Serve({.frames = 3})});
  const auto stream = Open({first.endpoint(), second.endpoint(), third.endpoint()});
  EXPECT_EQ(Drain(*stream), Positions({{0, 0}, {0, 1}, {0, 2}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_THAT(
      told(),
      ElementsAre(HasSubstr(absl::StrCat("refused: ", second.endpoint(), ": content 09, not 01"))));
}

TEST_F(FailoverTest, WhenNoReplicaWillDoTheErrorSaysWhatEachHas) {
  FakeReplica first({Refuse(absl::FailedPreconditionError("content 09, not 01"))},
                    Dataset(Fingerprint{9}));
  FakeReplica second({Refuse(absl::NotFoundError("no dataset d"))});
  options_.fingerprint = kContent;
  const auto stream = Open({first.endpoint(), second.endpoint()});
  EXPECT_TRUE(Drain(*stream).empty());
  EXPECT_EQ(end_.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(end_.message()),
              AllOf(HasSubstr("content 09, not 01"), HasSubstr("no dataset d")));
  EXPECT_EQ(first.requests().size(), 1u) << "nothing that waiting would cure";
}

TEST_F(FailoverTest, AReplicaThatMakesAnotherSpecOfItIsRefused) {
  StreamInfo other = Info();
  other.spec_digest = Fingerprint{6};
  FakeReplica first({Serve({.frames = 3, .sent = 1, .end = absl::UnavailableError("gone")})});
  FakeReplica second({Serve({.frames = 3, .end = {}, .info = other})});
  FakeReplica third({Refuse(absl::InvalidArgumentError("algorithm_version: 1; this is 2"))});
  FakeReplica fourth({Serve({.frames = 3})});
  const auto stream =
      Open({first.endpoint(), second.endpoint(), third.endpoint(), fourth.endpoint()});
  EXPECT_EQ(Drain(*stream), Positions({{0, 0}, {0, 1}, {0, 2}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_THAT(told(), ElementsAre(AllOf(HasSubstr("resolves the spec to 06"),
                                        HasSubstr("algorithm_version"))));
}

TEST_F(FailoverTest, AReplicaWhosePlanIsAnotherIsRefused) {
  FakeReplica first({Serve({.frames = 5, .sent = 1, .end = absl::UnavailableError("gone")})});
  FakeReplica second({Serve({.frames = 6})});
  FakeReplica third({Serve({.frames = 5})});
  const auto stream = Open({first.endpoint(), second.endpoint(), third.endpoint()});
  EXPECT_EQ(Drain(*stream).size(), 5u);
  EXPECT_TRUE(end_.ok()) << end_;
}

TEST_F(FailoverTest, ErrorsThatNoReplicaCuresSurfaceAtOnce) {
  for (const absl::Status& error :
       {absl::InvalidArgumentError("batch_size: 0"), absl::PermissionDeniedError("not for you"),
        absl::FailedPreconditionError("graph 17 has 66 edges")}) {
    FakeReplica first({Refuse(error)}, Dataset(kContent));
    FakeReplica second({Serve({.frames = 3})});
    options_.fingerprint = kContent;
    EXPECT_TRUE(Drain(*Open({first.endpoint(), second.endpoint()})).empty());
    EXPECT_EQ(end_, error);
    EXPECT_TRUE(second.requests().empty());
  }
}

TEST_F(FailoverTest, ErrorsOfABatchSurfaceAtOnce) {
  const absl::Status error = absl::FailedPreconditionError("graphs 3, 4 have 70 edges");
  FakeReplica first({Serve({.frames = 3, .sent = 1, .end = error})}, Dataset(kContent));
  FakeReplica second({Serve({.frames = 3})});
  EXPECT_EQ(Drain(*Open({first.endpoint(), second.endpoint()})).size(), 1u);
  EXPECT_EQ(end_, error);
  EXPECT_TRUE(second.requests().empty());
}

// Sends frame 0, then frame 1 with a byte changed.
FakeReplica::Turn Damage() {
  return [](FakeCall& call, const v1::StreamBatchesRequest&) {
    call.Write(HeaderMessage(Info()));
    call.Write(EpochMessage(0, 3));
    call.Write(SmallFrame(0, 0));
    std::string frame = SmallFrame(0, 1);
    frame.back() ^= 1;
    call.Write(frame);
    call.WaitUntilCancelled();
    return absl::OkStatus();
  };
}

TEST_F(FailoverTest, AFrameThatChangedOnItsWayIsFetchedFromAnotherReplica) {
  FakeReplica first({Damage()});
  FakeReplica second({Serve({.frames = 3})});
  EXPECT_EQ(Drain(*Open({first.endpoint(), second.endpoint()})),
            Positions({{0, 0}, {0, 1}, {0, 2}}));
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_THAT(told(), ElementsAre(HasSubstr("changed on its way")));
}

TEST_F(FailoverTest, WithoutAnotherReplicaADamagedFrameIsDataLossAtOnce) {
  FakeReplica only({Damage(), Serve({.frames = 3})});
  EXPECT_EQ(Drain(*Open({only.endpoint()})).size(), 1u);
  EXPECT_EQ(end_.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(only.requests().size(), 1u);
}

TEST_F(FailoverTest, UnreadableDataIsReadAtAnotherReplica) {
  FakeReplica first({Serve({.frames = 3, .sent = 1, .end = absl::DataLossError("chunk 5")})});
  FakeReplica second({Serve({.frames = 3})});
  EXPECT_EQ(Drain(*Open({first.endpoint(), second.endpoint()})).size(), 3u);
  EXPECT_TRUE(end_.ok()) << end_;
}

TEST_F(FailoverTest, ShardsStartAtDifferentReplicas) {
  FakeReplica first({Serve({.frames = 4}), Serve({.frames = 4})});
  FakeReplica second({Serve({.frames = 4}), Serve({.frames = 4})});
  options_.num_shards = 4;
  for (options_.shard_index = 0; options_.shard_index < 4; ++options_.shard_index) {
    EXPECT_EQ(Drain(*Open({first.endpoint(), second.endpoint()})).size(), 1u);
  }
  EXPECT_EQ(first.requests().size(), 2u);
  EXPECT_EQ(second.requests().size(), 2u);
}

// Accepts connections and never says a word.
class Mute {
 public:
  Mute() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    const bool listening = bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                           listen(socket_, 8) == 0 &&
                           getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    EXPECT_TRUE(listening);
    endpoint_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~Mute() { close(socket_); }
  const std::string& endpoint() const { return endpoint_; }

 private:
  const int socket_;
  std::string endpoint_;
};

TEST_F(FailoverTest, AnAddressThatNeverAnswersIsGivenUp) {
  const Mute mute;
  FakeReplica second({Serve({.frames = 3}), Serve({.frames = 3}), Serve({.frames = 3})});
  client_options_.connect_timeout = absl::Seconds(2);
  const absl::Time start = absl::Now();
  EXPECT_EQ(Drain(*Open({mute.endpoint(), second.endpoint()})).size(), 3u);
  EXPECT_TRUE(end_.ok()) << end_;
  // The second has to answer within the time, too; else both are tried again, which is told.
  const bool in_time = absl::Now() - start < 2 * client_options_.connect_timeout;
  EXPECT_TRUE(told().empty() || !in_time) << "a stream that had not begun has lost nothing";
}

TEST_F(FailoverTest, CancelEndsAPause) {
  absl::Notification refused;
  FakeReplica only({Serve({.frames = 3, .sent = 1, .end = absl::UnavailableError("draining")}),
                    [&](FakeCall&, const v1::StreamBatchesRequest&) {
                      refused.Notify();
                      return absl::UnavailableError("starting");
                    }});
  client_options_.retry_timeout = absl::InfiniteDuration();
  const auto stream = Open({only.endpoint()});
  ASSERT_TRUE(stream->Next().ok());
  refused.WaitForNotification();
  stream->Cancel();
  EXPECT_EQ(stream->Next().status().code(), absl::StatusCode::kCancelled);
}

FakeServer::Script Datasets(const std::string& name) {
  return [name](FakeCall& call) {
    call.Read();
    v1::ListDatasetsResponse response;
    v1::DatasetInfo dataset = Dataset(kContent);
    dataset.set_name(name);
    *response.add_datasets() = dataset;
    call.Write(response.SerializeAsString());
    return absl::OkStatus();
  };
}

std::unique_ptr<Client> Connect(ClientOptions options, std::vector<std::string> endpoints) {
  options.endpoints = std::move(endpoints);
  auto client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

TEST(ReplicatedCallsTest, ADeadServerIsFollowedByTheNextWhichThenIsPreferred) {
  const auto dead = FakeServer::Start({});
  dead->Kill();
  const auto alive = FakeServer::Start({{"ListDatasets", Datasets("d")}});
  const auto client = Connect({}, {dead->endpoint(), alive->endpoint()});
  for (int i = 0; i < 3; ++i) {
    const auto datasets = client->ListDatasets();
    ASSERT_TRUE(datasets.ok()) << datasets.status();
    EXPECT_EQ(datasets->at(0).name, "d");
  }
}

TEST(ReplicatedCallsTest, WhatOneReplicaLacksAnotherAnswers) {
  const auto first = FakeServer::Start({{"GetDataset", [](FakeCall& call) {
                                           call.Read();
                                           return absl::NotFoundError("no dataset d");
                                         }}});
  const auto second = FakeServer::Start({{"GetDataset", [](FakeCall& call) {
                                            call.Read();
                                            call.Write(Dataset(kContent).SerializeAsString());
                                            return absl::OkStatus();
                                          }}});
  const auto info = Connect({}, {first->endpoint(), second->endpoint()})->GetDataset("d");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->fingerprint, kContent);
  EXPECT_EQ(Connect({}, {first->endpoint()})->GetDataset("d").status(),
            absl::NotFoundError("no dataset d"));
}

TEST(ReplicatedCallsTest, AnOutageIsWaitedForOnceSomethingHasAnswered) {
  std::atomic<int> calls = 0;
  const auto server = FakeServer::Start({{"ListDatasets", [&](FakeCall& call) {
                                            if (++calls == 2 || calls == 3) {
                                              return absl::UnavailableError("draining");
                                            }
                                            return Datasets("d")(call);
                                          }}});
  const auto client = Connect({}, {server->endpoint()});
  ASSERT_TRUE(client->ListDatasets().ok());
  const auto datasets = client->ListDatasets();
  EXPECT_TRUE(datasets.ok()) << datasets.status();
  EXPECT_EQ(calls, 4);
}

TEST(ReplicatedCallsTest, WithoutAnyAnswerEachServerIsTriedOnce) {
  const auto first = FakeServer::Start({});
  const auto second = FakeServer::Start({});
  first->Kill();
  second->Kill();
  const absl::Status status =
      Connect({}, {first->endpoint(), second->endpoint()})->ListDatasets().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(first->endpoint()), HasSubstr(second->endpoint())));
}

TEST(ReplicatedCallsTest, ChangesAreAskedForOnce) {
  std::atomic<int> deletions = 0;
  const auto delete_version = [&](FakeCall& call) {
    call.Read();
    ++deletions;
    return absl::UnavailableError("draining");
  };
  const auto first =
      FakeServer::Start({{"ListDatasets", Datasets("d")}, {"DeleteVersion", delete_version}});
  const auto second =
      FakeServer::Start({{"ListDatasets", Datasets("d")}, {"DeleteVersion", delete_version}});
  EXPECT_EQ(Connect({}, {first->endpoint(), second->endpoint()})->DeleteVersion("d", 1).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(deletions, 1);
}

TEST(ReplicasTest, EndpointsThatCannotBeAreRefused) {
  for (const char* endpoint : {"", "host", ":50051", "host:", "host:0", "host:70000", "::1:80"}) {
    EXPECT_THAT(
        std::string(Client::Create({.endpoints = {endpoint}}).status().message()),
        HasSubstr(absl::StrCat("endpoint \"", endpoint, "\" is not of the form host:port")));
  }
}

TEST(ReplicasTest, ANameStandsForItsAddresses) {
  const auto server = FakeServer::Start({{"ListDatasets", Datasets("d")}});
  const std::string port = server->endpoint().substr(server->endpoint().rfind(':') + 1);
  // The server is at one of the addresses that this host gives the name.
  const auto datasets = Connect({}, {absl::StrCat("localhost:", port)})->ListDatasets();
  EXPECT_TRUE(datasets.ok()) << datasets.status();
}

TEST(ReplicasTest, ANameThatDoesNotResolveIsUnavailableAndNamed) {
  const absl::Status status = Connect({}, {"name.invalid:50051"})->ListDatasets().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("name.invalid"));
}

}  // namespace
}  // namespace graphfeed
