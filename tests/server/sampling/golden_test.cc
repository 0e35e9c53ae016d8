// Digests of subgraphs that were sampled when the algorithm was fixed. A difference means that
// batches have changed: raise kAlgorithmVersion, and only then write the new digests here.
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "server/sampling/negative_sampler.h"
#include "server/sampling/neighbor_sampler.h"
#include "tests/server/sampling/sampling_graphs.h"

namespace graphfeed {
namespace {

// FNV-1a over 64-bit values.
class Digest {
 public:
  template <typename T>
  void Add(const std::vector<T>& values) {
    Add(static_cast<int64_t>(values.size()));
    for (const T value : values) Add(static_cast<int64_t>(value));
  }
  void Add(int64_t value) {
    for (int byte = 0; byte < 8; ++byte) {
      hash_ = (hash_ ^ (static_cast<uint64_t>(value) >> (8 * byte) & 0xff)) * 0x100000001b3u;
    }
  }
  uint64_t value() const { return hash_; }

 private:
  uint64_t hash_ = 0xcbf29ce484222325u;
};

// Arithmetic instead of a generator, so that the graph is the same everywhere.
TestGraph FixedGraph() {
  const Schema schema = HeteroSchema({"a", "b"}, {{0, "to", 1}, {1, "rev_to", 0}, {0, "in", 0}});
  std::vector<EdgeList> edges(3);
  for (int64_t i = 0; i < 3000; ++i) {
    const int64_t a = i * i % 211;
    const int64_t b = i * 7 % 83;
    edges[0].emplace_back(a, b);
    edges[1].emplace_back(b, a);
    edges[2].emplace_back(a, (a * 3 + i + i / 7) % 211);
  }
  TestGraph graph(schema, {211, 83}, edges);
  graph.AddColumn(NodeColumn("time", DType::kInt64));
  graph.AddColumn(EdgeColumn("weight", DType::kFloat64, {}, 2));
  std::vector<int64_t> times;
  for (int64_t i = 0; i < 211; ++i) times.push_back(i * 31 % 97);
  std::vector<double> weights;
  for (int64_t i = 0; i < 3000; ++i) weights.push_back(static_cast<double>(i % 11) / 8);
  graph.features->Append("time", times, "a");
  graph.features->Append("weight", weights, "a|in|a");
  graph.Finish();
  return graph;
}

uint64_t DigestOf(const NeighborSamplerOptions& options) {
  TestGraph graph = FixedGraph();
  const auto sampler = MakeSampler(graph, options);
  const std::vector<int64_t> seeds = {5, 100, 17, 210, 5};
  Digest digest;
  for (uint64_t batch = 0; batch < 3; ++batch) {
    const Subgraph subgraph = SampleOnce(*sampler, {.nodes = seeds}, batch, 2026, 4);
    for (size_t t = 0; t < subgraph.nodes.size(); ++t) {
      digest.Add(subgraph.nodes[t]);
      digest.Add(subgraph.tree[t]);
    }
    for (const Subgraph::Edges& edges : subgraph.edges) {
      digest.Add(edges.source);
      digest.Add(edges.target);
      digest.Add(edges.edge_id);
    }
  }
  return digest.value();
}

const std::vector<std::vector<int64_t>> kFanOuts = {{5, 3}, {4, 2}, {6, 2}};

TEST(SamplingGoldenTest, Directional) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts}), 0x834ccca97b69dcf8u);
}
TEST(SamplingGoldenTest, WithReplacement) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .replace = true}), 0x6fee356239dddbbfu);
}
TEST(SamplingGoldenTest, Bidirectional) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .subgraph_type = SubgraphType::kBidirectional}),
            0x98ad70ac2ecc48ccu);
}
TEST(SamplingGoldenTest, Induced) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .subgraph_type = SubgraphType::kInduced}),
            0x244f0216ff848b73u);
}
TEST(SamplingGoldenTest, Disjoint) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .disjoint = true}), 0x32d77b9daabff513u);
}
TEST(SamplingGoldenTest, TemporalUniform) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .time_columns = {0, -1}}), 0x0732b25547f7ea71u);
}
TEST(SamplingGoldenTest, TemporalLast) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts,
                      .time_columns = {0, -1},
                      .temporal_strategy = TemporalStrategy::kLast}),
            0xe936ca7833a17f33u);
}
TEST(SamplingGoldenTest, WeightedWithoutReplacement) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .weight_columns = {-1, -1, 1}}),
            0x4a78491b13474ea9u);
}
TEST(SamplingGoldenTest, WeightedWithReplacement) {
  EXPECT_EQ(DigestOf({.num_neighbors = kFanOuts, .replace = true, .weight_columns = {-1, -1, 1}}),
            0xe68afd362c17b04fu);
}

TEST(SamplingGoldenTest, Negatives) {
  TestGraph graph = FixedGraph();
  NegativePairs pairs;
  ASSERT_TRUE(SampleNegativePairs(graph.view(), 0, 2026, 4, 9, 200, pairs).ok());
  std::vector<int64_t> targets;
  const std::vector<int64_t> sources = {5, 100, 17};
  ASSERT_TRUE(SampleNegativeTargets(graph.view(), 0, 2026, 4, 9, sources, 40, targets).ok());
  Digest digest;
  digest.Add(pairs.source);
  digest.Add(pairs.target);
  digest.Add(targets);
  EXPECT_EQ(digest.value(), 0x7ab555b2e8bf2e89u);
}

}  // namespace
}  // namespace graphfeed
