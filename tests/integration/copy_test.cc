// Versions from one server to another, and snapshots of a running one.

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::StatusOr<DatasetInfo> Copy(Client& from, const std::string& dataset, Client& to) {
  auto source = from.Export(dataset);
  if (!source.ok()) return source.status();
  auto stream = to.Ingest((*source)->spec());
  if (!stream.ok()) return stream.status();
  for (;;) {
    auto block = (*source)->Next();
    if (!block.ok()) return block.status();
    if (!block->has_value()) return (*stream)->Commit();
    if (absl::Status status = (*stream)->Append(**std::move(block)); !status.ok()) return status;
  }
}

// Reads to the end.
absl::StatusOr<int64_t> CountGraphs(GraphSource& source) {
  for (int64_t graphs = 0;;) {
    const auto block = source.Next();
    if (!block.ok()) return block.status();
    if (!block->has_value()) return graphs;
    graphs += (*block)->num_graphs;
  }
}

// The digests of a shuffled, packed epoch.
std::vector<uint64_t> Digests(Client& client, const std::string& dataset) {
  StreamOptions options;
  options.dataset = dataset;
  options.seed = 5;
  options.spec.strategy = Strategy::kStreamPack;
  options.spec.shuffle = true;
  options.spec.options = FixedSizeOptions{
      .num_nodes = {{"", 60}}, .num_edges = {{"", 150}}, .num_graphs = 8, .pad_graph_defaults = {}};
  auto stream = client.StreamBatches(options);
  EXPECT_TRUE(stream.ok()) << stream.status();
  std::vector<uint64_t> digests;
  for (;;) {
    const auto batch = (*stream)->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok() || !batch->has_value()) return digests;
    digests.push_back((*batch)->info().digest);
  }
}

class CopyTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const int64_t graphs : {50, 2000}) {
      ASSERT_TRUE(IngestMolecules(*from_client_, "molecules", graphs).ok());
    }
  }

  TestServer from_;
  TestServer to_;
  const std::unique_ptr<Client> from_client_ = from_.NewClient();
  const std::unique_ptr<Client> to_client_ = to_.NewClient();
};

TEST_F(CopyTest, ACopyHasTheNumberTheFingerprintAndTheBatchesOfTheOriginal) {
  for (const char* name : {"molecules@2", "molecules@1"}) {
    const auto original = from_client_->GetDataset(name);
    const auto copy = Copy(*from_client_, name, *to_client_);
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(copy->version, original->version);
    EXPECT_EQ(copy->fingerprint, original->fingerprint);
    const std::vector<uint64_t> digests = Digests(*from_client_, name);
    EXPECT_GT(digests.size(), 5u);
    EXPECT_EQ(Digests(*to_client_, name), digests);
  }
  const absl::Status again = Copy(*from_client_, "molecules", *to_client_).status();
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_THAT(std::string(again.message()), HasSubstr("molecules@2"));
}

TEST_F(CopyTest, AnExportOutlivesItsVersionAndItsClient) {
  auto client = from_.NewClient();
  auto source = client->Export("molecules@2");
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_TRUE(client->DeleteVersion("molecules", 2).ok());
  client.reset();
  const auto graphs = CountGraphs(**source);
  ASSERT_TRUE(graphs.ok()) << graphs.status();
  EXPECT_EQ(*graphs, 2000);
}

TEST_F(CopyTest, WhatIsNotThereIsNotFound) {
  const absl::Status status = from_client_->Export("molecules@9").status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("versions: 1, 2"));
}

// More than what a connection holds, so that an export waits for its reader.
class LargeExportTest : public testing::Test {
 protected:
  static constexpr int64_t kGraphs = 100'000;

  void SetUp() override { ASSERT_TRUE(IngestMolecules(*client_, "large", kGraphs).ok()); }

  TestServer server_{[](ServerConfig& config) { config.max_ingests = 2; }};
  const std::unique_ptr<Client> client_ = server_.NewClient();
};

TEST_F(LargeExportTest, ExportsHavePlacesAndFreeThemWhenTheyAreDropped) {
  {
    const auto one = client_->Export("large");
    const auto two = client_->Export("large");
    ASSERT_TRUE(one.ok() && two.ok()) << one.status() << two.status();
    const absl::Status third = client_->Export("large").status();
    EXPECT_TRUE(absl::IsResourceExhausted(third)) << third;
    EXPECT_THAT(std::string(third.message()), HasSubstr("exports: 2 are open; at most 2"));
    ASSERT_TRUE((*one)->Next().ok());
  }
  EXPECT_TRUE(Eventually([&] { return client_->Export("large").ok(); }));
}

TEST_F(LargeExportTest, ADrainLetsARunningExportEnd) {
  auto source = client_->Export("large");
  ASSERT_TRUE(source.ok()) << source.status();
  std::thread stop([&] { server_.server().Shutdown(absl::Now() + absl::Seconds(60)); });
  EXPECT_TRUE(Eventually([&] { return absl::IsUnavailable(client_->Export("large").status()); }));
  const auto graphs = CountGraphs(**source);
  stop.join();
  ASSERT_TRUE(graphs.ok()) << graphs.status();
  EXPECT_EQ(*graphs, kGraphs);
}

TEST_F(LargeExportTest, ADrainThatIsOverCutsAnExportThatNobodyReads) {
  auto source = client_->Export("large");
  ASSERT_TRUE(source.ok()) << source.status();
  server_.server().Shutdown(absl::Now());
  const auto graphs = CountGraphs(**source);
  EXPECT_TRUE(absl::IsUnavailable(graphs.status()) || absl::IsCancelled(graphs.status()))
      << graphs.status();
}

TEST(SnapshotTest, ARunningServersSnapshotIsAServersFolder) {
  std::string pattern = testing::TempDir() + "/snapshots_XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  const std::string folder = pattern + "/below";
  TestServer server([&](ServerConfig& config) { config.snapshot_dir = folder; });
  const auto client = server.NewClient();
  for (const int64_t graphs : {50, 80}) {
    ASSERT_TRUE(IngestMolecules(*client, "molecules", graphs).ok());
  }
  const auto snapshot = client->CreateSnapshot("monday");
  ASSERT_TRUE(snapshot.ok()) << snapshot.status();
  EXPECT_THAT(snapshot->datasets, SizeIs(2));
  EXPECT_EQ(snapshot->folder, folder + "/monday");
  const absl::Status again = client->CreateSnapshot("monday").status();
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  for (const char* name : {"", "..", "a/b", ".hidden"}) {
    const absl::Status status = client->CreateSnapshot(name).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << ": " << status;
  }
  // What comes afterwards is not in it.
  ASSERT_TRUE(client->DeleteVersion("molecules", 1).ok());
  ASSERT_TRUE(IngestMolecules(*client, "later", 10).ok());
  {
    TestServer restored([&](ServerConfig& config) { config.data_dir = folder + "/monday"; });
    const auto other = restored.NewClient();
    EXPECT_THAT(*other->ListDatasets(), SizeIs(2));
    EXPECT_EQ(Digests(*other, "molecules@2"), Digests(*client, "molecules@2"));
    EXPECT_GT(Digests(*other, "molecules@1").size(), 1u);
  }
  std::filesystem::remove_all(pattern);
}

TEST(SnapshotTest, WhatIsListedIsWhatIsCopiedWhileOthersWriteAndDelete) {
  std::string pattern = testing::TempDir() + "/snapshots_XXXXXX";
  ASSERT_NE(mkdtemp(pattern.data()), nullptr);
  TestServer server([&](ServerConfig& config) { config.snapshot_dir = pattern; });
  std::atomic<bool> enough = false;
  std::thread writer([&] {
    const auto client = server.NewClient();
    for (int64_t version = 1; !enough; ++version) {
      const auto info = IngestMolecules(*client, "molecules", 100 + version);
      EXPECT_TRUE(info.ok()) << info.status();
      if (version <= 3) continue;
      EXPECT_TRUE(client->DeleteVersion("molecules", version - 3).ok());
    }
  });
  const auto client = server.NewClient();
  EXPECT_TRUE(Eventually([&] {
    const auto newest = client->GetDataset("molecules");
    return newest.ok() && newest->version > 4;
  }));
  for (const char* name : {"one", "two", "three"}) {
    const auto snapshot = client->CreateSnapshot(name);
    if (!snapshot.ok()) {
      ADD_FAILURE() << snapshot.status();
      break;
    }
    TestServer restored([&](ServerConfig& config) { config.data_dir = pattern + "/" + name; });
    const auto other = restored.NewClient();
    const auto listed = other->ListDatasets();
    EXPECT_TRUE(listed.ok()) << listed.status();
    EXPECT_EQ(listed->size(), snapshot->datasets.size());
    for (size_t i = 0; i < listed->size(); ++i) {
      const DatasetInfo& info = (*listed)[i];
      EXPECT_EQ(info.version, snapshot->datasets[i].version);
      EXPECT_EQ(info.fingerprint, snapshot->datasets[i].fingerprint);
      const auto source = other->Export(absl::StrCat(info.name, "@", info.version));
      EXPECT_TRUE(source.ok()) << source.status();
      EXPECT_EQ(*CountGraphs(**source), 100 + info.version);
    }
  }
  enough = true;
  writer.join();
  std::filesystem::remove_all(pattern);
}

TEST(SnapshotTest, AServerWithoutAPlaceForThemRefuses) {
  TestServer server;
  const absl::Status status = server.NewClient()->CreateSnapshot("monday").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--snapshot-dir"));
}

}  // namespace
}  // namespace graphfeed
