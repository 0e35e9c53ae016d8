// Columns of which every graph has its own number of rows, in batches.
#include <numeric>

#include "proto/frame/digest.h"
#include "storage/base/digest.h"
#include "tests/server/batching/collate_helper.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

struct ListWorld {
  MemoryDataset data;
  std::vector<int64_t> sizes;  // rows of each graph in both columns
};

Schema WithTriples() {
  Schema schema = Schema::Homogeneous(true);
  ColumnSchema index = GraphColumn("triple_index", DType::kInt64, {3}, ColumnSchema::kVarying);
  index.concat_last = true;
  index.index_types = {0};
  schema.columns = {NodeColumn("x", DType::kFloat32), EdgeIndexColumn(schema),
                    GraphColumn("triples", DType::kInt64, {2}, ColumnSchema::kVarying), index,
                    GraphColumn("y", DType::kFloat64)};
  return schema;
}

// Graphs of 2 to 5 nodes, without edges, with 0 to 4 triples each.
ListWorld RandomWorld(uint64_t seed, int64_t num_graphs) {
  const CounterRandom random(seed, 9, RandomPurpose::kTrim);
  RandomStream stream(random, 0, 0);
  ListWorld world{MemoryDataset(WithTriples(), 3), {}};
  int64_t value = 0;
  for (int64_t g = 0; g < num_graphs; ++g) {
    const auto nodes = static_cast<int64_t>(2 + stream.Below(4));
    const auto rows = static_cast<int64_t>(stream.Below(5));
    world.sizes.push_back(rows);
    world.data.AddGraph({nodes}, {0});
    world.data.AddRows("triples", rows);
    world.data.AddRows("triple_index", rows);
    std::vector<int64_t> triples(2 * rows);
    for (int64_t& element : triples) element = value++;
    std::vector<int64_t> ids(3 * rows);
    for (int64_t& id : ids) id = static_cast<int64_t>(stream.Below(nodes));
    world.data.Append("x", std::vector<float>(nodes, 1));
    world.data.Append("triples", triples);
    world.data.Append("triple_index", ids);
    world.data.Append<double>("y", {static_cast<double>(g)});
  }
  world.data.Finish();
  return world;
}

BatchSpec Request(Strategy strategy, int64_t num_graphs, int64_t rows) {
  BatchSpec request = Padded(5 * (num_graphs - 1) + 1, num_graphs, num_graphs);
  request.strategy = strategy;
  request.options->num_rows = {{"triples", rows}, {"triple_index", rows}};
  request.options->graph_pad_value = -7;
  request.follow_batch = {"triples"};
  return request;
}

std::string ErrorOf(ListWorld& world, const BatchSpec& request) {
  auto epoch = Epoch::Create(world.data, request);
  if (!epoch.ok()) return std::string(epoch.status().message());
  for (int64_t f = 0; f < epoch->plan().num_frames(); ++f) {
    const auto frame = epoch->Collate(f);
    if (!frame.ok()) return std::string(frame.status().message());
  }
  return "";
}

// Compares micro-batch m with the graphs put together by hand.
void CheckBatch(const ListWorld& world, const Epoch& epoch, const TestFrame& frame, int64_t batch,
                int64_t m) {
  const int64_t k = epoch.spec().micro_batches;
  const auto part = [&](const std::vector<int64_t>& values) {
    const auto size = static_cast<int64_t>(values.size()) / k;
    return std::vector<int64_t>(values.begin() + m * size, values.begin() + (m + 1) * size);
  };
  const auto triples = part(frame.Get<int64_t>("triples"));
  const auto index = part(frame.Get<int64_t>("triple_index"));
  const auto of_graph = part(frame.Get<int64_t>("triples_batch"));
  const auto ptr = part(frame.Get<int64_t>("triples_ptr"));
  const auto node_ptr = part(frame.Get<int64_t>("ptr"));
  const auto node_batch = part(frame.Get<int64_t>("batch"));
  const auto total = static_cast<int64_t>(of_graph.size());
  ASSERT_EQ(static_cast<int64_t>(triples.size()), 2 * total);
  ASSERT_EQ(static_cast<int64_t>(index.size()), 3 * total);
  const std::vector<int64_t> graphs = epoch.Graphs(batch);
  const GraphOffsets& offsets = world.data.offsets();
  int64_t row = 0;
  for (size_t g = 0; g < graphs.size(); ++g) {
    ASSERT_EQ(ptr[g], row);
    const RowRange stored = offsets.RowsOf(world.data.schema().columns, 2, graphs[g]);
    ASSERT_EQ(stored.count, world.sizes[graphs[g]]);
    for (int64_t r = stored.first; r < stored.first + stored.count; ++r, ++row) {
      EXPECT_EQ(of_graph[row], static_cast<int64_t>(g));
      for (int64_t j = 0; j < 2; ++j) {
        EXPECT_EQ(triples[2 * row + j], world.data.At<int64_t>(2, 2 * r + j));
      }
      for (int64_t j = 0; j < 3; ++j) {
        EXPECT_EQ(index[j * total + row], node_ptr[g] + world.data.At<int64_t>(3, 3 * r + j));
      }
    }
  }
  EXPECT_THAT(frame.info.real[m].rows, ElementsAre(row, row));
  for (; row < total; ++row) {
    EXPECT_EQ(triples[2 * row], -7);
    EXPECT_GE(of_graph[row], static_cast<int64_t>(graphs.size()));
    EXPECT_GE(row, ptr[of_graph[row]]);
    EXPECT_LT(row, ptr[of_graph[row] + 1]);
    for (int64_t j = 0; j < 3; ++j) {
      const int64_t node = index[j * total + row];
      ASSERT_GE(node, node_ptr[graphs.size()]) << "a padding row points to a real node";
      ASSERT_LT(node, node_ptr.back());
      EXPECT_EQ(node, node_ptr[node_batch[node]]) << "not the first of its graph";
    }
  }
  EXPECT_EQ(ptr.back(), total);
}

TEST(VaryingRowsBatchTest, EveryStrategyPutsThemTogetherAndPadsThem) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    ListWorld world = RandomWorld(seed, 3 + static_cast<int64_t>(seed) % 30);
    constexpr Strategy kStrategies[] = {Strategy::kPlain, Strategy::kPadToMax,
                                        Strategy::kStreamPack, Strategy::kPack};
    for (const Strategy strategy : kStrategies) {
      BatchSpec request = Request(strategy, 4, 12);
      // Less than the largest batches would have: packs keep to it.
      if (Packs(strategy)) request = Request(strategy, 6, 9);
      if (strategy == Strategy::kPlain) {
        request.options.reset();
        request.batch_size = 3;
      } else {
        request.micro_batches = 1 + static_cast<int64_t>(seed % 2);
      }
      request.shuffle = seed % 3 == 0;
      auto epoch = Epoch::Create(world.data, request, seed, 1);
      ASSERT_TRUE(epoch.ok()) << epoch.status();
      const int64_t k = epoch->spec().micro_batches;
      int64_t graphs = 0;
      for (int64_t f = 0; f < epoch->plan().num_frames(); ++f) {
        const auto frame = epoch->Collate(f);
        ASSERT_TRUE(frame.ok()) << frame.status();
        for (int64_t m = 0; m < k; ++m) {
          CheckBatch(world, *epoch, *frame, f * k + m, m);
          graphs += frame->info.real[m].graphs;
        }
        if (HasFatalFailure()) return;
      }
      EXPECT_EQ(graphs, world.data.info().num_graphs);
      const int64_t rows = std::accumulate(world.sizes.begin(), world.sizes.end(), int64_t{0});
      EXPECT_THAT(epoch->plan().summary().real.rows, ElementsAre(rows, rows));
      EXPECT_LE(epoch->plan().summary().lower_bound_batches, epoch->plan().summary().num_batches);
    }
  }
}

TEST(VaryingRowsBatchTest, NullBatchesHoldPaddingOnly) {
  ListWorld world = RandomWorld(1, 5);
  auto epoch = Epoch::Create(world.data, Request(Strategy::kPadToMax, 3, 8));
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  const auto frame = epoch->Collate(9, /*null_frame=*/true);
  ASSERT_TRUE(frame.ok()) << frame.status();
  EXPECT_THAT(frame->info.real[0].rows, ElementsAre(0, 0));
  EXPECT_EQ(frame->Shape("triples"), (std::vector<int64_t>{8, 2}));
  EXPECT_EQ(frame->Shape("triple_index"), (std::vector<int64_t>{3, 8}));
  EXPECT_EQ(frame->Get<int64_t>("triples"), std::vector<int64_t>(16, -7));
}

TEST(VaryingRowsBatchTest, WithoutADeclaredSizeBothWaysOutAreNamed) {
  ListWorld world = RandomWorld(1, 5);
  BatchSpec request = Request(Strategy::kPadToMax, 3, 8);
  request.options->num_rows.erase("triples");
  const auto error = [&] {
    return std::string(
        ResolveSpec(request, world.data.info(), world.data.offsets()).status().message());
  };
  EXPECT_THAT(error(), AllOf(HasSubstr("column \"triples\""), HasSubstr("num_rows={\"triples\": "),
                             HasSubstr("exclude_keys=[\"triples\"]")));
  request.follow_batch.clear();
  request.exclude_keys = {"triples"};
  EXPECT_EQ(error(), "");
  request.options->num_rows["nothing"] = 3;
  EXPECT_EQ(error(), "num_rows names \"nothing\", which is no graph-level column");
  request.options->num_rows = {{"y", 3}, {"triple_index", 8}};
  EXPECT_THAT(error(), HasSubstr("num_rows names \"y\", of which every graph has 1 rows"));
  request.options->num_rows = {{"triple_index", 0}};
  EXPECT_EQ(error(), "num_rows[triple_index] is 0; it is 1 to 2^40");
}

TEST(VaryingRowsBatchTest, DerivedSizesHoldAllBatches) {
  ListWorld world = RandomWorld(2, 30);
  BatchSpec request = Request(Strategy::kPadToMax, 4, 1);
  request.options.reset();
  request.batch_size = 4;
  auto epoch = Epoch::Create(world.data, request);
  ASSERT_TRUE(epoch.ok()) << epoch.status();
  const std::map<std::string, int64_t> expected = {{"triples", 12}, {"triple_index", 12}};
  EXPECT_EQ(epoch->spec().options.num_rows, expected);
  EXPECT_EQ(ErrorOf(world, request), "");
}

TEST(VaryingRowsBatchTest, WhatDoesNotFitNamesColumnSizeAndLimit) {
  ListWorld world = RandomWorld(3, 12);
  const BatchSpec padded = Request(Strategy::kPadToMax, 4, 4);
  EXPECT_THAT(ErrorOf(world, padded), AllOf(HasSubstr("batch 0 (graphs 0, 1, 2) has "),
                                            HasSubstr(" rows of column \"triple_index\"; a batch "
                                                      "holds 4 (num_rows)")));
  BatchSpec trimmed = padded;
  trimmed.over_size = OverSize::kTrimEdges;
  EXPECT_THAT(ErrorOf(world, trimmed), HasSubstr("(num_rows), and trimming takes nodes and edges "
                                                 "only"));
  for (const Strategy strategy : {Strategy::kStreamPack, Strategy::kPack}) {
    BatchSpec packed = Request(strategy, 4, 3);
    EXPECT_THAT(ErrorOf(world, packed),
                HasSubstr("has 4 rows of column \"triple_index\"; a batch holds 3 (num_rows)"));
    packed.over_size = OverSize::kSkip;
    EXPECT_EQ(ErrorOf(world, packed), "");
    auto epoch = Epoch::Create(world.data, packed);
    ASSERT_TRUE(epoch.ok());
    EXPECT_EQ(epoch->plan().summary().skipped_graphs,
              std::count(world.sizes.begin(), world.sizes.end(), 4));
    EXPECT_GT(epoch->plan().summary().skipped_graphs, 0);
  }
}

TEST(VaryingRowsBatchTest, PaddingRowsOfIdsNeedAPaddingNode) {
  MemoryDataset data(WithTriples());
  data.AddGraph({2}, {0});
  for (const char* name : {"triples", "triple_index"}) data.AddRows(name, 1);
  data.Append<float>("x", {1, 2});
  data.Append<int64_t>("triples", {1, 2});
  data.Append<int64_t>("triple_index", {0, 1, 1});
  data.Append<double>("y", {0});
  data.Finish();
  BatchSpec request = Padded(2, 1, 2);
  request.options->num_edges.clear();
  request.options->num_nodes = {{"", 2}};
  request.options->num_edges = {{"", 1}};
  request.options->num_rows = {{"triples", 2}, {"triple_index", 1}};
  const auto error = [&] {
    return std::string(Epoch::Create(data, request)->Collate(0).status().message());
  };
  EXPECT_THAT(error(), HasSubstr("1 padding edges need a padding node"));
  // One node more: there is something to point to.
  request.options->num_nodes = {{"", 3}};
  request.options->num_rows["triple_index"] = 3;
  const TestFrame frame = CollateOne(data, request);
  EXPECT_THAT(frame.Get<int64_t>("triple_index"), ElementsAre(0, 2, 2, 1, 2, 2, 1, 2, 2));
  EXPECT_THAT(frame.Get<int64_t>("triples"), ElementsAre(1, 2, 0, 0));
}

TEST(VaryingRowsBatchTest, NarrowIndicesAreCheckedAgainstTheRows) {
  ListWorld world = RandomWorld(4, 10);
  BatchSpec request = Request(Strategy::kPadToMax, 3, int64_t{1} << 33);
  request.index_dtype = DType::kInt32;
  EXPECT_EQ(
      std::string(ResolveSpec(request, world.data.info(), world.data.offsets()).status().message()),
      "index_dtype is int32, but a batch may have 8589934592 rows of triples; the limit is "
      "2147483647");
}

TEST(VaryingRowsBatchTest, SpecAndLayoutDigestsSayThem) {
  ListWorld world = RandomWorld(5, 10);
  const Schema& schema = world.data.schema();
  const auto digests = [&](const BatchSpec& request) {
    const auto spec = ResolveSpec(request, world.data.info(), world.data.offsets());
    EXPECT_TRUE(spec.ok()) << spec.status();
    return std::make_pair(SpecDigest(*spec, schema),
                          LayoutDigest(*MakeLayout(schema, *spec, kTestLimit)));
  };
  BatchSpec request = Request(Strategy::kPadToMax, 3, 8);
  const auto eight = digests(request);
  EXPECT_EQ(digests(request), eight);
  // The resolved spec, sent back, is the same.
  const auto spec = ResolveSpec(request, world.data.info(), world.data.offsets());
  EXPECT_EQ(digests(SpecFromResolved(*spec, schema)), eight);
  request.options->num_rows["triples"] = 9;
  EXPECT_NE(digests(request).first, eight.first);
  EXPECT_NE(digests(request).second, eight.second);
  // What is excluded says nothing.
  request.follow_batch.clear();
  request.exclude_keys = {"triples", "triple_index"};
  const auto without = digests(request);
  request.options->num_rows.clear();
  EXPECT_EQ(digests(request), without);
}

// Recorded: see docs/determinism.md before changing a value.
TEST(VaryingRowsBatchTest, BytesAndDigestsAreStable) {
  ListWorld world = RandomWorld(6, 12);
  constexpr std::pair<Strategy, uint64_t> kFrames[] = {{Strategy::kPadToMax, 395219488478587612},
                                                       {Strategy::kStreamPack, 395219488478587612},
                                                       {Strategy::kPack, 17999230736047455729u}};
  for (const auto& [strategy, digest] : kFrames) {
    BatchSpec request = Request(strategy, 4, 12);
    request.shuffle = true;
    auto epoch = Epoch::Create(world.data, request, 5, 1);
    ASSERT_TRUE(epoch.ok()) << epoch.status();
    const TestFrame frame = *epoch->Collate(1);
    EXPECT_EQ(FrameDigest(frame.bytes.data(), static_cast<int64_t>(frame.bytes.size())), digest);
    if (strategy != Strategy::kPadToMax) continue;
    EXPECT_EQ(LayoutDigest(epoch->collater().layout()), 17938381793782277183u);
    EXPECT_EQ(DigestHex(SpecDigest(epoch->spec(), world.data.schema())),
              "bb9a1209397e0e02cf0f745209a21bdd");
  }
}

}  // namespace
}  // namespace graphfeed
