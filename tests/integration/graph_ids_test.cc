// Frames that say which graphs they hold: whatever packing, sharding and the wire did to them.

#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMolecules = 100;

// The column y of a micro-batch's real graphs: a molecule's is its number.
std::vector<int64_t> LabelsOf(const Batch& batch, size_t micro_batch) {
  const TensorView y = batch.Find("", "y").value();
  const int64_t rows = y.shape[0] / std::ssize(batch.info().real);
  std::vector<int64_t> labels(static_cast<size_t>(batch.info().real[micro_batch].graphs));
  if (!labels.empty()) {
    std::memcpy(labels.data(), y.data + static_cast<int64_t>(micro_batch) * rows * 8,
                labels.size() * sizeof(int64_t));
  }
  return labels;
}

// Checks the ids of a frame; returns how many there are.
size_t ExpectIds(const Batch& batch) {
  const FrameInfo& info = batch.info();
  EXPECT_EQ(info.graph_ids.size(), info.real.size());
  size_t count = 0;
  for (size_t m = 0; m < info.graph_ids.size(); ++m) {
    EXPECT_EQ(info.graph_ids[m], LabelsOf(batch, m)) << info.ordinal << " " << m;
    count += info.graph_ids[m].size();
  }
  return count;
}

FixedSizeOptions Sizes(int64_t nodes, int64_t graphs) {
  return {.num_nodes = {{"", nodes}},
          .num_edges = {{"", 3 * nodes}},
          .num_graphs = graphs,
          .pad_graph_defaults = {}};
}

struct GraphIdsCase {
  const char* name;
  int64_t num_graphs;  // in the frames of an epoch
  std::function<void(StreamOptions&)> adjust;
};

const std::vector<GraphIdsCase>& GraphIdsCases() {
  static const auto* const cases = new std::vector<GraphIdsCase>{
      {"pad_to_max", kMolecules,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPadToMax;
         o.spec.options = Sizes(100, 8);
       }},
      {"shuffled_pack", kMolecules,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPack;
         o.spec.shuffle = true;
         o.spec.options = Sizes(60, 8);
       }},
      {"shuffled_stream_pack_micro_batches", kMolecules,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kStreamPack;
         o.spec.shuffle = true;
         o.spec.micro_batches = 3;
         o.spec.options = Sizes(60, 8);
       }},
      {"pack_micro_batches_of_a_selection", 60,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPack;
         o.spec.shuffle = true;
         o.spec.micro_batches = 4;
         o.spec.selection.kind = Selection::Kind::kRange;
         o.spec.selection.start = 30;
         o.spec.selection.stop = 90;
         o.spec.options = Sizes(60, 8);
       }},
      {"explicit_ids_some_twice", 5,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPadToMax;
         o.spec.selection.kind = Selection::Kind::kIds;
         o.spec.selection.ids = {99, 0, 17, 99, 3};
         o.spec.options = Sizes(50, 4);
       }},
      {"skipping_what_is_too_large", -1,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kStreamPack;
         o.spec.over_size = OverSize::kSkip;
         o.spec.options = Sizes(9, 3);
       }},
      {"trimming", kMolecules,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPadToMax;
         o.spec.over_size = OverSize::kTrimNodesAndEdges;
         o.spec.options = Sizes(30, 8);
       }},
      {"dropping_the_last", 98,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPadToMax;
         o.spec.drop_last = true;
         o.spec.shuffle = true;
         o.spec.options = Sizes(100, 8);
       }},
      {"plain", kMolecules,
       [](StreamOptions& o) {
         o.spec.strategy = Strategy::kPlain;
         o.spec.batch_size = 7;
         o.spec.shuffle = true;
       }},
  };
  return *cases;
}

class GraphIdsTest : public testing::Test {
 protected:
  static std::unique_ptr<TestServer> NewServer(const TestServer::Adjust& adjust = [](auto&) {}) {
    auto server = std::make_unique<TestServer>(adjust);
    const auto info = IngestMolecules(*server->NewClient(), "molecules", kMolecules);
    EXPECT_TRUE(info.ok()) << info.status();
    return server;
  }

  static StreamOptions Options(const std::function<void(StreamOptions&)>& adjust) {
    StreamOptions options;
    options.dataset = "molecules";
    options.seed = 5;
    options.graph_ids = true;
    adjust(options);
    return options;
  }

  // Checks a whole stream; `then` is called after the first frame. Returns its ids.
  static std::vector<int64_t> Read(Client& client, const StreamOptions& options,
                                   const std::function<void()>& then = nullptr) {
    std::vector<int64_t> all;
    const auto stream = client.StreamBatches(options);
    EXPECT_TRUE(stream.ok()) << stream.status();
    for (int frame = 0;; ++frame) {
      if (frame == 1 && then) then();
      const auto batch = (*stream)->Next();
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (!batch.ok() || !batch->has_value()) return all;
      ExpectIds(**batch);
      for (const auto& ids : (*batch)->info().graph_ids)
        all.insert(all.end(), ids.begin(), ids.end());
    }
  }
};

TEST_F(GraphIdsTest, AreThoseOfTheRowsInEveryEncoding) {
  const auto server = NewServer();
  for (const GraphIdsCase& test : GraphIdsCases()) {
    SCOPED_TRACE(test.name);
    std::optional<std::vector<int64_t>> seen;
    for (const Encoding encoding : {Encoding::kDense, Encoding::kCompact}) {
      const auto client = server->NewClient({.encoding = encoding});
      const std::vector<int64_t> ids = Read(*client, Options(test.adjust));
      if (test.num_graphs >= 0) {
        EXPECT_EQ(std::ssize(ids), test.num_graphs);
      }
      EXPECT_FALSE(ids.empty());
      EXPECT_EQ(ids, seen.value_or(ids));
      seen = ids;
    }
  }
}

TEST_F(GraphIdsTest, OneBatchHasThemToo) {
  const auto server = NewServer();
  const auto client = server->NewClient();
  for (const GraphIdsCase& test : GraphIdsCases()) {
    const auto result = client->GetBatch(Options(test.adjust), 1, 0);
    ASSERT_TRUE(result.ok()) << test.name << " " << result.status();
    EXPECT_GT(ExpectIds(result->batch), 0u) << test.name;
  }
}

TEST_F(GraphIdsTest, AreInNoDigestAndAbsentUnlessAskedFor) {
  const auto server = NewServer();
  const auto client = server->NewClient();
  StreamOptions options = Options(GraphIdsCases()[1].adjust);
  const auto with = client->GetBatch(options, 0, 0);
  options.graph_ids = false;
  const auto without = client->GetBatch(options, 0, 0);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_TRUE(without->batch.info().graph_ids.empty());
  EXPECT_EQ(with->batch.info().digest, without->batch.info().digest);
  EXPECT_EQ(with->info.spec_digest, without->info.spec_digest);
}

TEST_F(GraphIdsTest, FramesThatFillUpShardsHaveThoseOfTheirRows) {
  const auto server = NewServer();
  const auto client = server->NewClient();
  for (const UnevenShards uneven : {UnevenShards::kNull, UnevenShards::kRepeat}) {
    size_t graphs = 0;
    int fill = 0;
    for (int64_t shard = 0; shard < 4; ++shard) {
      StreamOptions options = Options(GraphIdsCases()[0].adjust);  // 15 frames
      options.uneven_shards = uneven;
      options.num_shards = 4;
      options.shard_index = shard;
      const auto stream = client->StreamBatches(options);
      ASSERT_TRUE(stream.ok()) << stream.status();
      for (;;) {
        const auto batch = (*stream)->Next();
        ASSERT_TRUE(batch.ok()) << batch.status();
        if (!batch->has_value()) break;
        const size_t count = ExpectIds(**batch);
        const FrameInfo& info = (*batch)->info();
        if (info.null_frame || info.repeat) ++fill;
        EXPECT_EQ(count == 0, info.null_frame);
        if (!info.repeat) graphs += count;
      }
    }
    EXPECT_EQ(fill, 1);
    EXPECT_EQ(graphs, static_cast<size_t>(kMolecules));
  }
}

TEST_F(GraphIdsTest, AStreamThatGoesOnElsewhereKeepsThem) {
  auto first = NewServer();
  const auto second = NewServer();
  StreamOptions options = Options(GraphIdsCases()[2].adjust);
  options.prefetch = 1;
  options.client_prefetch = 1;
  options.num_epochs = 20;
  const std::vector<int64_t> expected = Read(*second->NewClient(), options);
  int failovers = 0;
  const auto client = second->NewClient({.endpoints = {first->endpoint(), second->endpoint()},
                                         .spread = false,
                                         .on_failover = [&](const std::string&) { ++failovers; }});
  EXPECT_EQ(Read(*client, options, [&] { first->server().Shutdown(absl::Now()); }), expected);
  EXPECT_EQ(std::ssize(expected), 20 * kMolecules);
  EXPECT_GT(failovers, 0);
}

TEST_F(GraphIdsTest, FramesInSharedMemoryHaveThem) {
  const std::string path = absl::StrCat(testing::TempDir(), "/ids-", getpid(), ".sock");
  const auto server = std::make_unique<TestServer>(
      [&](ServerConfig& config) { config.listen = absl::StrCat("unix:", path); });
  const auto client = server->NewClient({.endpoints = {absl::StrCat("unix:", path)}});
  ASSERT_TRUE(IngestMolecules(*client, "molecules", kMolecules).ok());
  StreamOptions options = Options(GraphIdsCases()[1].adjust);
  const auto stream = client->StreamBatches(options);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const auto info = (*stream)->info();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_GT((*info)->shared_places, 0u);
  EXPECT_TRUE((*info)->passage_messages);
  EXPECT_EQ(std::ssize(Read(*client, options)), kMolecules);
}

// The first frame's message is a packet, the second one is too large for that.
TEST_F(GraphIdsTest, FramesInSharedMemoryMayHaveMoreThanAPacketHolds) {
  const std::string path = absl::StrCat(testing::TempDir(), "/many-", getpid(), ".sock");
  const auto server = std::make_unique<TestServer>(
      [&](ServerConfig& config) { config.listen = absl::StrCat("unix:", path); });
  const auto client = server->NewClient({.endpoints = {absl::StrCat("unix:", path)}});
  constexpr int64_t kGraphs = 30000;
  ASSERT_TRUE(IngestMolecules(*client, "molecules", kGraphs).ok());
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < 8000; ++i) ids.push_back(i);
  for (int64_t i = 0; i < 4000; ++i) {  // numbers that are far apart take three bytes each
    ids.push_back(8000 + i);
    ids.push_back(kGraphs - 1 - i);
  }
  for (int64_t i = 12000; i < 20000; ++i) ids.push_back(i);
  StreamOptions options = Options([&](StreamOptions& o) {
    o.spec.strategy = Strategy::kPadToMax;
    o.spec.selection.kind = Selection::Kind::kIds;
    o.spec.selection.ids = ids;
    o.spec.options = Sizes(100000, 8001);
  });
  EXPECT_EQ(Read(*client, options), ids);
}

TEST_F(GraphIdsTest, MoreThanAMessageHasRoomForIsRefused) {
  const TestServer server;
  const auto client = server.NewClient();
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 30000).ok());
  StreamOptions options = Options([](StreamOptions& o) {
    o.spec.strategy = Strategy::kPadToMax;
    o.spec.shuffle = true;
    o.spec.options = Sizes(400000, 30001);
  });
  const auto plan = client->DescribePlan(options);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ClientOptions narrow;
  narrow.max_frame_bytes = plan->layout.slab_bytes;
  const auto refused = server.NewClient(narrow)->GetBatch(options, 0, 0);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("bytes with graph ids of"));
  const auto batch = client->GetBatch(options, 0, 0);
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(ExpectIds(batch->batch), 30000u);
}

TEST_F(GraphIdsTest, SampledBatchesHaveOthers) {
  const auto server = NewServer();
  StreamOptions options = Options([](StreamOptions& o) { o.spec.strategy = Strategy::kNeighbor; });
  options.spec.sampling.emplace().num_neighbors[""] = {2};
  options.spec.batch_size = 4;
  const auto client = server->NewClient();
  const auto stream = client->StreamBatches(options);
  ASSERT_TRUE(stream.ok()) << stream.status();
  const absl::Status refused = (*stream)->info().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("graph_ids: not with NEIGHBOR"));
}

}  // namespace
}  // namespace graphfeed
