// Servers that copy versions from another one by themselves.

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_folder.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TestServer::Adjust Following(
    const std::string& source, const TestServer::Adjust& adjust = [](ServerConfig&) {}) {
  return [=](ServerConfig& config) {
    config.follow = source;
    config.follow_every = absl::Milliseconds(20);
    config.metrics_listen = "127.0.0.1:0";
    adjust(config);
  };
}

// "name@version fingerprint" of what a server lists.
std::vector<std::string> Contents(Client& client) {
  std::vector<std::string> contents;
  const auto listed = client.ListDatasets();
  if (!listed.ok()) return {listed.status().ToString()};
  for (const DatasetInfo& info : *listed) {
    contents.push_back(absl::StrCat(info.name, "@", info.version, " ",
                                    std::string(info.fingerprint.begin(), info.fingerprint.end())));
  }
  return contents;
}

std::vector<std::string> Titles(Client& client) {
  std::vector<std::string> titles;
  const auto listed = client.ListDatasets();
  if (!listed.ok()) return {listed.status().ToString()};
  for (const DatasetInfo& info : *listed) {
    titles.push_back(absl::StrCat(info.name, "@", info.version));
  }
  return titles;
}

bool IsReady(const TestServer& server) { return server.Metric("graphfeed_ready") == 1; }

// Ends it, and starts one over the same folder at the same address later.
class Source {
 public:
  Source() {
    Start();
    address_ = server_->endpoint();
  }
  void Start(const std::string& below = "data") {
    server_.emplace([&](ServerConfig& config) {
      config.data_dir = folder_ / below;
      config.listen = address_;
    });
  }
  void Stop() { server_.reset(); }
  std::unique_ptr<Client> NewClient() const { return server_->NewClient(); }
  const std::string& address() const { return address_; }

 private:
  const TestFolder folder_;  // outlives the server
  // Of its own: while it is down nobody else is given its port.
  std::string address_ = "127.0.0.40:0";
  std::optional<TestServer> server_;
};

TEST(FollowTest, VersionsComeByThemselvesWithTheirNumbersAndGoAgain) {
  Source source;
  const auto writer = source.NewClient();
  ASSERT_TRUE(IngestMolecules(*writer, "molecules", 50).ok());
  ASSERT_TRUE(IngestMolecules(*writer, "molecules", 60).ok());
  TestServer replica(Following(source.address()));
  const auto client = replica.NewClient();
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  EXPECT_EQ(Contents(*client), Contents(*writer));

  ASSERT_TRUE(IngestMolecules(*writer, "molecules", 70).ok());
  EXPECT_TRUE(Eventually([&] { return Contents(*client) == Contents(*writer); }));
  ASSERT_TRUE(writer->DeleteVersion("molecules", 1).ok());
  EXPECT_TRUE(Eventually([&] { return Contents(*client) == Contents(*writer); }));
  EXPECT_THAT(Titles(*client), ElementsAre("molecules@2", "molecules@3"));
  EXPECT_EQ(replica.Metric("graphfeed_synced_versions_total{what=\"copied\"}"), 3);
  EXPECT_TRUE(Eventually(
      [&] { return replica.Metric("graphfeed_synced_versions_total{what=\"deleted\"}") == 1; }));
  EXPECT_EQ(replica.Metric("graphfeed_sync_failures_total"), 0);
  EXPECT_GT(replica.Metric("graphfeed_sync_last_success_timestamp_seconds"), 1.7e9);
}

TEST(FollowTest, ClientsChangeNothingAtAFollower) {
  Source source;
  TestServer replica(Following(source.address()));
  const auto client = replica.NewClient();
  const absl::Status status = IngestMolecules(*client, "molecules", 5).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--follow " + source.address()));
}

TEST(FollowTest, AStreamGoesOnOverAVersionThatTheSourceDeletes) {
  Source source;
  const auto writer = source.NewClient();
  ASSERT_TRUE(IngestMolecules(*writer, "molecules", 60'000).ok());
  TestServer replica(Following(source.address()));
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  const auto client = replica.NewClient();
  StreamOptions options;
  options.dataset = "molecules";
  options.spec.strategy = Strategy::kPlain;
  options.spec.batch_size = 10;
  options.prefetch = 2;
  auto stream = client->StreamBatches(options);
  ASSERT_TRUE(stream.ok() && (*stream)->Next().ok()) << stream.status();
  ASSERT_TRUE(writer->DeleteVersion("molecules", 1).ok());
  ASSERT_TRUE(IngestMolecules(*writer, "other", 5).ok());
  EXPECT_TRUE(Eventually([&] { return Titles(*client) == std::vector<std::string>{"other@1"}; }));
  int batches = 1;
  for (; true; ++batches) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
  }
  EXPECT_EQ(batches, 6000);
}

TEST(FollowTest, AFollowerIsNotReadyBeforeItsFirstCompletePass) {
  Source source;
  ASSERT_TRUE(IngestMolecules(*source.NewClient(), "molecules", 50).ok());
  source.Stop();
  TestServer replica(Following(source.address()));
  EXPECT_TRUE(Eventually([&] { return replica.Metric("graphfeed_sync_failures_total") > 1; }));
  EXPECT_FALSE(IsReady(replica));
  EXPECT_EQ(replica.Metric("graphfeed_in_sync"), 0);
  EXPECT_EQ(replica.Metric("graphfeed_sync_last_success_timestamp_seconds"), 0);
  source.Start();
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  EXPECT_THAT(Titles(*replica.NewClient()), ElementsAre("molecules@1"));
}

TEST(FollowTest, ASourceThatIsGoneMakesAFollowerStaleOnlyBeyondItsMaxLag) {
  Source source;
  ASSERT_TRUE(IngestMolecules(*source.NewClient(), "molecules", 50).ok());
  TestServer patient(Following(source.address()));
  TestServer strict(Following(source.address(), [](ServerConfig& config) {
    config.follow_max_lag = absl::Milliseconds(1500);
  }));
  EXPECT_TRUE(Eventually([&] { return IsReady(patient) && IsReady(strict); }));
  source.Stop();
  EXPECT_TRUE(Eventually([&] { return !IsReady(strict); }));
  EXPECT_GT(strict.Metric("graphfeed_sync_lag_seconds"), 1.5);
  EXPECT_TRUE(IsReady(patient));
  // Also the stale one serves who asks.
  EXPECT_THAT(Titles(*strict.NewClient()), ElementsAre("molecules@1"));
  source.Start();
  EXPECT_TRUE(Eventually([&] { return IsReady(strict); }));
}

TEST(FollowTest, ASourceThatWasEmptiedTakesNothingAway) {
  Source source;
  ASSERT_TRUE(IngestMolecules(*source.NewClient(), "molecules", 50).ok());
  TestServer replica(Following(source.address()));
  const auto client = replica.NewClient();
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  source.Stop();
  source.Start("another");
  EXPECT_TRUE(Eventually([&] { return replica.Metric("graphfeed_sync_failures_total") > 3; }));
  EXPECT_THAT(Titles(*client), ElementsAre("molecules@1"));
  // Nor does a history of its own, under the same numbers.
  ASSERT_TRUE(IngestMolecules(*source.NewClient(), "molecules", 77).ok());
  const double failures = replica.Metric("graphfeed_sync_failures_total");
  EXPECT_TRUE(
      Eventually([&] { return replica.Metric("graphfeed_sync_failures_total") > failures + 2; }));
  EXPECT_EQ(client->GetDataset("molecules")->num_graphs, 50);
}

TEST(FollowTest, AnotherServerStandsInForTheSourceButDeletesNothing) {
  Source source;
  const auto writer = source.NewClient();
  ASSERT_TRUE(IngestMolecules(*writer, "a", 50).ok());
  ASSERT_TRUE(IngestMolecules(*writer, "b", 50).ok());
  TestServer second;
  ASSERT_TRUE(IngestMolecules(*second.NewClient(), "a", 50).ok());
  ASSERT_TRUE(IngestMolecules(*second.NewClient(), "c", 20).ok());
  TestServer replica(Following(absl::StrCat(source.address(), ",", second.endpoint())));
  const auto client = replica.NewClient();
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  EXPECT_THAT(Titles(*client), ElementsAre("a@1", "b@1"));
  source.Stop();
  EXPECT_TRUE(Eventually([&] { return Titles(*client).size() == 3; }));
  EXPECT_THAT(Titles(*client), ElementsAre("a@1", "b@1", "c@1"));
  source.Start();
  EXPECT_TRUE(Eventually([&] { return Titles(*client).size() == 2; }));
}

TEST(FollowTest, DeletesCanStay) {
  Source source;
  const auto writer = source.NewClient();
  ASSERT_TRUE(IngestMolecules(*writer, "a", 50).ok());
  TestServer replica(
      Following(source.address(), [](ServerConfig& config) { config.follow_deletes = false; }));
  const auto client = replica.NewClient();
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  ASSERT_TRUE(writer->DeleteVersion("a", 1).ok());
  ASSERT_TRUE(IngestMolecules(*writer, "b", 50).ok());
  EXPECT_TRUE(Eventually([&] { return Titles(*client).size() == 2; }));
}

TEST(FollowTest, AStopBreaksOffACopyAndTheNextStartMakesIt) {
  Source source;
  ASSERT_TRUE(IngestMolecules(*source.NewClient(), "large", 100'000).ok());
  TestServer replica(Following(source.address()));
  // In the middle of it, unless that was over before we could look.
  EXPECT_TRUE(Eventually([&] {
    return replica.Metric("graphfeed_memory_used_bytes{use=\"ingest\"}") > 0 || IsReady(replica);
  }));
  const absl::Time start = absl::Now();
  replica.Restart();
  EXPECT_LT(absl::Now() - start, absl::Seconds(20));
  EXPECT_TRUE(Eventually([&] { return IsReady(replica); }));
  EXPECT_EQ(replica.NewClient()->GetDataset("large")->num_graphs, 100'000);
}

TEST(FollowTest, WithoutRoomNothingIsCopied) {
  Source source;
  ASSERT_TRUE(IngestMolecules(*source.NewClient(), "molecules", 50).ok());
  TestServer replica(Following(
      source.address(), [](ServerConfig& config) { config.min_free_disk = int64_t{1} << 60; }));
  EXPECT_TRUE(Eventually([&] { return replica.Metric("graphfeed_sync_failures_total") > 0; }));
  EXPECT_GT(replica.Metric("graphfeed_disk_low_refusals_total"), 0);
  EXPECT_THAT(Titles(*replica.NewClient()), IsEmpty());
  EXPECT_FALSE(IsReady(replica));
}

}  // namespace
}  // namespace graphfeed
