// Where streams begin and go on, over servers that say how much they have to do.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "client/cpp/replicas/stream_placement.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/frame/error_details.h"
#include "proto/wire/messages.h"
#include "tests/client/cpp/fake_server.h"
#include "tests/client/cpp/stream_messages.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::optional<ServerLoad> Streams(int64_t streams) { return ServerLoad{.streams = streams}; }

TEST(LeastLoadedTest, TheOneWithFewestStreamsThatHasRoom) {
  std::mt19937 random(1);
  EXPECT_EQ(LeastLoaded({Streams(4), Streams(3), Streams(5)}, 0, random), 1u);
  EXPECT_EQ(
      LeastLoaded({Streams(4), ServerLoad{.streams = 1, .max_streams = 1}, Streams(3)}, 0, random),
      2u);
  EXPECT_EQ(
      LeastLoaded({Streams(4), ServerLoad{.streams = 1, .waiting = 1}, Streams(5)}, 2, random), 0u);
  EXPECT_EQ(LeastLoaded({std::nullopt, std::nullopt}, 0, random), std::nullopt);
  EXPECT_EQ(LeastLoaded({std::nullopt, Streams(90)}, 0, random), 1u);
}

TEST(LeastLoadedTest, ThePreferredOneUnlessAnotherHasClearlyFewer) {
  std::mt19937 random(1);
  EXPECT_EQ(LeastLoaded({Streams(4), Streams(4)}, 1, random), 1u);
  EXPECT_EQ(LeastLoaded({Streams(46), Streams(50)}, 1, random), 1u);
  EXPECT_EQ(LeastLoaded({Streams(44), Streams(50)}, 1, random), 0u);
}

TEST(LeastLoadedTest, OfSeveralAnyOne) {
  std::mt19937 random(1);
  std::set<std::optional<size_t>> chosen;
  for (int i = 0; i < 50; ++i) {
    chosen.insert(LeastLoaded({Streams(2), Streams(0), Streams(0)}, 0, random));
  }
  EXPECT_THAT(chosen, ElementsAre(1u, 2u));
}

// Streams that take their places in turn, by the rule alone: from any beginning they are spread
// when each has moved once or twice.
TEST(LeastLoadedTest, StreamsThatMoveOneAfterTheOtherSpreadEvenly) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<size_t> at(12);
    for (size_t& place : at) place = random() % 3;
    const auto move_all = [&](std::vector<bool> up) {
      std::shuffle(at.begin(), at.end(), random);
      for (size_t& place : at) {
        std::vector<std::optional<ServerLoad>> loads(up.size());
        for (size_t i = 0; i < up.size(); ++i) {
          if (up[i]) loads[i] = Streams(std::count(at.begin(), at.end(), i) - (place == i ? 1 : 0));
        }
        place = *LeastLoaded(loads, place, random);
      }
      std::vector<int64_t> counts;
      for (size_t i = 0; i < up.size(); ++i) counts.push_back(std::count(at.begin(), at.end(), i));
      return counts;
    };
    EXPECT_THAT(move_all({true, true, true}), ElementsAre(4, 4, 4));
    EXPECT_THAT(move_all({true, true, true, true}), ElementsAre(3, 3, 3, 3));
    EXPECT_THAT(move_all({true, false, true, true}), ElementsAre(4, 0, 4, 4));
  }
}

TEST(Fnv1aTest, IsTheSameInEveryLanguage) {
  EXPECT_EQ(Fnv1a(""), 0xcbf29ce484222325u);
  EXPECT_EQ(Fnv1a("graphfeed"), 0x5972d921ebe92193u);
}

constexpr Fingerprint kContent{1, 2, 3};

// A server whose load a test sets, with a stream of `frames` in which it ends calls by age after
// `sent` of them.
class FakeReplica {
 public:
  explicit FakeReplica(int64_t streams) : streams_(streams) {
    server_ = FakeServer::Start({{"StreamBatches", [this](FakeCall& call) { return Serve(call); }},
                                 {"ServerInfo", [this](FakeCall& call) {
                                    call.Read();
                                    ++asked_;
                                    v1::ServerInfoResponse response;
                                    response.set_version("1");
                                    if (streams_ >= 0) {
                                      response.mutable_load()->set_streams(streams_);
                                    }
                                    call.Write(response.SerializeAsString());
                                    return absl::OkStatus();
                                  }}});
  }

  std::string endpoint() const { return server_->endpoint(); }
  void Kill() { server_->Kill(); }

  std::atomic<int64_t> streams_;  // -1: it does not tell
  std::atomic<int64_t> sent_ = 1 << 20;
  std::atomic<int64_t> max_age_ms_ = 600'000;
  std::atomic<StreamEnd> end_ = StreamEnd::kAge;
  std::atomic<int> refusals_ = 0;  // of the next calls
  std::atomic<int> asked_ = 0;
  std::atomic<int> served_ = 0;

 private:
  static constexpr int64_t kFrames = 6;

  absl::Status Serve(FakeCall& call) {
    v1::StreamBatchesRequest request;
    request.ParseFromString(call.Read().value_or(""));
    if (refusals_ > 0) {
      --refusals_;
      return absl::NotFoundError("no dataset d");
    }
    ++served_;
    StreamInfo info;
    info.dataset = "d@4";
    info.fingerprint = kContent;
    info.layout = SmallLayout();
    info.seed = request.seed();
    info.max_age_ms = max_age_ms_;
    call.Write(HeaderMessage(info));
    EpochInfo epoch{.epoch = request.start_epoch(), .plan = {}};
    epoch.plan.num_frames = kFrames;
    epoch.plan.shard_frames = kFrames - request.start_ordinal();
    epoch.plan.real = {.graphs = 0, .nodes = {0}, .edges = {0}};
    v1::StreamBatchesResponse response;
    *response.mutable_epoch() = wire::ToProto(epoch);
    call.Write(response.SerializeAsString());
    for (int64_t j = 0; j < sent_; ++j) {
      if (request.start_ordinal() + j == kFrames) return absl::OkStatus();
      call.Write(SmallFrame(request.start_epoch(), request.start_ordinal() + j));
    }
    return WithStreamEnd(absl::UnavailableError("long enough"), end_);
  }

  std::unique_ptr<FakeServer> server_;
};

class PlacementTest : public testing::Test {
 protected:
  std::unique_ptr<Client> NewClient(const std::vector<FakeReplica*>& replicas) {
    ClientOptions options;
    options.load_timeout = absl::Minutes(1);  // nobody is passed over for being slow
    for (FakeReplica* replica : replicas) options.endpoints.push_back(replica->endpoint());
    options.on_failover = [this](const std::string& what) {
      absl::MutexLock lock(&mu_);
      told_.push_back(what);
    };
    auto client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  // The ordinals of a stream to its end.
  static std::vector<int64_t> Read(Client& client, uint64_t seed = 7) {
    StreamOptions options;
    options.dataset = "d@4";
    options.seed = seed;
    std::vector<int64_t> ordinals;
    auto stream = client.StreamBatches(options);
    EXPECT_TRUE(stream.ok()) << stream.status();
    for (;;) {
      auto batch = (*stream)->Next();
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || !batch->has_value()) return ordinals;
      ordinals.push_back((*batch)->info().ordinal);
    }
  }

  std::vector<std::string> told() {
    absl::MutexLock lock(&mu_);
    return told_;
  }

  absl::Mutex mu_;
  std::vector<std::string> told_ ABSL_GUARDED_BY(mu_);
};

const auto kAll = ElementsAre(0, 1, 2, 3, 4, 5);

TEST_F(PlacementTest, AStreamBeginsWhereThereIsLeastToDo) {
  FakeReplica first(3);
  FakeReplica second(1);
  FakeReplica third(2);
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Read(*NewClient({&first, &second, &third})), kAll);
  EXPECT_EQ(second.served_, 5);
}

TEST_F(PlacementTest, AStreamThatIsOldEnoughGoesOnElsewhereWithoutAWord) {
  for (const StreamEnd end : {StreamEnd::kAge, StreamEnd::kIdle}) {
    FakeReplica first(0);
    FakeReplica second(9);
    first.end_ = end;
    first.sent_ = 2;
    const auto client = NewClient({&first, &second});
    StreamOptions options;
    options.dataset = "d@4";
    auto stream = client->StreamBatches(options);
    ASSERT_TRUE(stream.ok());
    ASSERT_TRUE((*stream)->info().ok());
    first.streams_ = 20;
    std::vector<int64_t> ordinals;
    for (auto batch = (*stream)->Next(); batch.ok() && batch->has_value();
         batch = (*stream)->Next()) {
      ordinals.push_back((*batch)->info().ordinal);
    }
    EXPECT_THAT(ordinals, kAll);
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_EQ(second.served_, 1);
  }
}

TEST_F(PlacementTest, OneReplicaAloneGoesOnByItselfAndIsNotAsked) {
  FakeReplica only(0);
  only.sent_ = 1;
  EXPECT_THAT(Read(*NewClient({&only})), kAll);
  EXPECT_EQ(only.served_, 6);
  EXPECT_EQ(only.asked_, 0);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(PlacementTest, AServerThatSendsNothingBeforeItsEndIsAnOutage) {
  FakeReplica only(0);
  only.sent_ = 0;
  ClientOptions options;
  options.endpoints = {only.endpoint()};
  options.retry_timeout = absl::Milliseconds(200);
  options.on_failover = [](const std::string&) {};
  const auto client = Client::Create(options);
  ASSERT_TRUE(client.ok());
  StreamOptions stream;
  stream.dataset = "d@4";
  EXPECT_EQ((*(*client)->StreamBatches(stream))->Next().status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_LT(only.served_, 20);
}

TEST_F(PlacementTest, TheNextStreamBeginsWhereTheLastOneWasAsLongAsThatMayBe) {
  FakeReplica first(0);
  FakeReplica second(1);
  const auto client = NewClient({&first, &second});
  EXPECT_THAT(Read(*client), kAll);
  first.streams_ = 50;
  EXPECT_THAT(Read(*client), kAll);
  EXPECT_EQ(first.served_, 2) << "its server has planned the next epoch";
  EXPECT_EQ(first.asked_, 1);
  EXPECT_THAT(Read(*client, /*seed=*/8), kAll);
  EXPECT_EQ(second.served_, 1) << "another stream";

  first.streams_ = 0;
  first.max_age_ms_ = 1;
  const auto another = NewClient({&first, &second});
  EXPECT_THAT(Read(*another), kAll);
  EXPECT_EQ(first.served_, 3);
  absl::SleepFor(absl::Milliseconds(5));
  first.streams_ = 50;
  EXPECT_THAT(Read(*another), kAll);
  EXPECT_EQ(second.served_, 2) << "it has been there for long enough";
}

TEST_F(PlacementTest, ServersThatDoNotTellOrAreGoneDoNotStandInTheWay) {
  FakeReplica silent(-1);
  FakeReplica gone(0);
  FakeReplica telling(30);
  gone.Kill();
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Read(*NewClient({&silent, &gone, &telling})), kAll);
  EXPECT_EQ(telling.served_, 5);
  EXPECT_THAT(Read(*NewClient({&silent, &gone})), kAll);
  EXPECT_EQ(silent.served_, 1);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(PlacementTest, OneThatWasOnlyAskedAndHasNothingIsNoFailover) {
  FakeReplica first(0);
  FakeReplica second(9);
  first.sent_ = 2;
  second.refusals_ = 1;
  const auto client = NewClient({&first, &second});
  StreamOptions options;
  options.dataset = "d@4";
  auto stream = client->StreamBatches(options);
  ASSERT_TRUE((*stream)->info().ok());
  first.streams_ = 20;
  first.sent_ = 1 << 20;
  std::vector<int64_t> ordinals;
  for (auto batch = (*stream)->Next(); batch.ok() && batch->has_value();
       batch = (*stream)->Next()) {
    ordinals.push_back((*batch)->info().ordinal);
  }
  EXPECT_THAT(ordinals, kAll);
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(PlacementTest, ShardsOfARunSpreadOverNeighboursAndRunsAnywhere) {
  ClientOptions client;
  client.endpoints = {"10.0.0.3:1", "10.0.0.1:1", "10.0.0.2:1"};
  // As a resolver that gives them in another order.
  ClientOptions other;
  other.endpoints = {"10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"};
  std::map<std::string, int> shards;
  std::set<std::string> runs;
  StreamOptions options;
  options.dataset = "d@4";
  options.num_shards = 6;
  for (int64_t shard = 0; shard < 6; ++shard) {
    options.shard_index = shard;
    const auto replicas = Replicas::Create((shard % 2 == 0 ? client : other).endpoints, {});
    ASSERT_TRUE(replicas.ok());
    const auto list = StreamPlacement(options, client, *replicas).Fail();
    ASSERT_TRUE(list.ok());
    ++shards[list->front()->address];
  }
  EXPECT_THAT(shards, SizeIs(3));
  for (const auto& [address, count] : shards) EXPECT_EQ(count, 2) << address;
  options.num_shards = 1;
  options.shard_index = 0;
  for (int i = 0; i < 50; ++i) {
    runs.insert(StreamPlacement(options, client, *Replicas::Create(client.endpoints, {}))
                    .Fail()
                    ->front()
                    ->address);
  }
  EXPECT_THAT(runs, SizeIs(3)) << "with one seed";
}

}  // namespace
}  // namespace graphfeed
