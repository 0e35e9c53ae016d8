// What streams over one graph share is charged once: many of them fit.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/storage/single_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ContainsRegex;

// A ring with the masks "train" (all nodes) and "test" (every second one).
absl::Status IngestRing(Client& client, int64_t num_nodes) {
  SingleGraph graph = HomogeneousGraph("large", num_nodes, {});
  for (int64_t i = 0; i < num_nodes; ++i) graph.ends[0].push_back({i, (i + 1) % num_nodes});
  graph.spec.num_edges = {num_nodes};
  std::vector<uint8_t> test(num_nodes);
  for (int64_t i = 0; i < num_nodes; i += 2) test[i] = 1;
  graph.columns = {
      NodeRows("train", 0, DType::kBool, {}, Bytes(std::vector<uint8_t>(num_nodes, 1))),
      NodeRows("test", 0, DType::kBool, {}, Bytes(test))};
  auto ingest = client.Ingest(graph.spec);
  if (!ingest.ok()) return ingest.status();
  for (GraphBlock& block : graph.Blocks(100'000)) {
    if (absl::Status status = (*ingest)->Append(std::move(block)); !status.ok()) return status;
  }
  return (*ingest)->Commit().status();
}

StreamOptions RingBatches() {
  StreamOptions options;
  options.dataset = "large";
  options.spec.strategy = Strategy::kNeighbor;
  options.spec.batch_size = 4;
  options.spec.shuffle = true;
  options.spec.options = FixedSizeOptions{
      .num_nodes = {{"", 8}}, .num_edges = {{"", 8}}, .num_graphs = 2, .pad_graph_defaults = {}};
  options.spec.over_size = OverSize::kTrimNodesAndEdges;
  options.spec.sampling.emplace().num_neighbors[""] = {1};
  return options;
}

class SampledLimitsTest : public testing::Test {
 protected:
  void Start(int64_t num_nodes, const TestServer::Adjust& adjust) {
    server_ = std::make_unique<TestServer>(adjust);
    client_ = server_->NewClient();
    ASSERT_EQ(IngestRing(*client_, num_nodes), absl::OkStatus());
  }
  double Reserved() { return server_->Metric("graphfeed_memory_reserved_bytes{use=\"frames\"}"); }
  double Memory(const char* part) {
    return server_->Metric(absl::StrCat("graphfeed_memory_part_bytes{part=\"", part, "\"}"));
  }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Client> client_;
};

absl::Status Refusal(Client& client, const StreamOptions& options) {
  auto stream = client.StreamBatches(options);
  return stream.ok() ? (*stream)->info().status() : stream.status();
}

TEST_F(SampledLimitsTest, SampledStreamsReserveForTheirSeedsTooOnceForAllOfOneMask) {
  constexpr int64_t kNodes = 200'000;
  Start(kNodes, [](ServerConfig& config) { config.slab_memory = 2 << 20; });
  StreamOptions options = RingBatches();
  options.prefetch = 1;
  options.spec.sampling->disjoint = true;  // without tables of 8 bytes a node
  auto all_nodes = client_->StreamBatches(options);
  ASSERT_TRUE((*all_nodes)->info().ok()) << (*all_nodes)->info().status();
  const double one_frame = Reserved();
  EXPECT_LT(one_frame, 8 * kNodes);
  all_nodes->reset();
  ASSERT_TRUE(Eventually([&] { return Reserved() == 0; }));

  options.spec.sampling->input_mask = "train";
  auto first = client_->StreamBatches(options);
  auto second = client_->StreamBatches(options);
  ASSERT_TRUE((*first)->info().ok()) << (*first)->info().status();
  ASSERT_TRUE((*second)->info().ok()) << (*second)->info().status();
  EXPECT_EQ(Reserved(), 2 * one_frame + 8 * kNodes);
  EXPECT_EQ(Memory("seeds"), 8 * kNodes);

  StreamOptions other = options;
  other.spec.sampling->input_mask = "test";
  const absl::Status refused = Refusal(*client_, other);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              ContainsRegex("a set of seeds takes 800000 bytes; [0-9]+ of 2097152 are free "
                            "\\(--slab-memory\\)"));
  EXPECT_EQ(client_->GetBatch(other, 0, 0).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(client_->GetBatch(options, 0, 0).ok());
  first->reset();
  second->reset();
  EXPECT_TRUE(Eventually([&] { return Reserved() == 0; }));
  EXPECT_TRUE(Refusal(*client_, other).ok());
}

// Opens 64 streams and reads a batch of each while all are open.
void ReadFromManyStreams(Client& client, const StreamOptions& options,
                         std::vector<std::unique_ptr<BatchStream>>& streams) {
  for (int i = 0; i < 64; ++i) {
    auto stream = client.StreamBatches(options);
    ASSERT_TRUE(stream.ok()) << stream.status();
    ASSERT_TRUE((*stream)->info().ok()) << i << ": " << (*stream)->info().status();
    EXPECT_EQ((*(*stream)->info())->prefetch, 4u);
    streams.push_back(*std::move(stream));
  }
  uint64_t digest = 0;
  for (const auto& stream : streams) {
    for (int i = 0; i < 10; ++i) {
      const auto batch = stream->Next();
      ASSERT_TRUE(batch.ok() && batch->has_value()) << batch.status();
      if (i != 9) continue;
      if (stream == streams.front()) digest = (*batch)->info().digest;
      EXPECT_EQ((*batch)->info().digest, digest);
    }
  }
}

TEST_F(SampledLimitsTest, StreamsOfOneSampledGraphShareSeedsAndTables) {
  constexpr int64_t kNodes = 200'000;
  constexpr int64_t kTables = 4;  // two build threads, two that plan
  Start(kNodes, [](ServerConfig& config) { config.slab_memory = 16 << 20; });
  StreamOptions options = RingBatches();
  options.spec.sampling->input_mask = "train";
  options.num_epochs = 0;
  std::vector<std::unique_ptr<BatchStream>> streams;
  ReadFromManyStreams(*client_, options, streams);
  EXPECT_EQ(Memory("seeds"), 8 * kNodes);
  EXPECT_EQ(Memory("sampler_tables"), kTables * 8 * kNodes);
  streams.clear();
  EXPECT_TRUE(Eventually([&] { return Reserved() == 0; }));
  EXPECT_EQ(Memory("seeds"), 0);
  EXPECT_EQ(Memory("sampler_tables"), 0);
}

double ResidentMegabytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// A measurement: five million nodes, the default limits.
TEST_F(SampledLimitsTest, ManyStreamsOverFiveMillionNodes) {
  Start(5'000'000, [](ServerConfig& config) {
    config.build_threads = ServerConfig().build_threads;
    config.memory_budget = ServerConfig().memory_budget;
  });
  StreamOptions options = RingBatches();
  options.spec.batch_size = 512;
  options.spec.options->num_nodes = {{"", 4096}};
  options.spec.options->num_edges = {{"", 4096}};
  options.spec.sampling->num_neighbors[""] = {1, 1, 1};
  options.spec.sampling->input_mask = "train";
  options.num_epochs = 0;
  const double before = ResidentMegabytes();
  std::vector<std::unique_ptr<BatchStream>> streams;
  ReadFromManyStreams(*client_, options, streams);
  std::printf(
      "resident: %.0f MB before, %.0f MB with 64 streams; reserved %.0f MB, seeds %.0f MB, "
      "tables %.0f MB, slabs %.0f MB\n",
      before, ResidentMegabytes(), Reserved() / (1 << 20), Memory("seeds") / (1 << 20),
      Memory("sampler_tables") / (1 << 20), Memory("slabs") / (1 << 20));
}

}  // namespace
}  // namespace graphfeed
