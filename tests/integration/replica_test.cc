// Servers that do not take what clients would write: replicas, and those short of disk.

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_folder.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// A data folder with molecules@1, and room for snapshots beside it.
class RefusingServerTest : public testing::Test {
 protected:
  void SetUp() override {
    TestServer writer([this](ServerConfig& config) { config.data_dir = folder_ / "data"; });
    const auto client = writer.NewClient();
    ASSERT_TRUE(IngestMolecules(*client, "molecules", 50).ok());
    EXPECT_THAT(client->GetServerInfo()->features, Not(Contains("read_only")));
  }

  TestServer::Adjust With(const TestServer::Adjust& adjust) {
    return [this, adjust](ServerConfig& config) {
      config.data_dir = folder_ / "data";
      config.snapshot_dir = folder_ / "snapshots";
      adjust(config);
    };
  }

  static void ExpectBatches(Client& client) {
    StreamOptions options;
    options.dataset = "molecules";
    options.spec.batch_size = 10;
    const auto batch = client.GetBatch(options, 0, 0);
    EXPECT_TRUE(batch.ok()) << batch.status();
  }

  const TestFolder folder_;
};

TEST_F(RefusingServerTest, AReadOnlyServerRefusesWhatChangesItAndServesTheRest) {
  TestServer server(With([](ServerConfig& config) { config.read_only = true; }));
  const auto client = server.NewClient();
  for (const absl::Status& status :
       {IngestMolecules(*client, "molecules", 5).status(), client->DeleteVersion("molecules", 1),
        client->Partition("molecules", 2, 0).status()}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--read-only on"));
  }
  EXPECT_THAT(*client->ListDatasets(), SizeIs(1));
  EXPECT_THAT(client->GetServerInfo()->features, Contains("read_only"));
  ExpectBatches(*client);
  EXPECT_TRUE(client->CreateSnapshot("monday").ok());
}

TEST_F(RefusingServerTest, WhatTakesRoomIsRefusedWhenTheDiskIsLow) {
  TestServer server(With([](ServerConfig& config) { config.min_free_disk = int64_t{1} << 60; }));
  const auto client = server.NewClient();
  for (const absl::Status& status :
       {IngestMolecules(*client, "molecules", 5).status(),
        client->Partition("molecules", 2, 0).status(), client->CreateSnapshot("monday").status()}) {
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("--min-free-disk keeps 1152921504606846976"));
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "snapshots"));
  EXPECT_EQ(server.Metric("graphfeed_disk_low_refusals_total"), 3);
  EXPECT_EQ(server.Metric("graphfeed_disk_full_total"), 0);
  ExpectBatches(*client);
  EXPECT_TRUE(client->DeleteVersion("molecules", 1).ok());  // makes room
}

}  // namespace
}  // namespace graphfeed
