// Whole sampled batches, byte by byte: what is written where.
#include "server/sampling/sampled_filler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "storage/graph/float16.h"
#include "tests/server/sampling/sampled_epoch.h"

namespace graphfeed {
namespace {

using testing::Each;
using testing::ElementsAre;

TEST(SampledFillerTest, PlainBatchesCarryTheirOwnSizesAndNoPadding) {
  TestGraph graph = WithColumns(RandomHeteroGraph(1));
  const auto epoch = MustCreate(graph, Neighbors("a", {3, 2}, 7));
  ASSERT_EQ(epoch->plan().num_batches(), 6);  // 40 seeds
  for (int64_t ordinal = 0; ordinal < 6; ++ordinal) {
    const TestFrame frame = MustCollate(*epoch, ordinal);
    const int64_t seeds = ordinal < 5 ? 7 : 5;
    EXPECT_EQ(frame.info.real[0].seeds, seeds);
    EXPECT_EQ(frame.info.real[0].graphs, 1);
    EXPECT_EQ(frame.Shape("input_id", "a"), std::vector<int64_t>({seeds}));
    EXPECT_FALSE(frame.Has("batch", "a"));
    EXPECT_FALSE(frame.Has("nodes_mask", "a"));
    const auto n_id = frame.Get<int64_t>("n_id", "a");
    for (int64_t i = 0; i < seeds; ++i) {
      EXPECT_EQ(n_id[i], 7 * ordinal + i);
      EXPECT_EQ(frame.Get<int64_t>("input_id", "a")[i], 7 * ordinal + i);
    }
    ExpectTrueToGraph(graph, frame);
  }
}

TEST(SampledFillerTest, FixedBatchesBeginLikePlainOnes) {
  TestGraph graph = WithColumns(RandomHeteroGraph(2));
  for (const SubgraphType type : {SubgraphType::kDirectional, SubgraphType::kInduced}) {
    BatchSpec request = Neighbors("a", {3, 2}, 7);
    request.shuffle = true;
    request.sampling->subgraph_type = type;
    const auto plain = MustCreate(graph, request);
    const auto fixed = MustCreate(graph, Fixed(request, 60, 400));
    for (int64_t ordinal = 0; ordinal < fixed->plan().num_frames(); ++ordinal) {
      const TestFrame a = MustCollate(*plain, ordinal);
      const TestFrame b = MustCollate(*fixed, ordinal);
      ExpectTrueToGraph(graph, b);
      EXPECT_EQ(a.info.real[0], b.info.real[0]);
      EXPECT_THAT(b.Bools("graphs_mask"), ElementsAre(1, 0));
      for (const std::string store : {"a", "b", "c"}) {
        const auto ids = a.Get<int64_t>("n_id", store);
        auto padded = b.Get<int64_t>("n_id", store);
        EXPECT_EQ(padded.size(), 60u);
        const auto mask = b.Bools("nodes_mask", store);
        EXPECT_EQ(std::count(mask.begin(), mask.end(), 1), static_cast<int64_t>(ids.size()));
        padded.resize(ids.size());
        EXPECT_EQ(padded, ids);
        EXPECT_THAT(b.Get<int64_t>("ptr", store),
                    ElementsAre(0, static_cast<int64_t>(ids.size()), 60));
      }
      EXPECT_EQ(a.Get<int64_t>("e_id", "a|to|a").size(),
                static_cast<size_t>(b.info.real[0].edges[0]));
    }
  }
}

TEST(SampledFillerTest, ShortAndNullBatchesSayWhichSeedsAreReal) {
  TestGraph graph = WithColumns(RandomHeteroGraph(3));
  BatchSpec request = Fixed(Neighbors("b", {2}, 10), 60, 100);
  request.micro_batches = 2;  // 25 seeds: 10, 10 | 5, null
  const auto epoch = MustCreate(graph, request);
  ASSERT_EQ(epoch->plan().num_frames(), 2);
  const TestFrame frame = MustCollate(*epoch, 1);
  ASSERT_EQ(frame.info.real.size(), 2u);
  EXPECT_EQ(frame.info.real[0].seeds, 5);
  EXPECT_EQ(frame.info.real[1].seeds, 0);
  EXPECT_EQ(frame.info.real[1].graphs, 0);
  EXPECT_THAT(
      frame.Get<int64_t>("input_id", "b"),
      ElementsAre(20, 21, 22, 23, 24, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
  EXPECT_THAT(frame.Bools("graphs_mask"), ElementsAre(1, 0, 0, 0));
  const TestFrame null = MustCollate(*epoch, 9, /*null_frame=*/true);
  EXPECT_TRUE(null.info.null_frame);
  EXPECT_THAT(null.Get<int64_t>("input_id", "b"), Each(-1));
  EXPECT_THAT(null.Bools("nodes_mask", "a"), Each(0));
  // Every byte is written, whatever was in the slab.
  EXPECT_EQ(null.bytes, MustCollate(*epoch, 9, true, 0x11).bytes);
  EXPECT_EQ(frame.bytes, MustCollate(*epoch, 1, false, 0x11).bytes);
}

TEST(SampledFillerTest, IndexTensorsCanBe32BitsWide) {
  TestGraph graph = WithColumns(RandomHeteroGraph(8));
  BatchSpec request = Fixed(Neighbors("a", {4, 3}, 4), 60, 400);
  const TestFrame wide = MustCollate(*MustCreate(graph, request), 3);
  request.index_dtype = DType::kInt32;
  const TestFrame narrow = MustCollate(*MustCreate(graph, request), 3);
  for (const auto& [name, store] :
       {std::pair("n_id", "a"), std::pair("input_id", "a"), std::pair("e_id", "a|to|a"),
        std::pair("edge_index", "b|to|a")}) {
    const auto values = narrow.Get<int32_t>(name, store);
    EXPECT_EQ(std::vector<int64_t>(values.begin(), values.end()), wide.Get<int64_t>(name, store));
  }
}

TEST(SampledFillerTest, DisjointBatchesNameTheTreeOfEachNode) {
  TestGraph graph = WithColumns(RandomHeteroGraph(9));
  BatchSpec request = Neighbors("a", {2, 2}, 4);
  request.sampling->disjoint = true;
  const TestFrame plain = MustCollate(*MustCreate(graph, request), 0);
  const TestFrame fixed = MustCollate(*MustCreate(graph, Fixed(request, 80, 100)), 0);
  const auto trees = plain.Get<int64_t>("batch", "a");
  EXPECT_EQ(std::vector<int64_t>(trees.begin(), trees.begin() + 4),
            std::vector<int64_t>({0, 1, 2, 3}));
  auto padded = fixed.Get<int64_t>("tree", "a");
  EXPECT_EQ(padded.back(), -1);
  padded.resize(trees.size());
  EXPECT_EQ(padded, trees);
}

// What the graph as a whole carries is in each of its batches.
TEST(SampledFillerTest, RowsFromAfarAreAskedForManyAtATime) {
  constexpr int64_t kWidth = 16 << 10;  // of 4 bytes: 4 rows at a time
  std::vector<std::vector<float>> values;
  std::vector<int64_t> gathers;
  for (const bool far : {false, true}) {
    TestGraph graph = RandomHeteroGraph(1);
    ColumnSchema wide = ColumnOf(Level::kNode, 0, "x", DType::kFloat32);
    wide.row_shape = {kWidth};
    graph.AddColumn(wide);
    for (int64_t i = 0; i < graph.num_nodes[0]; ++i) {
      graph.features->Append<float>("x", std::vector<float>(kWidth, static_cast<float>(i)), "a");
    }
    graph.Finish();
    if (far) graph.features->MoveFar();
    const auto epoch = MustCreate(graph, Neighbors("a", {3, 2}, 30));
    const int64_t before = graph.features->num_gathers();
    const TestFrame frame = MustCollate(*epoch, 0);
    gathers.push_back(graph.features->num_gathers() - before);
    values.push_back(frame.Get<float>("x", "a"));
    ASSERT_GE(values.back().size(), 30u * kWidth);
  }
  EXPECT_EQ(values[0], values[1]);
  EXPECT_GE(gathers[0], 8);
  EXPECT_EQ(gathers[1], 2) << "one to see that they are far, and one for the rest";
}

TEST(SampledFillerTest, ColumnsOfTheGraphAreInEveryBatchThatIsNotNull) {
  TestGraph graph = HomogeneousGraph(3, {{0, 1}, {1, 2}});
  ColumnSchema face = GraphColumn("face", DType::kInt64, {3});
  face.concat_last = true;
  ColumnSchema root = GraphColumn("root", DType::kInt64, {1});
  ColumnSchema k = GraphColumn("k", DType::kInt64);
  k.non_tensor = true;
  graph.AddColumn(face);
  graph.AddColumn(root);
  graph.AddColumn(k);
  graph.AddColumn(GraphColumn("y", DType::kFloat32, {2}, /*rows_per_graph=*/2));
  graph.features->Append<int64_t>("face", {2, 1, 0});
  graph.features->Append<int64_t>("root", {2});
  graph.features->Append<int64_t>("k", {7});
  graph.features->Append<float>("y", {1, 2, 3, 4});
  graph.Finish();
  BatchSpec request = Neighbors("", {1}, 2);
  const TestFrame plain = MustCollate(*MustCreate(graph, request), 0);
  EXPECT_THAT(plain.Get<int64_t>("face"), ElementsAre(2, 1, 0));
  EXPECT_THAT(plain.Get<int64_t>("root"), ElementsAre(2));
  EXPECT_THAT(plain.Get<int64_t>("k"), ElementsAre(7));
  EXPECT_THAT(plain.Get<float>("y"), ElementsAre(1, 2, 3, 4));

  request = Fixed(request, 8, 8);
  request.micro_batches = 3;  // 3 seeds: 2, 1, null
  request.index_dtype = DType::kInt32;
  request.float16_columns = {"y"};
  request.options->graph_pad_value = -2;
  const auto epoch = MustCreate(graph, request);
  const TestFrame fixed = MustCollate(*epoch, 0);
  EXPECT_THAT(fixed.Get<int64_t>("face"),
              ElementsAre(2, -2, 1, -2, 0, -2, 2, -2, 1, -2, 0, -2, -2, -2, -2, -2, -2, -2));
  EXPECT_THAT(fixed.Get<int64_t>("root"), ElementsAre(2, -2, 2, -2, -2, -2));
  EXPECT_THAT(fixed.Get<int64_t>("k"), ElementsAre(7, 7, 7, 7, 0, 0));
  std::vector<uint16_t> y;
  for (const float value : {1, 2, 3, 4, -2, -2, -2, -2}) y.push_back(Float16FromFloat(value));
  y.insert(y.end(), y.begin(), y.end());
  y.resize(24, Float16FromFloat(-2));
  EXPECT_EQ(fixed.Get<uint16_t>("y"), y);
  EXPECT_EQ(fixed.bytes, MustCollate(*epoch, 0, false, 0x11).bytes);
}

}  // namespace
}  // namespace graphfeed
