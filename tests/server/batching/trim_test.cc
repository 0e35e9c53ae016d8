// What trimming may and may not do: hand-drawn cases, then invariants over many seeds.
#include <map>
#include <set>

#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Random graphs whose nodes and edges carry a number of their own: id, so that what a batch holds
// can be traced back to what is stored.
MemoryDataset Traceable(uint64_t seed, int num_graphs, bool heterogeneous) {
  const CounterRandom random(seed, 7, RandomPurpose::kTrim);
  RandomStream stream(random, 0, 0);
  Schema schema = Schema::Homogeneous(true);
  if (heterogeneous) {
    schema.heterogeneous = true;
    schema.node_types = {"a", "b"};
    schema.edge_types = {{0, "to", 1}, {1, "rev", 0}, {0, "self", 0}};
  }
  const int num_node_types = static_cast<int>(schema.node_types.size());
  const int num_edge_types = static_cast<int>(schema.edge_types.size());
  for (int t = 0; t < num_node_types; ++t) {
    schema.columns.push_back(NodeColumn("id", DType::kInt64, {}, t));
  }
  for (int r = 0; r < num_edge_types; ++r) {
    schema.columns.push_back(EdgeIndexColumn(schema, r));
    schema.columns.push_back(EdgeColumn("edge_id", DType::kInt64, {}, r));
  }
  MemoryDataset data(schema, 4);
  std::vector<int64_t> next_node(num_node_types);
  std::vector<int64_t> next_edge(num_edge_types);
  for (int g = 0; g < num_graphs; ++g) {
    std::vector<int64_t> nodes;
    std::vector<int64_t> edges;
    for (int t = 0; t < num_node_types; ++t) {
      nodes.push_back(static_cast<int64_t>((heterogeneous ? 0 : 1) + stream.Below(9)));
      std::vector<int64_t> ids;
      for (int64_t i = 0; i < nodes[t]; ++i) ids.push_back(next_node[t]++);
      data.Append("id", ids, schema.StoreName(Level::kNode, t));
    }
    for (int r = 0; r < num_edge_types; ++r) {
      const auto [source, relation, target] = schema.edge_types[r];
      const bool possible = nodes[source] > 0 && nodes[target] > 0;
      edges.push_back(possible ? static_cast<int64_t>(stream.Below(16)) : 0);
      std::vector<int64_t> ends;
      std::vector<int64_t> ids;
      for (int64_t e = 0; e < edges[r]; ++e) {
        ends.push_back(static_cast<int64_t>(stream.Below(nodes[source])));
        ends.push_back(static_cast<int64_t>(stream.Below(nodes[target])));
        ids.push_back(next_edge[r]++);
      }
      data.Append("edge_index", ends, schema.StoreName(Level::kEdge, r));
      data.Append("edge_id", ids, schema.StoreName(Level::kEdge, r));
    }
    data.AddGraph(nodes, edges);
  }
  data.Finish();
  return data;
}

int64_t StoredTotal(const MemoryDataset& data, Level level, int type,
                    const std::vector<int64_t>& graphs) {
  int64_t total = 0;
  for (const int64_t g : graphs) {
    total +=
        level == Level::kNode ? data.offsets().NumNodes(type, g) : data.offsets().NumEdges(type, g);
  }
  return total;
}

// Everything that a trimmed batch promises, traced back to the stored graphs. One micro-batch.
void CheckTrimmed(const MemoryDataset& data, const ResolvedSpec& spec,
                  const std::vector<int64_t>& graphs, const TestFrame& frame) {
  const Schema& schema = data.schema();
  const ResolvedOptions& options = spec.options;
  const Counts& real = frame.info.real[0];
  std::vector<bool> edges_need_padding;
  for (size_t r = 0; r < schema.edge_types.size(); ++r) {
    edges_need_padding.push_back(real.edges[r] < options.num_edges[r]);
  }

  std::vector<std::set<int64_t>> kept(schema.node_types.size());
  for (size_t t = 0; t < schema.node_types.size(); ++t) {
    const std::string store = schema.StoreName(Level::kNode, static_cast<int>(t));
    const std::vector<int64_t> ids = frame.Get<int64_t>("id", store);
    const std::vector<int64_t> ptr = frame.Get<int64_t>("ptr", store);
    const int64_t stored = StoredTotal(data, Level::kNode, static_cast<int>(t), graphs);
    EXPECT_EQ(frame.info.trimmed.nodes[t], stored - real.nodes[t]);
    bool is_end = false;
    for (size_t r = 0; r < schema.edge_types.size(); ++r) {
      const bool touches = schema.edge_types[r].source == static_cast<int>(t) ||
                           schema.edge_types[r].target == static_cast<int>(t);
      is_end = is_end || (touches && edges_need_padding[r]);
    }
    // As many as fit: all of them, or the limit, or one less for padding edges.
    EXPECT_EQ(real.nodes[t], std::min(stored, options.num_nodes[t] - (is_end ? 1 : 0)));
    ASSERT_EQ(ptr[graphs.size()], real.nodes[t]);
    for (size_t g = 0; g < graphs.size(); ++g) {
      const auto stored_ptr = data.offsets().node_ptr[t];
      EXPECT_EQ(ptr[g] == ptr[g + 1], stored_ptr[graphs[g]] == stored_ptr[graphs[g] + 1]);
      for (int64_t i = ptr[g]; i < ptr[g + 1]; ++i) {
        EXPECT_GE(ids[i], stored_ptr[graphs[g]]);
        EXPECT_LT(ids[i], stored_ptr[graphs[g] + 1]);
        if (i > ptr[g]) {
          EXPECT_LT(ids[i - 1], ids[i]) << "survivors keep their order";
        }
        kept[t].insert(ids[i]);
      }
    }
  }

  for (size_t r = 0; r < schema.edge_types.size(); ++r) {
    const auto [source, relation, target] = schema.edge_types[r];
    const int type = static_cast<int>(r);
    const std::string store = schema.StoreName(Level::kEdge, type);
    const std::vector<int64_t> ends = frame.Get<int64_t>("edge_index", store);
    const std::vector<int64_t> ids = frame.Get<int64_t>("edge_id", store);
    const std::vector<int64_t> source_ids =
        frame.Get<int64_t>("id", schema.StoreName(Level::kNode, source));
    const std::vector<int64_t> target_ids =
        frame.Get<int64_t>("id", schema.StoreName(Level::kNode, target));
    const int64_t num_edges = options.num_edges[r];
    const int64_t stored = StoredTotal(data, Level::kEdge, type, graphs);
    EXPECT_EQ(frame.info.trimmed.edges[r], stored - real.edges[r]);

    const int column = schema.FindColumn(Level::kEdge, type, "edge_index");
    const auto end_of = [&](int64_t edge, int64_t graph, int side, int node_type) {
      return data.offsets().node_ptr[node_type][graph] + data.At<int64_t>(column, 2 * edge + side);
    };
    // Edges that lost no end; all of them survive, or num_edges of them.
    int64_t whole = 0;
    std::map<int64_t, bool> graph_has_whole;
    for (const int64_t g : graphs) {
      for (int64_t e = data.offsets().edge_ptr[r][g]; e < data.offsets().edge_ptr[r][g + 1]; ++e) {
        if (kept[source].count(end_of(e, g, 0, source)) != 0 &&
            kept[target].count(end_of(e, g, 1, target)) != 0) {
          ++whole;
          graph_has_whole[g] = true;
        }
      }
    }
    EXPECT_EQ(real.edges[r], std::min(whole, num_edges));
    for (int64_t e = 0; e < real.edges[r]; ++e) {
      const auto& edge_ptr = data.offsets().edge_ptr[r];
      const int64_t g =
          std::upper_bound(edge_ptr.begin(), edge_ptr.end(), ids[e]) - edge_ptr.begin() - 1;
      EXPECT_EQ(source_ids[ends[e]], end_of(ids[e], g, 0, source));
      EXPECT_EQ(target_ids[ends[num_edges + e]], end_of(ids[e], g, 1, target));
      graph_has_whole.erase(g);
    }
    EXPECT_TRUE(graph_has_whole.empty()) << "a graph lost its last edge";
    // Padding edges touch padding nodes only.
    for (int64_t e = real.edges[r]; e < num_edges; ++e) {
      EXPECT_GE(ends[e], real.nodes[source]);
      EXPECT_LT(ends[e], options.num_nodes[source]);
      EXPECT_GE(ends[num_edges + e], real.nodes[target]);
      EXPECT_LT(ends[num_edges + e], options.num_nodes[target]);
    }
  }
}

// Runs over many seeds; at least some batches must be trimmed and some be refused or not trimmed,
// so that the limits are where it matters.
void TrimMany(bool heterogeneous, OverSize over_size, int64_t nodes, int64_t edges) {
  int trimmed = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    MemoryDataset data = Traceable(seed, 12, heterogeneous);
    BatchSpec request = Padded(nodes, edges, 5);
    request.over_size = over_size;
    request.shuffle = true;
    auto epoch = Epoch::Create(data, request, seed);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    for (int64_t b = 0; b < epoch->plan().num_batches(); ++b) {
      auto frame = epoch->Collate(b);
      ASSERT_TRUE(frame.ok()) << frame.status();
      CheckTrimmed(data, epoch->spec(), epoch->Graphs(b), *frame);
      for (const int64_t n : frame->info.trimmed.nodes) trimmed += n > 0 ? 1 : 0;
      for (const int64_t n : frame->info.trimmed.edges) trimmed += n > 0 ? 1 : 0;
      EXPECT_EQ(epoch->Collate(b)->bytes, frame->bytes) << "same seed, same bytes";
    }
  }
  EXPECT_GT(trimmed, 100);
}

TEST(TrimTest, NodesAreTrimmedToTheLimit) { TrimMany(false, OverSize::kTrimNodes, 14, 80); }
TEST(TrimTest, EdgesAreTrimmedToTheLimit) { TrimMany(false, OverSize::kTrimEdges, 40, 18); }
TEST(TrimTest, NodesThenEdgesAreTrimmedToTheLimit) {
  TrimMany(false, OverSize::kTrimNodesAndEdges, 17, 14);
}
TEST(TrimTest, NodesOfEveryTypeAreTrimmed) { TrimMany(true, OverSize::kTrimNodes, 11, 80); }
TEST(TrimTest, EdgesOfEveryTypeAreTrimmed) { TrimMany(true, OverSize::kTrimEdges, 40, 13); }
TEST(TrimTest, NodesAndEdgesOfEveryTypeAreTrimmed) {
  TrimMany(true, OverSize::kTrimNodesAndEdges, 12, 9);
}

// Four nodes in a ring, all edges both ways.
MemoryDataset Ring() {
  Schema schema = Schema::Homogeneous(true);
  schema.columns = {NodeColumn("id", DType::kInt64), EdgeIndexColumn(schema)};
  MemoryDataset data(schema);
  for (int64_t g = 0; g < 2; ++g) {
    data.AddGraph({4}, {8});
    data.Append<int64_t>("id", {4 * g, 4 * g + 1, 4 * g + 2, 4 * g + 3});
    data.Append<int64_t>("edge_index", {0, 1, 1, 0, 1, 2, 2, 1, 2, 3, 3, 2, 3, 0, 0, 3});
  }
  data.Finish();
  return data;
}

TEST(TrimTest, ABatchThatFitsIsLeftAlone) {
  MemoryDataset data = Ring();
  BatchSpec request = Padded(9, 17, 3);
  const TestFrame untrimmed = CollateOne(data, request);
  request.over_size = OverSize::kTrimNodesAndEdges;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_EQ(frame.bytes, untrimmed.bytes);
  EXPECT_EQ(frame.info.trimmed, (Counts{0, {0}, {0}}));
}

TEST(TrimTest, ANodeIsReservedWhereEdgesNeedPadding) {
  MemoryDataset data = Ring();
  BatchSpec request = Padded(8, 17, 3);  // exactly full, but for one padding edge
  request.over_size = OverSize::kTrimNodes;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_EQ(frame.info.real[0].nodes[0], 7);
  EXPECT_EQ(frame.info.real[0].edges[0], 12);  // a ring's node has two edges in and two out
  EXPECT_EQ(frame.info.trimmed, (Counts{0, {1}, {4}}));
  EXPECT_THAT(frame.Bools("nodes_mask"), ElementsAre(1, 1, 1, 1, 1, 1, 1, 0));
}

TEST(TrimTest, MinimalLimitsKeepOneNodeOfEveryGraph) {
  MemoryDataset data = Ring();
  BatchSpec request = Padded(3, 5, 3);
  request.over_size = OverSize::kTrimNodes;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_EQ(frame.info.real[0], (Counts{2, {2}, {0}}));
  EXPECT_THAT(frame.Get<int64_t>("ptr"), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(frame.Get<int64_t>("edge_index"), ElementsAre(2, 2, 2, 2, 2, 2, 2, 2, 2, 2));
}

TEST(TrimTest, RefusesToTrimAGraphAway) {
  MemoryDataset data = Ring();
  const auto error = [&](BatchSpec request, OverSize over_size) {
    request.over_size = over_size;
    auto epoch = Epoch::Create(data, request);
    EXPECT_TRUE(epoch.ok()) << epoch.status();
    const absl::Status status = epoch->Collate(0).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    return std::string(status.message());
  };
  // Two nodes would remain, but the edges need a padding node.
  EXPECT_THAT(error(Padded(2, 5, 3), OverSize::kTrimNodes),
              HasSubstr("cannot be trimmed to 1, since every graph keeps at least one"));
  EXPECT_THAT(error(Padded(9, 1, 3), OverSize::kTrimEdges),
              HasSubstr("has 16 edges and cannot be trimmed to 1"));
  // What may not be trimmed is refused as ever.
  EXPECT_THAT(error(Padded(5, 30, 3), OverSize::kTrimEdges),
              HasSubstr("has 8 nodes; a batch holds 5"));
  EXPECT_THAT(error(Padded(9, 5, 3), OverSize::kTrimNodes),
              HasSubstr("has 16 edges; a batch holds 5"));
}

TEST(TrimTest, DrawsDependOnSeedAndBatchOnly) {
  MemoryDataset data = Traceable(3, 16, false);
  BatchSpec request = Padded(12, 10, 5);
  request.over_size = OverSize::kTrimNodesAndEdges;
  auto one = Epoch::Create(data, request, 1);
  auto other = Epoch::Create(data, request, 2);
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(one->Collate(0)->bytes, other->Collate(0)->bytes);
  // Two batches of a combined step are trimmed as the same batches are one by one.
  request.micro_batches = 2;
  auto combined = Epoch::Create(data, request, 1);
  ASSERT_TRUE(combined.ok());
  const std::vector<int64_t> both = combined->Collate(1)->Get<int64_t>("id");
  std::vector<int64_t> single = one->Collate(2)->Get<int64_t>("id");
  const std::vector<int64_t> second = one->Collate(3)->Get<int64_t>("id");
  single.insert(single.end(), second.begin(), second.end());
  EXPECT_EQ(both, single);
}

// Recorded: a change of the draws changes trimmed batches; raise kAlgorithmVersion.
TEST(TrimTest, SurvivorsAreTheRecordedOnes) {
  MemoryDataset data = Ring();
  BatchSpec request = Padded(5, 4, 3);
  request.over_size = OverSize::kTrimNodesAndEdges;
  const TestFrame frame = CollateOne(data, request, 0, 99);
  EXPECT_THAT(frame.Get<int64_t>("id"), ElementsAre(0, 1, 3, 4, 7));
  EXPECT_THAT(frame.Get<int64_t>("edge_index"), ElementsAre(0, 1, 4, 3, 1, 0, 3, 4));
}

TEST(TrimTest, Int32EdgesAreRenumberedAlike) {
  MemoryDataset data = Traceable(5, 8, true);
  BatchSpec request = Padded(11, 8, 5);
  request.over_size = OverSize::kTrimNodesAndEdges;
  const TestFrame wide = CollateOne(data, request);
  request.index_dtype = DType::kInt32;
  const TestFrame narrow = CollateOne(data, request);
  for (const char* store : {"a|to|b", "b|rev|a", "a|self|a"}) {
    const std::vector<int32_t> values = narrow.Get<int32_t>("edge_index", store);
    EXPECT_EQ(std::vector<int64_t>(values.begin(), values.end()),
              wide.Get<int64_t>("edge_index", store));
  }
}

TEST(TrimTest, EdgesWithoutEndsAreDataLoss) {
  Schema schema = Schema::Homogeneous(true);
  schema.columns = {EdgeIndexColumn(schema)};
  MemoryDataset data(schema);
  data.AddGraph({4}, {1});
  data.Append<int64_t>("edge_index", {0, 4});
  data.Finish();
  BatchSpec request = Padded(3, 5, 2);
  request.over_size = OverSize::kTrimNodes;
  auto epoch = Epoch::Create(data, request);
  ASSERT_TRUE(epoch.ok());
  EXPECT_EQ(epoch->Collate(0).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace graphfeed
