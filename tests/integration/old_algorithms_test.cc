// Versions of algorithms before the newest ones: made on request, or refused.

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/single_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr int64_t kNodes = 60;
constexpr int64_t kEdges = 150;
constexpr int64_t kSeeds = 8;

class OldAlgorithmsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::mt19937_64 rng(3);
    SingleGraph graph = HomogeneousGraph("timed", kNodes, RandomEnds(rng, kEdges, kNodes, kNodes));
    std::vector<int64_t> times;
    for (int64_t i = 0; i < kNodes; ++i) times.push_back(static_cast<int64_t>(rng() % 100));
    graph.columns.push_back(NodeRows("time", 0, DType::kInt64, {}, Bytes(times)));
    auto stream = client_->Ingest(graph.spec);
    ASSERT_TRUE(stream.ok()) << stream.status();
    for (GraphBlock& block : graph.Blocks()) {
      ASSERT_TRUE((*stream)->Append(std::move(block)).ok());
    }
    const auto info = (*stream)->Commit();
    ASSERT_TRUE(info.ok()) << info.status();
  }

  // Seed edges and as many negatives, by time or not.
  static StreamOptions Options(const std::string& time_attr,
                               std::map<std::string, int64_t> algorithms = {}) {
    StreamOptions options;
    options.dataset = "timed";
    options.seed = 7;
    options.spec.strategy = Strategy::kNeighbor;
    options.spec.ragged = true;
    options.spec.batch_size = kSeeds;
    options.spec.algorithms = std::move(algorithms);
    SamplingSpec& sampling = options.spec.sampling.emplace();
    sampling.num_neighbors = {{"", {2}}};
    sampling.time_attr = time_attr;
    if (!time_attr.empty()) sampling.input_time.assign(kEdges, 50);
    sampling.disjoint = true;
    sampling.links.emplace().negative_mode = NegativeMode::kBinary;
    return options;
  }

  // Of a batch, as nodes of the graph.
  static std::vector<std::pair<int64_t, int64_t>> Negatives(const Batch& batch) {
    const auto ids = batch.Find("", "n_id");
    const auto index = batch.Find("", "edge_label_index");
    EXPECT_TRUE(ids.has_value() && index.has_value());
    if (!ids.has_value() || !index.has_value()) return {};
    const auto* nodes = reinterpret_cast<const int64_t*>(ids->data);
    const auto* ends = reinterpret_cast<const int64_t*>(index->data);
    const int64_t labels = index->shape[1];
    EXPECT_EQ(labels, 2 * kSeeds);
    std::vector<std::pair<int64_t, int64_t>> pairs;
    for (int64_t i = kSeeds; i < labels; ++i) {
      pairs.emplace_back(nodes[ends[i]], nodes[ends[labels + i]]);
    }
    return pairs;
  }

  absl::StatusOr<GetBatchResult> Get(const StreamOptions& options) {
    return client_->GetBatch(options, 0, 1);
  }

  TestServer server_;
  const std::unique_ptr<Client> client_ = server_.NewClient();
};

TEST_F(OldAlgorithmsTest, TheVersionBeforeIsMadeForWhoeverAsksForIt) {
  const auto newest = Get(Options("time"));
  const auto before = Get(Options("time", {{"timed_negatives", 1}}));
  const auto untimed = Get(Options(""));
  ASSERT_TRUE(newest.ok() && before.ok() && untimed.ok())
      << newest.status() << before.status() << untimed.status();
  EXPECT_THAT(newest->info.resolved_spec.algorithms, Contains(Pair("timed_negatives", 2)));
  EXPECT_THAT(before->info.resolved_spec.algorithms, Contains(Pair("timed_negatives", 1)));
  EXPECT_NE(newest->info.spec_digest, before->info.spec_digest);
  EXPECT_NE(Negatives(newest->batch), Negatives(before->batch));
  // Version 1 drew them whatever the times.
  EXPECT_EQ(Negatives(before->batch), Negatives(untimed->batch));
}

TEST_F(OldAlgorithmsTest, WhoGoesOnWithAResolvedSpecGetsTheVersionsThatItBeganWith) {
  for (const int64_t version : {1, 2}) {
    const auto first = Get(Options("time", {{"timed_negatives", version}}));
    ASSERT_TRUE(first.ok()) << first.status();
    StreamOptions rest = Options("time");
    rest.spec = first->info.resolved_spec;
    const auto second = Get(rest);
    ASSERT_TRUE(second.ok()) << second.status();
    EXPECT_EQ(second->info.spec_digest, first->info.spec_digest);
    EXPECT_EQ(second->batch.info().digest, first->batch.info().digest);
  }
}

TEST_F(OldAlgorithmsTest, WhatIsNoLongerOrNotYetThereIsRefused) {
  const auto refusal = [&](const std::string& purpose, int64_t version) {
    const absl::Status status = Get(Options("time", {{purpose, version}})).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal("timed_negatives", 3),
              HasSubstr("version 3 of timed_negatives; this server has 1 to 2"));
  EXPECT_THAT(refusal("timed_negatives", 0), HasSubstr("version 0 of timed_negatives"));
  EXPECT_THAT(refusal("kept_labels", 1), HasSubstr("version 1 of kept_labels; this server has 2"));
  EXPECT_THAT(refusal("shuffle", 1LL << 40), HasSubstr("of shuffle; this server has 1"));
  EXPECT_THAT(refusal("magic", 1), HasSubstr("magic, which is no algorithm of this server"));
}

}  // namespace
}  // namespace graphfeed
