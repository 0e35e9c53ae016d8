// What servers do for their data by themselves: versions removed, snapshots made and rotated.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/serving/snapshots.h"
#include "tests/support/test_folder.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<int64_t> VersionsOf(Client& client) {
  std::vector<int64_t> versions;
  const auto listed = client.ListDatasets();
  if (!listed.ok()) return {};
  for (const DatasetInfo& info : *listed) versions.push_back(info.version);
  return versions;
}

TEST(KeepVersionsTest, OlderVersionsGoUnlessAStreamOrAPinUsesThem) {
  TestServer server([](ServerConfig& config) {
    config.keep_versions = 2;
    config.keep_used = absl::ZeroDuration();
    config.pin = "molecules@1";
  });
  const auto client = server.NewClient();
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 50).ok());
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 60'000).ok());
  StreamOptions options;
  options.dataset = "molecules@2";
  options.spec.strategy = Strategy::kPlain;
  options.spec.batch_size = 10;
  options.prefetch = 2;
  auto stream = client->StreamBatches(options);
  ASSERT_TRUE(stream.ok() && (*stream)->Next().ok()) << stream.status();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(IngestMolecules(*client, "molecules", 50).ok());

  EXPECT_TRUE(Eventually([&] { return VersionsOf(*client).size() == 4; }));
  EXPECT_THAT(VersionsOf(*client), ElementsAre(1, 2, 4, 5));
  EXPECT_TRUE(
      Eventually([&] { return server.Metric("graphfeed_retention_removed_versions_total") == 1; }));
  int batches = 1;
  for (; true; ++batches) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
  }
  EXPECT_EQ(batches, 6000);
  stream->reset();
  EXPECT_TRUE(Eventually([&] { return VersionsOf(*client).size() == 3; }));
  EXPECT_THAT(VersionsOf(*client), ElementsAre(1, 4, 5));
  const absl::Status pinned = client->DeleteVersion("molecules", 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(pinned)) << pinned;
  EXPECT_THAT(std::string(pinned.message()), HasSubstr("--pin"));
}

TEST(KeepVersionsTest, WhatIsInUseKeepsItsPlans) {
  TestServer server([](ServerConfig& config) { config.keep_versions = 1; });
  const auto client = server.NewClient();
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 5000).ok());
  StreamOptions options;
  options.dataset = "molecules@1";
  options.spec.strategy = Strategy::kPack;
  options.spec.batch_size = 16;
  options.prefetch = 1;
  const auto first = [&] {
    auto stream = client->StreamBatches(options);
    EXPECT_TRUE(stream.ok() && (*stream)->Next().ok()) << stream.status();
    return stream;
  };
  const auto running = first();
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 50).ok());
  // The server looks every second what it need not keep.
  const absl::Time end = absl::Now() + absl::Seconds(5);
  for (; absl::Now() < end; absl::SleepFor(absl::Milliseconds(250))) (void)first();
  EXPECT_THAT(VersionsOf(*client), ElementsAre(1, 2));
  EXPECT_LE(server.Metric("graphfeed_plan_seconds_count"), 2);
}

class ScheduledSnapshotTest : public testing::Test {
 protected:
  TestServer::Adjust Every(absl::Duration every) {
    return [this, every](ServerConfig& config) {
      config.data_dir = folder_ / "data";
      config.snapshot_dir = folder_ / "snapshots";
      config.snapshot_every = every;
      config.snapshot_keep = 2;
    };
  }
  std::vector<std::string> Snapshots() const { return ScheduledSnapshots(folder_ / "snapshots"); }

  const TestFolder folder_;
};

TEST_F(ScheduledSnapshotTest, SnapshotsAreMadeAndTheNewestAreKept) {
  std::string last;
  {
    TestServer server(Every(absl::Seconds(1)));
    const auto client = server.NewClient();
    ASSERT_TRUE(IngestMolecules(*client, "molecules", 50).ok());
    ASSERT_TRUE(client->CreateSnapshot("mine").ok());
    EXPECT_TRUE(
        Eventually([&] { return server.Metric("graphfeed_snapshots_total{result=\"ok\"}") >= 4; }));
    EXPECT_EQ(server.Metric("graphfeed_snapshots_total{result=\"failed\"}"), 0);
    EXPECT_NEAR(server.Metric("graphfeed_snapshot_last_success_timestamp_seconds"),
                absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), 10);
    server.server().Shutdown(absl::Now());
    ASSERT_THAT(Snapshots(), SizeIs(2));
    last = Snapshots().back();
    EXPECT_TRUE(std::filesystem::exists(folder_ / "snapshots/mine"));
  }
  {
    TestServer restored([&](ServerConfig& config) {
      config.data_dir = folder_ / absl::StrCat("snapshots/", last);
    });
    EXPECT_THAT(*restored.NewClient()->ListDatasets(), SizeIs(1));
  }
  // The interval goes on over a restart.
  TestServer again(Every(absl::Hours(1)));
  EXPECT_EQ(again.Metric("graphfeed_snapshot_last_success_timestamp_seconds"),
            absl::ToDoubleSeconds(*TimeOfScheduledSnapshot(last) - absl::UnixEpoch()));
  absl::SleepFor(absl::Milliseconds(1500));
  EXPECT_EQ(Snapshots().back(), last);
}

TEST_F(ScheduledSnapshotTest, AFailureIsCountedAndHealed) {
  std::ofstream(folder_ / "snapshots") << "in the way";
  TestServer server(Every(absl::Seconds(1)));
  EXPECT_TRUE(Eventually(
      [&] { return server.Metric("graphfeed_snapshots_total{result=\"failed\"}") >= 2; }));
  EXPECT_EQ(server.Metric("graphfeed_snapshot_last_success_timestamp_seconds"), 0);
  std::filesystem::remove(folder_ / "snapshots");
  EXPECT_TRUE(
      Eventually([&] { return server.Metric("graphfeed_snapshots_total{result=\"ok\"}") >= 1; }));
  EXPECT_THAT(Snapshots(), SizeIs(testing::Ge(1)));
}

TEST_F(ScheduledSnapshotTest, AClockThatWasAheadHoldsNothingUp) {
  std::filesystem::create_directories(folder_ / "snapshots/auto-20990101T000000Z");
  TestServer server(Every(absl::Seconds(1)));
  EXPECT_TRUE(
      Eventually([&] { return server.Metric("graphfeed_snapshots_total{result=\"ok\"}") >= 2; }));
}

}  // namespace
}  // namespace graphfeed
