#include "server/batching/plan.h"

#include <set>

#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Batches = std::vector<std::vector<int64_t>>;

// Graphs of these (nodes, edges), without columns.
MemoryDataset Sized(const std::vector<std::pair<int64_t, int64_t>>& sizes) {
  MemoryDataset data(Schema::Homogeneous(true));
  for (const auto& [nodes, edges] : sizes) data.AddGraph({nodes}, {edges});
  data.Finish();
  return data;
}

// Molecules: 3 to 29 nodes, about twice as many edges.
MemoryDataset Molecules(int64_t count, uint64_t seed) {
  const CounterRandom random(seed, 0, RandomPurpose::kTrim);
  RandomStream stream(random, 0, 0);
  MemoryDataset data(Schema::Homogeneous(true));
  for (int64_t i = 0; i < count; ++i) {
    const auto nodes = static_cast<int64_t>(3 + stream.Below(27));
    data.AddGraph({nodes}, {2 * nodes + static_cast<int64_t>(stream.Below(5)) - 2});
  }
  data.Finish();
  return data;
}

absl::StatusOr<Batches> Plan(MemoryDataset& data, const BatchSpec& request, uint64_t seed = 0,
                             int64_t epoch = 0) {
  auto created = Epoch::Create(data, request, seed, epoch);
  if (!created.ok()) return created.status();
  Batches batches;
  for (int64_t b = 0; b < created->plan().num_batches(); ++b) {
    batches.push_back(created->Graphs(b));
  }
  return batches;
}

TEST(StreamPackTest, TheGraphThatNoLongerFitsOpensTheNextBatch) {
  // Room for 2 real graphs, 9 nodes, 9 edges.
  MemoryDataset data = Sized({{4, 2}, {4, 2}, {2, 1}, {8, 8}, {2, 8}, {2, 2}, {1, 0}});
  EXPECT_EQ(*Plan(data, Packed(10, 10, 3)), (Batches{{0, 1}, {2}, {3}, {4}, {5, 6}}));
}

TEST(StreamPackTest, GraphLimitIsTheLastRealGraph) {
  MemoryDataset data = Sized({{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  EXPECT_EQ(*Plan(data, Packed(100, 100, 3)), (Batches{{0, 1}, {2, 3}, {4}}));
  EXPECT_EQ(*Plan(data, Packed(100, 100, 2)), (Batches{{0}, {1}, {2}, {3}, {4}}));
}

TEST(StreamPackTest, EveryPaddingGraphKeepsANodeAndAnEdge) {
  // With 6 graphs in 11 nodes a batch of one graph pads 5 graphs: at most 6 nodes are real.
  MemoryDataset data = Sized({{6, 1}, {7, 1}});
  auto plan = Plan(data, Packed(11, 30, 6));
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(plan.status().message(),
            "graph 1 has 7 nodes; a batch holds a graph of at most 6 (num_nodes 11, one kept for "
            "each of the other 5 graphs of num_graphs 6)");
  // The same for edges: 4 + 3 edges and one kept for each of the 3 further graphs.
  MemoryDataset edges = Sized({{1, 4}, {1, 3}, {1, 1}});
  EXPECT_EQ(*Plan(edges, Packed(30, 10, 5)), (Batches{{0, 1, 2}}));
  EXPECT_EQ(*Plan(edges, Packed(30, 9, 5)), (Batches{{0}, {1, 2}}));
}

TEST(StreamPackTest, AGraphThatFitsNoBatchIsNamedWithItsSizeAndTheLimit) {
  MemoryDataset data = Sized({{1, 1}, {1, 66}});
  auto plan = Plan(data, Packed(60, 60, 2));
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(plan.status().message(),
            "graph 1 has 66 edges; a batch holds 59 (num_edges 60, one kept for padding)");
  BatchSpec trims = Packed(60, 60, 2);
  trims.over_size = OverSize::kTrimNodesAndEdges;  // trims no graph that fits no batch
  EXPECT_EQ(Plan(data, trims).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(StreamPackTest, ASkippedGraphFinishesTheBatchBeforeIt) {
  MemoryDataset data = Sized({{2, 2}, {2, 2}, {50, 2}, {2, 2}, {60, 2}, {61, 2}, {2, 2}});
  BatchSpec request = Packed(11, 21, 5);
  request.over_size = OverSize::kSkip;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  EXPECT_EQ(epoch->plan().num_batches(), 3);
  EXPECT_THAT(epoch->Graphs(0), ElementsAre(0, 1));
  EXPECT_THAT(epoch->Graphs(1), ElementsAre(3));
  EXPECT_THAT(epoch->Graphs(2), ElementsAre(6));
  EXPECT_EQ(epoch->plan().summary().skipped_graphs, 3);
  EXPECT_EQ(epoch->plan().summary().num_graphs, 4);
  EXPECT_EQ(epoch->plan().summary().real, (Counts{4, {8}, {8}}));
}

TEST(StreamPackTest, SkippingEverythingLeavesAnEmptyEpoch) {
  MemoryDataset data = Sized({{50, 2}, {51, 2}});
  BatchSpec request = Packed(11, 21, 5);
  request.over_size = OverSize::kSkip;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  EXPECT_EQ(epoch->plan().num_batches(), 0);
  EXPECT_EQ(epoch->plan().num_frames(), 0);
  EXPECT_EQ(epoch->plan().summary().skipped_graphs, 2);
  EXPECT_THAT(epoch->plan().GraphsPerBatch(), IsEmpty());
}

// Independent statement of the rule, over random sizes.
TEST(StreamPackTest, FollowsTheRuleOfTheStreamPacker) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const CounterRandom random(seed, 0, RandomPurpose::kTrim);
    RandomStream stream(random, 0, 0);
    std::vector<std::pair<int64_t, int64_t>> sizes(80);
    for (auto& [nodes, edges] : sizes) {
      nodes = static_cast<int64_t>(stream.Below(12));
      edges = static_cast<int64_t>(stream.Below(20));
    }
    MemoryDataset data = Sized(sizes);
    const auto max_graphs = static_cast<int64_t>(1 + stream.Below(6));
    const auto max_nodes = static_cast<int64_t>(max_graphs + stream.Below(20));
    const auto max_edges = static_cast<int64_t>(max_graphs + stream.Below(40));
    BatchSpec request = Packed(max_nodes + 1, max_edges + 1, max_graphs + 1);
    request.over_size = OverSize::kSkip;

    Batches expected;
    std::vector<int64_t> current;
    int64_t nodes = 0;
    int64_t edges = 0;
    for (int64_t g = 0; g < static_cast<int64_t>(sizes.size()); ++g) {
      for (;;) {
        const int64_t nodes_left = max_nodes - nodes - sizes[g].first;
        const int64_t edges_left = max_edges - edges - sizes[g].second;
        const int64_t graphs_left = max_graphs - static_cast<int64_t>(current.size()) - 1;
        if (nodes_left >= 0 && edges_left >= 0 && graphs_left >= 0 && nodes_left >= graphs_left &&
            edges_left >= graphs_left) {
          current.push_back(g);
          nodes += sizes[g].first;
          edges += sizes[g].second;
          break;
        }
        if (current.empty()) break;
        expected.push_back(current);
        current.clear();
        nodes = edges = 0;
      }
    }
    if (!current.empty()) expected.push_back(current);
    auto plan = Plan(data, request);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_EQ(*plan, expected) << "seed " << seed;
  }
}

TEST(StreamPackTest, TypesKeepTheirOwnLimits) {
  Schema schema;
  schema.heterogeneous = true;
  schema.node_types = {"a", "b"};
  schema.edge_types = {{0, "to", 1}};
  MemoryDataset data(schema);
  data.AddGraph({3, 1}, {1});
  data.AddGraph({3, 1}, {1});
  data.AddGraph({1, 1}, {6});
  data.Finish();
  BatchSpec request = Packed(1, 1, 3);
  // Together 27 nodes would hold all graphs; type a has room for 5.
  request.options->num_nodes = {{"a", 6}, {"b", 20}};
  request.options->num_edges = {{"a|to|b", 8}};
  EXPECT_EQ(*Plan(data, request), (Batches{{0}, {1, 2}}));
  request.options->num_nodes = {{"a", 7}, {"b", 20}};
  EXPECT_EQ(*Plan(data, request), (Batches{{0, 1}, {2}}));
  request.options->num_nodes = {{"a", 3}, {"b", 20}};
  EXPECT_THAT(std::string(Plan(data, request).status().message()),
              HasSubstr("graph 0 has 3 nodes of type a; a batch holds 2 (num_nodes 3 of that type, "
                        "one kept for padding)"));
}

TEST(StreamPackTest, EveryPackedBatchCanBeCollated) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const CounterRandom random(seed, 0, RandomPurpose::kTrim);
    RandomStream stream(random, 0, 0);
    Schema schema;
    schema.heterogeneous = true;
    schema.node_types = {"a", "b"};
    schema.edge_types = {{0, "to", 1}, {1, "self", 1}};
    MemoryDataset data(schema);
    for (int i = 0; i < 50; ++i) {
      data.AddGraph({static_cast<int64_t>(stream.Below(6)), static_cast<int64_t>(stream.Below(6))},
                    {static_cast<int64_t>(stream.Below(9)), static_cast<int64_t>(stream.Below(5))});
    }
    data.Finish();
    BatchSpec request = Packed(1, 1, static_cast<int64_t>(2 + stream.Below(6)));
    request.options->num_nodes = {{"a", 6 + stream.Below(9)}, {"b", 6 + stream.Below(9)}};
    request.options->num_edges = {{"a|to|b", 8 + stream.Below(9)},
                                  {"b|self|b", 4 + stream.Below(9)}};
    request.over_size = OverSize::kSkip;
    request.shuffle = true;
    auto epoch = Epoch::Create(data, request, seed);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    for (int64_t f = 0; f < epoch->plan().num_frames(); ++f) {
      const auto frame = epoch->Collate(f);
      ASSERT_TRUE(frame.ok()) << "seed " << seed << ": " << frame.status();
    }
  }
}

TEST(EpochPlanTest, PaddedBatchesTakeOneGraphLessThanNumGraphs) {
  MemoryDataset data = Sized(std::vector<std::pair<int64_t, int64_t>>(7, {1, 1}));
  BatchSpec request = Padded(9, 9, 4);
  EXPECT_EQ(*Plan(data, request), (Batches{{0, 1, 2}, {3, 4, 5}, {6}}));
  request.drop_last = true;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok());
  EXPECT_EQ(epoch->plan().num_batches(), 2);
  EXPECT_EQ(epoch->plan().summary().num_graphs, 6);
  EXPECT_EQ(epoch->plan().summary().real, (Counts{6, {6}, {6}}));
  EXPECT_THAT(epoch->plan().GraphsPerBatch(), ElementsAre(0, 0, 0, 2));
}

TEST(EpochPlanTest, SelectionsAreTakenInTheirOrder) {
  MemoryDataset data = Sized(std::vector<std::pair<int64_t, int64_t>>(7, {1, 1}));
  BatchSpec request = Padded(9, 9, 3);
  request.selection = {Selection::Kind::kIds, 0, 0, {6, 0, 0, 3, 5}, {}};
  EXPECT_EQ(*Plan(data, request), (Batches{{6, 0}, {0, 3}, {5}}));
  request.selection.batch_sizes = {1, 3, 1};
  EXPECT_EQ(*Plan(data, request), (Batches{{6}, {0, 0, 3}, {5}}));
  request.selection = {Selection::Kind::kRange, 2, 5, {}, {}};
  EXPECT_EQ(*Plan(data, request), (Batches{{2, 3}, {4}}));
}

TEST(EpochPlanTest, ExplicitBatchesMayNotExceedNumGraphs) {
  MemoryDataset data = Sized(std::vector<std::pair<int64_t, int64_t>>(4, {1, 1}));
  BatchSpec request = Padded(9, 9, 3);
  request.selection.batch_sizes = {4};
  const absl::Status status = Plan(data, request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(status.message(), "batch 0 has 4 graphs; a batch holds 3 (num_graphs)");
}

TEST(EpochPlanTest, AnIncompleteStepIsFilledOrDropped) {
  MemoryDataset data = Sized(std::vector<std::pair<int64_t, int64_t>>(7, {2, 1}));
  BatchSpec request = Padded(9, 9, 3);
  request.micro_batches = 3;
  auto filled = Epoch::Create(data, request);
  ASSERT_TRUE(filled.ok());
  EXPECT_EQ(filled->plan().num_batches(), 4);
  EXPECT_EQ(filled->plan().num_frames(), 2);
  EXPECT_THAT(filled->Graphs(4), IsEmpty());
  request.incomplete_step = IncompleteStep::kDrop;
  auto dropped = Epoch::Create(data, request);
  ASSERT_TRUE(dropped.ok());
  EXPECT_EQ(dropped->plan().num_batches(), 3);
  EXPECT_EQ(dropped->plan().num_frames(), 1);
  EXPECT_EQ(dropped->plan().summary().real, (Counts{6, {12}, {6}}));
  EXPECT_THAT(dropped->Graphs(3), IsEmpty());
}

TEST(EpochPlanTest, ShuffledEpochsHoldEveryGraphOnceAndDiffer) {
  MemoryDataset data = Molecules(997, 3);
  for (BatchSpec request : {Padded(700, 1500, 13), Packed(150, 330, 9)}) {
    request.shuffle = true;
    std::vector<int64_t> orders[3];
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      const Batches batches = *Plan(data, request, 5, epoch);
      for (const auto& batch : batches) {
        orders[epoch].insert(orders[epoch].end(), batch.begin(), batch.end());
      }
      const std::set<int64_t> distinct(orders[epoch].begin(), orders[epoch].end());
      EXPECT_EQ(orders[epoch].size(), 997u);
      EXPECT_EQ(distinct.size(), 997u);
      EXPECT_EQ(*Plan(data, request, 5, epoch), batches);
    }
    EXPECT_NE(orders[0], orders[1]);
    EXPECT_NE(orders[1], orders[2]);
  }
}

TEST(EpochPlanTest, SummaryAgreesWithTheBatches) {
  MemoryDataset data = Molecules(500, 4);
  BatchSpec requests[] = {Padded(200, 400, 8), Padded(200, 400, 8), Packed(100, 210, 7),
                          Padded(60, 100, 8)};
  requests[1].drop_last = true;
  requests[1].micro_batches = 4;
  requests[1].incomplete_step = IncompleteStep::kDrop;
  requests[3].over_size = OverSize::kTrimNodesAndEdges;
  for (BatchSpec& request : requests) {
    request.shuffle = true;
    for (const auto kind : {Selection::Kind::kAll, Selection::Kind::kIds}) {
      request.selection = {};
      request.selection.kind = kind;
      for (int64_t g = 0; kind == Selection::Kind::kIds && g < 300; ++g) {
        request.selection.ids.push_back((g * 7) % 500);
      }
      auto epoch = Epoch::Create(data, request, 11);
      ASSERT_TRUE(epoch.ok()) << epoch.status();
      const PlanSummary& summary = epoch->plan().summary();
      Counts real{0, {0}, {0}};
      double node_fill = 0;
      double edge_fill = 0;
      std::vector<int64_t> histogram;
      for (int64_t b = 0; b < summary.num_batches; ++b) {
        Counts counts{0, {0}, {0}};
        for (const int64_t g : epoch->Graphs(b)) {
          ++counts.graphs;
          counts.nodes[0] += data.offsets().NumNodes(0, g);
          counts.edges[0] += data.offsets().NumEdges(0, g);
        }
        real.graphs += counts.graphs;
        real.nodes[0] += counts.nodes[0];
        real.edges[0] += counts.edges[0];
        const auto nodes = epoch->spec().options.num_nodes[0];
        const auto edges = epoch->spec().options.num_edges[0];
        node_fill += static_cast<double>(std::min(counts.nodes[0], nodes)) / nodes;
        edge_fill += static_cast<double>(std::min(counts.edges[0], edges)) / edges;
        if (static_cast<int64_t>(histogram.size()) <= counts.graphs) {
          histogram.resize(counts.graphs + 1);
        }
        ++histogram[counts.graphs];
      }
      EXPECT_EQ(summary.real, real);
      EXPECT_EQ(summary.num_graphs, real.graphs);
      EXPECT_NEAR(summary.node_efficiency, node_fill / summary.num_batches, 1e-12);
      EXPECT_NEAR(summary.edge_efficiency, edge_fill / summary.num_batches, 1e-12);
      EXPECT_LE(summary.lower_bound_batches, summary.num_batches);
      EXPECT_GT(summary.lower_bound_batches, 0);
      EXPECT_EQ(epoch->plan().GraphsPerBatch(), histogram);
    }
  }
}

TEST(EpochPlanTest, LowerBoundIsTheTightestRatio) {
  const auto bound = [](MemoryDataset data, const BatchSpec& request) {
    return Epoch::Create(data, request)->plan().summary().lower_bound_batches;
  };
  // By graphs, by nodes, by edges, by graphs of more than half a batch.
  EXPECT_EQ(bound(Sized(std::vector<std::pair<int64_t, int64_t>>(10, {1, 1})), Packed(90, 90, 5)),
            3);
  EXPECT_EQ(bound(Sized({{4, 1}, {4, 1}, {4, 1}, {4, 1}}), Packed(13, 90, 6)), 2);
  EXPECT_EQ(bound(Sized({{1, 4}, {1, 4}, {1, 4}, {1, 4}}), Packed(90, 13, 6)), 2);
  EXPECT_EQ(bound(Sized({{6, 1}, {6, 1}, {6, 1}}), Packed(12, 90, 6)), 3);
}

TEST(EpochPlanTest, AHistogramIsAsLongAsTheLargestBatch) {
  MemoryDataset data = Molecules(50, 6);
  for (const BatchSpec& request :
       {Padded(900, 2000, 30), Padded(90'000, 200'000, 1000), Packed(900, 2000, 60)}) {
    const auto epoch = Epoch::Create(data, request);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    const std::vector<int64_t> histogram = epoch->plan().GraphsPerBatch();
    EXPECT_EQ(epoch->plan().histogram_bytes(), 8 * std::ssize(histogram));
    EXPECT_GT(histogram.back(), 0);
    EXPECT_LE(histogram.size(), 51);
  }
}

TEST(EpochPlanTest, TakesEightBytesAGraphWhenPackedAndNoneWhenPadded) {
  MemoryDataset data = Molecules(5000, 6);
  EXPECT_LT(Epoch::Create(data, Padded(900, 2000, 30))->plan().memory_bytes(), 1000);
  const auto packed = Epoch::Create(data, Packed(900, 2000, 60));
  EXPECT_LT(packed->plan().memory_bytes(), 40000 + 16 * packed->plan().num_batches() + 1000);
}

}  // namespace
}  // namespace graphfeed
