// Partitions as clients ask for them.

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/single_graphs.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

// Cliques of six nodes each, in a ring.
SingleGraph Cliques(const std::string& name, int64_t num_cliques) {
  std::vector<End> ends;
  for (int64_t first = 0; first < 6 * num_cliques; first += 6) {
    for (int64_t a = 0; a < 6; ++a) {
      for (int64_t b = 0; b < 6; ++b) {
        if (a != b) ends.push_back({first + a, first + b});
      }
    }
    ends.push_back({first, (first + 6) % (6 * num_cliques)});
  }
  return HomogeneousGraph(name, 6 * num_cliques, std::move(ends));
}

class PartitionDatasetTest : public testing::Test {
 protected:
  void Ingest(const SingleGraph& graph) {
    auto stream = client_->Ingest(graph.spec);
    ASSERT_TRUE(stream.ok()) << stream.status();
    for (GraphBlock& block : graph.Blocks()) {
      ASSERT_TRUE((*stream)->Append(std::move(block)).ok());
    }
    const auto info = (*stream)->Commit();
    ASSERT_TRUE(info.ok()) << info.status();
  }

  // The int64 node column `name` of a single graph.
  std::vector<int64_t> ReadColumn(const std::string& dataset, const std::string& name) {
    StreamOptions options;
    options.dataset = dataset;
    options.spec.strategy = Strategy::kPlain;
    options.spec.batch_size = 1;
    const auto result = client_->GetBatch(options, 0, 0);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return {};
    const auto view = result->batch.Find("", name);
    EXPECT_TRUE(view.has_value()) << name;
    if (!view.has_value()) return {};
    const auto* values = reinterpret_cast<const int64_t*>(view->data);
    return {values, values + view->shape[0]};
  }

  TestServer server_;
  std::unique_ptr<Client> client_ = server_.NewClient();
};

TEST_F(PartitionDatasetTest, ANewVersionHasTheClustersAsAColumn) {
  Ingest(Cliques("cliques", 10));
  const auto info = client_->Partition("cliques", 10, /*seed=*/1, "cluster");
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 2);
  EXPECT_NE(info->fingerprint, client_->GetDataset("cliques@1")->fingerprint);
  EXPECT_EQ(client_->GetDataset("cliques@1")->schema.FindColumn(Level::kNode, 0, "cluster"), -1);

  const std::vector<int64_t> clusters = ReadColumn("cliques@2", "cluster");
  ASSERT_EQ(clusters.size(), 60u);
  std::map<int64_t, int> sizes;
  for (const int64_t cluster : clusters) ++sizes[cluster];
  EXPECT_GE(sizes.begin()->first, 0);
  EXPECT_LT(sizes.rbegin()->first, 10);
  int together = 0;  // cliques that were not cut
  for (size_t first = 0; first < clusters.size(); first += 6) {
    together += std::all_of(clusters.begin() + first, clusters.begin() + first + 6,
                            [&](int64_t cluster) { return cluster == clusters[first]; });
  }
  EXPECT_GE(together, 8);

  // The same seed, the same clusters, under the column's usual name.
  ASSERT_TRUE(client_->Partition("cliques@1", 10, /*seed=*/1).ok());
  EXPECT_EQ(ReadColumn("cliques@3", "partition"), clusters);
  // Calls are counted behind their answer.
  EXPECT_TRUE(Eventually([&] {
    return server_.Metric("graphfeed_rpcs_total{code=\"OK\",method=\"PartitionDataset\"}") == 2;
  }));
}

TEST_F(PartitionDatasetTest, PartitionsWaitForEachOther) {
  Ingest(Cliques("a", 50));
  Ingest(Cliques("b", 50));
  std::vector<absl::Status> statuses(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < statuses.size(); ++i) {
    threads.emplace_back([&, i] {
      statuses[i] = server_.NewClient()->Partition(i % 2 == 0 ? "a@1" : "b@1", 5, i).status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : statuses) EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(client_->GetDataset("a")->version, 3);
  EXPECT_EQ(client_->GetDataset("b")->version, 3);
}

TEST_F(PartitionDatasetTest, RefusalsNameTheFieldAndPublishNothing) {
  Ingest(Cliques("cliques", 2));
  ASSERT_TRUE(IngestMolecules(*client_, "molecules", 5).ok());
  Ingest(RandomHeteroGraph(1, 100));
  const auto refused = [&](const char* dataset, int64_t num_parts, const char* column,
                           absl::StatusCode code, const char* text) {
    const absl::Status status = client_->Partition(dataset, num_parts, 0, column).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  refused("", 2, "", kInvalid, "dataset: not set");
  refused("cliques", 0, "", kInvalid, "num_parts: 0");
  refused("cliques", 13, "", kInvalid, "num_parts is 13; it is 1 to the number of nodes, 12");
  refused("other", 2, "", absl::StatusCode::kNotFound, "other");
  refused("molecules", 2, "", kInvalid, "is a collection");
  refused("h", 2, "", kInvalid, "is heterogeneous");
  ASSERT_TRUE(client_->Partition("cliques", 2, 0).ok());
  refused("cliques", 2, "partition", kInvalid, "column \"partition\" exists already");
  EXPECT_EQ(client_->GetDataset("cliques")->version, 2);
}

}  // namespace
}  // namespace graphfeed
