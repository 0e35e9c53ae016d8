// Which seeds batches take and what is found around them, as whole batches show it.
#include "server/sampling/seed_sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <set>
#include <thread>

#include "server/sampling/subgraph_bound.h"
#include "tests/server/sampling/sampled_epoch.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::Status CreateStatus(TestGraph& graph, const BatchSpec& request) {
  return SampledEpoch::Create(graph, request).status();
}

TEST(SeedSamplerTest, MasksAndListsNameTheSeeds) {
  TestGraph graph = WithColumns(RandomHeteroGraph(4));
  BatchSpec masked = Neighbors("b", {2}, 100);
  masked.sampling->input_mask = "mask";
  const TestFrame odd = MustCollate(*MustCreate(graph, masked), 0);
  EXPECT_EQ(odd.info.real[0].seeds, 12);
  EXPECT_EQ(odd.Get<int64_t>("n_id", "b")[11], 23);
  EXPECT_EQ(odd.Get<int64_t>("input_id", "b")[11], 11);

  BatchSpec listed = Neighbors("b", {2}, 2);
  listed.selection.kind = Selection::Kind::kIds;
  listed.selection.ids = {20, 3, 3};
  const auto epoch = MustCreate(graph, listed);
  const TestFrame first = MustCollate(*epoch, 0);
  EXPECT_EQ(first.Get<int64_t>("n_id", "b")[0], 20);
  EXPECT_EQ(first.Get<int64_t>("n_id", "b")[1], 3);
  EXPECT_THAT(MustCollate(*epoch, 1).Get<int64_t>("input_id", "b"), ElementsAre(2));
}

TEST(SeedSamplerTest, TrimmedBatchesKeepTheirSeedsAndCountWhatWent) {
  TestGraph graph = WithColumns(RandomHeteroGraph(5));
  BatchSpec request = Neighbors("a", {-1, -1}, 7);
  const auto plain = MustCreate(graph, request);
  const auto fixed = MustCreate(graph, Fixed(request, 12, 15, OverSize::kTrimNodesAndEdges));
  for (int64_t ordinal = 0; ordinal < fixed->plan().num_frames(); ++ordinal) {
    const TestFrame a = MustCollate(*plain, ordinal);
    const TestFrame b = MustCollate(*fixed, ordinal);
    ExpectTrueToGraph(graph, b);
    for (size_t t = 0; t < graph.num_nodes.size(); ++t) {
      EXPECT_EQ(a.info.real[0].nodes[t] - b.info.real[0].nodes[t], b.info.trimmed.nodes[t]);
    }
    for (size_t r = 0; r < graph.edges.size(); ++r) {
      EXPECT_EQ(a.info.real[0].edges[r] - b.info.real[0].edges[r], b.info.trimmed.edges[r]);
    }
    const auto seeds = a.Get<int64_t>("n_id", "a");
    for (int64_t i = 0; i < a.info.real[0].seeds; ++i) {
      EXPECT_EQ(b.Get<int64_t>("n_id", "a")[i], seeds[i]);
    }
  }
}

TEST(SeedSamplerTest, ABatchDependsOnNoOtherAndOnNoThread) {
  TestGraph graph = WithColumns(RandomHeteroGraph(6));
  BatchSpec request = Fixed(Neighbors("a", {4, 3}, 4), 60, 400);
  request.shuffle = true;
  const auto epoch = MustCreate(graph, request, 5);
  const int64_t frames = epoch->plan().num_frames();
  std::vector<std::vector<std::byte>> expected;
  for (int64_t i = 0; i < frames; ++i) expected.push_back(MustCollate(*epoch, i).bytes);
  const auto again = MustCreate(graph, request, 5);
  std::vector<std::thread> threads;
  std::vector<std::vector<std::byte>> received(frames);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int64_t i = frames - 1 - t; i >= 0; i -= 4) received[i] = MustCollate(*again, i).bytes;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(received, expected);
  EXPECT_NE(MustCollate(*MustCreate(graph, request, 6), 0).bytes, expected[0]);
}

TEST(SeedSamplerTest, NoBatchIsLargerThanItsBound) {
  TestGraph graph = WithColumns(RandomHeteroGraph(7));
  for (const bool disjoint : {false, true}) {
    for (const SubgraphType type : {SubgraphType::kDirectional, SubgraphType::kInduced}) {
      for (const int64_t fan_out : {1, 3, -1}) {
        BatchSpec request = Neighbors("a", {fan_out, fan_out}, 5);
        request.sampling->disjoint = disjoint;
        request.sampling->subgraph_type = type;
        const auto epoch = MustCreate(graph, request);
        const Counts bound = LargestSubgraph(graph.features->info(), epoch->spec(), epoch->seeds());
        for (int64_t i = 0; i < epoch->plan().num_frames(); ++i) {
          const Counts real = MustCollate(*epoch, i).info.real[0];
          for (size_t t = 0; t < bound.nodes.size(); ++t) EXPECT_LE(real.nodes[t], bound.nodes[t]);
          for (size_t r = 0; r < bound.edges.size(); ++r) EXPECT_LE(real.edges[r], bound.edges[r]);
        }
      }
    }
  }
}

BatchSpec Links(const std::string& edge_type, NegativeMode mode, double amount,
                int64_t batch_size) {
  BatchSpec request = Neighbors("", {3, 2}, batch_size);
  request.sampling->links.emplace();
  request.sampling->links->edge_type = edge_type;
  request.sampling->links->negative_mode = mode;
  request.sampling->links->negative_amount = amount;
  return request;
}

std::set<std::pair<int64_t, int64_t>> EdgeSet(const TestGraph& graph, int edge_type) {
  return {graph.edges[edge_type].begin(), graph.edges[edge_type].end()};
}

TEST(SeedSamplerTest, LabelledPairsAreTheSeedEdgesAndPairsThatAreNoEdges) {
  TestGraph graph = WithColumns(RandomHeteroGraph(10));
  for (const auto& [name, edge_type] : {std::pair("a|to|a", 0), std::pair("b|to|a", 1)}) {
    const EdgeType& type = graph.schema.edge_types[edge_type];
    const auto edges = EdgeSet(graph, edge_type);
    for (const bool disjoint : {false, true}) {
      BatchSpec request = Links(name, NegativeMode::kBinary, 1.5, 8);
      request.shuffle = true;
      request.sampling->disjoint = disjoint;
      const auto epoch = MustCreate(graph, Fixed(request, 400, 900));
      std::set<int64_t> seen;
      for (int64_t i = 0; i < epoch->plan().num_frames(); ++i) {
        const TestFrame frame = MustCollate(*epoch, i);
        ExpectTrueToGraph(graph, frame);
        const int64_t seeds = frame.info.real[0].seeds;
        const int64_t labels = frame.info.real[0].labels;
        EXPECT_EQ(labels, seeds + (3 * seeds + 1) / 2);
        EXPECT_EQ(frame.Shape("edge_label_index", name), std::vector<int64_t>({2, 20}));
        const auto index = frame.Get<int64_t>("edge_label_index", name);
        const auto label = frame.Get<float>("edge_label", name);
        const auto mask = frame.Bools("edge_label_mask", name);
        const auto input_id = frame.Get<int64_t>("input_id", name);
        const auto sources =
            frame.Get<int64_t>("n_id", graph.schema.StoreName(Level::kNode, type.source));
        const auto targets =
            frame.Get<int64_t>("n_id", graph.schema.StoreName(Level::kNode, type.target));
        for (int64_t j = 0; j < 20; ++j) {
          EXPECT_EQ(mask[j], j < labels ? 1 : 0);
          EXPECT_EQ(label[j], j < seeds ? 1 : 0);
          if (j >= labels) {
            EXPECT_GE(index[j], frame.info.real[0].nodes[type.source]);
            EXPECT_GE(index[20 + j], frame.info.real[0].nodes[type.target]);
            continue;
          }
          const std::pair pair(sources[index[j]], targets[index[20 + j]]);
          if (j < seeds) {
            EXPECT_EQ(pair, graph.edges[edge_type][input_id[j]]);
            EXPECT_TRUE(seen.insert(input_id[j]).second);
          } else {
            EXPECT_FALSE(edges.contains(pair));
          }
        }
      }
      EXPECT_EQ(seen.size(), graph.edges[edge_type].size());
    }
  }
}

TEST(SeedSamplerTest, TripletsHaveNegativesForEachSource) {
  TestGraph graph = WithColumns(RandomHeteroGraph(11));
  const auto edges = EdgeSet(graph, 1);
  const auto epoch =
      MustCreate(graph, Fixed(Links("b|to|a", NegativeMode::kTriplet, 2, 8), 250, 600));
  const TestFrame frame = MustCollate(*epoch, 0);
  EXPECT_EQ(frame.Shape("dst_neg_index", "b|to|a"), std::vector<int64_t>({8, 2}));
  EXPECT_FALSE(frame.Has("edge_label_index", "b|to|a"));
  const auto source = frame.Get<int64_t>("src_index", "b|to|a");
  const auto positive = frame.Get<int64_t>("dst_pos_index", "b|to|a");
  const auto negative = frame.Get<int64_t>("dst_neg_index", "b|to|a");
  const auto sources = frame.Get<int64_t>("n_id", "b");
  const auto targets = frame.Get<int64_t>("n_id", "a");
  for (int64_t i = 0; i < 8; ++i) {
    EXPECT_EQ(std::pair(sources[source[i]], targets[positive[i]]), graph.edges[1][i]);
    for (int64_t j = 0; j < 2; ++j) {
      EXPECT_FALSE(edges.contains(std::pair(sources[source[i]], targets[negative[2 * i + j]])));
    }
  }
}

TEST(SeedSamplerTest, SeedEdgesCanBeKeptOutWithTheirReverses) {
  TestGraph graph = WithColumns(RandomHeteroGraph(12));
  BatchSpec request = Links("a|to|a", NegativeMode::kNone, 1, 8);
  request.sampling->num_neighbors = {{"", {-1, -1}}};
  const auto with = MustCreate(graph, request);
  request.sampling->links->exclude_seed_edges = true;
  const auto without = MustCreate(graph, request);
  int64_t left_out = 0;
  for (int64_t i = 0; i < with->plan().num_frames(); ++i) {
    const TestFrame a = MustCollate(*with, i);
    const TestFrame b = MustCollate(*without, i);
    std::set<std::pair<int64_t, int64_t>> seeds;
    for (const int64_t edge : b.Get<int64_t>("input_id", "a|to|a")) {
      seeds.insert(graph.edges[0][edge]);
    }
    for (const int64_t edge : b.Get<int64_t>("e_id", "a|to|a")) {
      const auto [source, target] = graph.edges[0][edge];
      EXPECT_FALSE(seeds.contains({source, target}));
      EXPECT_FALSE(seeds.contains({target, source}));
    }
    EXPECT_EQ(a.Get<int64_t>("n_id", "a"), b.Get<int64_t>("n_id", "a"));
    left_out += a.info.real[0].edges[0] - b.info.real[0].edges[0];
  }
  EXPECT_GE(left_out, static_cast<int64_t>(graph.edges[0].size()));
}

TEST(SeedSamplerTest, ClassesMakeRoomForNegatives) {
  TestGraph graph = WithColumns(RandomHeteroGraph(13));
  BatchSpec request = Links("b|to|a", NegativeMode::kBinary, 1, 3);
  request.sampling->links->sources = {1, 2, 3};
  request.sampling->links->targets = {4, 5, 6};
  request.sampling->links->labels = {0, 2, 1};
  const TestFrame binary = MustCollate(*MustCreate(graph, request), 0);
  EXPECT_THAT(binary.Get<int64_t>("edge_label", "b|to|a"), ElementsAre(1, 3, 2, 0, 0, 0));
  // Where no label is 0 they need not: PyG's rule.
  for (const std::vector<int64_t>& labels : {std::vector<int64_t>{1, 3, 2}, {-1, 1, -1}}) {
    request.sampling->links->labels = labels;
    const TestFrame kept = MustCollate(*MustCreate(graph, request), 0);
    EXPECT_THAT(kept.Get<int64_t>("edge_label", "b|to|a"),
                ElementsAre(labels[0], labels[1], labels[2], 0, 0, 0));
  }
  request.sampling->links->labels = {0, 2, 1};
  request.sampling->links->negative_mode = NegativeMode::kNone;
  const TestFrame alone = MustCollate(*MustCreate(graph, request), 0);
  EXPECT_THAT(alone.Get<int64_t>("edge_label", "b|to|a"), ElementsAre(0, 2, 1));
}

TestGraph Clustered() {
  TestGraph graph = HomogeneousGraph(6, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}});
  graph.AddColumn(ColumnOf(Level::kNode, 0, "part", DType::kInt64));
  graph.AddColumn(ColumnOf(Level::kNode, 0, "x", DType::kInt64));
  ColumnSchema index = ColumnOf(Level::kEdge, 0, "edge_index", DType::kInt64);
  index.row_shape = {2};
  index.concat_last = true;
  index.index_types = {0, 0};
  graph.AddColumn(index);
  graph.features->Append<int64_t>("part", {0, 0, 1, 1, 2, 2});
  graph.features->Append<int64_t>("x", {10, 11, 12, 13, 14, 15});
  graph.features->Append<int64_t>("edge_index", {0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0});
  graph.Finish();
  return graph;
}

TEST(SeedSamplerTest, ClustersAreUnitedWithTheEdgesBetweenThem) {
  TestGraph graph = Clustered();
  BatchSpec request;
  request.strategy = Strategy::kCluster;
  request.batch_size = 2;
  request.sampling.emplace();
  request.sampling->partition = "part";
  const auto epoch = MustCreate(graph, Fixed(request, 6, 6));
  ASSERT_EQ(epoch->plan().num_frames(), 2);
  const TestFrame first = MustCollate(*epoch, 0);
  EXPECT_FALSE(first.Has("part"));
  EXPECT_THAT(first.Get<int64_t>("x"), ElementsAre(10, 11, 12, 13, 0, 0));
  EXPECT_THAT(first.Get<int64_t>("edge_index"), ElementsAre(0, 1, 2, 4, 4, 4, 1, 2, 3, 4, 4, 4));
  const TestFrame second = MustCollate(*epoch, 1);
  EXPECT_THAT(second.Get<int64_t>("n_id"), ElementsAre(4, 5, 0, 0, 0, 0));
}

TEST(SeedSamplerTest, RequestsThatCannotBeMetSayWhy) {
  TestGraph graph = WithColumns(RandomHeteroGraph(14));
  const auto expect = [&](const BatchSpec& request, absl::string_view message) {
    const absl::Status status = CreateStatus(graph, request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(status.message(), HasSubstr(std::string(message)));
  };
  BatchSpec request = Neighbors("a", {2}, 4);
  request.sampling.reset();
  expect(request, "sampling is not set");
  expect(Neighbors("", {2}, 4), "sampling.input_type is not set; the dataset has 4 node types");
  expect(Neighbors("x", {2}, 4), "sampling.input_type is \"x\"");
  expect(Neighbors("empty", {2}, 4), "there are no seeds, \"empty\" has no nodes");
  expect(Links("empty|none|a", NegativeMode::kNone, 1, 4),
         "there are no seeds, \"empty|none|a\" has no edges");
  expect(Neighbors("a", {2}, 0), "batch_size is 0; it is at least 1");
  expect(Neighbors("a", {2}, int64_t{1} << 40), "at most 2147483647 seeds");
  expect(Links("b|to|a", NegativeMode::kBinary, 1 << 20, 1 << 20), "at most 16777216 negatives");
  expect(Neighbors("a", {-2}, 4), "must be -1 (all)");
  request = Neighbors("a", {2}, 4);
  request.sampling->num_neighbors = {{"a|to|a", {2}}};
  expect(request, "sampling.num_neighbors has no entry for \"b|to|a\"");
  request.sampling->num_neighbors = {{"", {2}}, {"a|to|a", {2, 2}}};
  expect(request, "the number of hops must be the same for every edge type");
  request.sampling->num_neighbors = {{"a|no|a", {2}}};
  expect(request, "names \"a|no|a\", which is no edge type");
  request = Neighbors("a", {2}, 4);
  request.sampling->input_mask = "id";
  expect(request, "a mask has one bool a row");
  request = Neighbors("a", {2}, 4);
  request.selection.kind = Selection::Kind::kIds;
  request.selection.ids = {40};
  expect(request, "selection.ids[0] is 40");
  request = Fixed(Neighbors("a", {2}, 4), 60, 60);
  request.options->num_graphs = 3;
  expect(request, "num_graphs is 3; a sampled batch is one graph");
  request = Neighbors("a", {2}, 4);
  request.micro_batches = 2;
  expect(request, "micro_batches is 2");
  request = Neighbors("a", {2}, 4);
  request.sampling->input_time = {1};
  expect(request, "sampling.input_time is set without time_attr");
  request.sampling->time_attr = "id";
  expect(request, "sampling.input_time has 1 entries for 40 seeds");
  request = Links("b|to|a", NegativeMode::kBinary, 0, 4);
  expect(request, "sampling.links.negative_amount is 0");
  request = Links("b|to|a", NegativeMode::kBinary, 1, 4);
  request.sampling->links->labels = {0, -1};
  expect(request, "sampling.links.labels[1] is -1");
  request.sampling->links->labels = {std::numeric_limits<int64_t>::max(), 0};
  expect(request, "so the limit is 9223372036854775806");
  request = Links("b|to|a", NegativeMode::kNone, 1, 4);
  request.sampling->links->sources = {25};
  request.sampling->links->targets = {0};
  expect(request, "sampling.links.sources[0] is 25; \"b\" has 25 nodes");
  request = Neighbors("a", {2}, 4);
  request.strategy = Strategy::kCluster;
  expect(request, "CLUSTER takes homogeneous graphs");
  request = Neighbors("a", {2}, 4);
  request.strategy = Strategy::kPadToMax;
  expect(request, "ragged is set, but PAD_TO_MAX");
  request.ragged = false;
  expect(request, "sampling is set, but only NEIGHBOR and CLUSTER sample");
}

TEST(SeedSamplerTest, AFanOutBeyondWhatABatchMayTakeIsRefusedBeforeMemoryIsTaken) {
  TestGraph graph = WithColumns(RandomHeteroGraph(14));
  BatchSpec request = Neighbors("a", {kMaxSampledEdges + 1}, 1);
  request.sampling->replace = true;
  for (const bool fixed : {false, true}) {
    const auto epoch =
        MustCreate(graph, fixed ? Fixed(request, 60, 60, OverSize::kTrimNodesAndEdges) : request);
    const auto frame = epoch->Collate(0);
    EXPECT_EQ(frame.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(frame.status().message(), HasSubstr("a batch holds at most 67108864"));
  }
}

TEST(SeedSamplerTest, ASpecComesBackAsTheRequestThatResolvesToIt) {
  TestGraph graph = WithColumns(RandomHeteroGraph(15));
  BatchSpec request = Fixed(Links("b|to|a", NegativeMode::kBinary, 2, 4), 90, 90);
  request.sampling->links->exclude_seed_edges = true;
  const auto epoch = MustCreate(graph, request);
  const Schema& schema = graph.features->schema();
  const BatchSpec again = SpecFromResolved(epoch->spec(), schema);
  const auto second = MustCreate(graph, again);
  EXPECT_EQ(SpecDigest(epoch->spec(), schema), SpecDigest(second->spec(), schema));
  EXPECT_EQ(MustCollate(*epoch, 0).bytes, MustCollate(*second, 0).bytes);

  // Every part of the request counts.
  const std::vector<std::function<void(SamplingSpec&)>> changes = {
      [](auto& s) {
        s.num_neighbors = {{"", {3, 3}}};
      },
      [](auto& s) { s.replace = true; },
      [](auto& s) { s.subgraph_type = SubgraphType::kInduced; },
      [](auto& s) { s.disjoint = true; },
      [](auto& s) { s.links->negative_amount = 1; },
      [](auto& s) { s.links->exclude_seed_edges = false; },
      [](auto& s) { s.links->edge_type = "a|to|a"; },
      [](auto& s) { s.links.reset(), s.input_type = "a"; },
      [](auto& s) { s.links.reset(), s.input_type = "a", s.input_mask = "mask"; },
  };
  std::set<Fingerprint> digests = {SpecDigest(epoch->spec(), schema)};
  for (const auto& change : changes) {
    BatchSpec changed = request;
    change(*changed.sampling);
    digests.insert(SpecDigest(MustCreate(graph, changed)->spec(), schema));
  }
  EXPECT_EQ(digests.size(), changes.size() + 1);
}

}  // namespace
}  // namespace graphfeed
