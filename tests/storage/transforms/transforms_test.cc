#include "storage/transforms/transforms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "storage/graph/float16.h"
#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename T>
std::vector<T> Rows(const GraphBlock& block, const std::string& name) {
  return Values<T>(FindColumn(block, name)->rows);
}

// Graph 0: nodes 0, 1, 2 and edges (0, 1), (1, 1); graph 1: nodes 0, 1 and edge (1, 0).
GraphBlock TwoGraphs() {
  return Graphs({3, 2}, {2, 1},
                {EdgeIndex({2, 1}, {0, 1, 1, 1, 1, 0}),
                 Column<float>("x", DType::kFloat32, {1}, {3, 2}, {10, 11, 12, 20, 21}),
                 Column<int32_t>("w", DType::kInt32, {}, {2, 1}, {5, 6, 7}),
                 Column<int64_t>("y", DType::kInt64, {}, {}, {0, 1})});
}

TEST(AddSelfLoopsTest, LoopsFollowTheEdgesWhereThereAreNone) {
  GraphBlock block = TwoGraphs();
  ASSERT_TRUE(ApplyTransforms({AddSelfLoops{.fill_value = 9.9}}, block).ok());
  EXPECT_THAT(block.num_edges[0], ElementsAre(4, 3));
  EXPECT_THAT(Rows<int64_t>(block, "edge_index"),
              ElementsAre(0, 1, 1, 1, 0, 0, 2, 2, /**/ 1, 0, 0, 0, 1, 1));
  EXPECT_THAT(Rows<int32_t>(block, "w"), ElementsAre(5, 6, 9, 9, 7, 9, 9));
  EXPECT_THAT(FindColumn(block, "w")->sizes, ElementsAre(4, 3));
  EXPECT_THAT(Rows<float>(block, "x"), ElementsAre(10, 11, 12, 20, 21));
  EXPECT_THAT(Rows<int64_t>(block, "y"), ElementsAre(0, 1));
}

TEST(AddSelfLoopsTest, AValueThatTheColumnCannotHoldIsRefused) {
  GraphBlock block = TwoGraphs();
  const absl::Status status = ApplyTransforms({AddSelfLoops{.fill_value = 1e10}}, block);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("column w is int32, which cannot hold fill_value 1e+10"));
}

TEST(AddSelfLoopsTest, NodeIdsThatTheIndexCannotHoldAreRefused) {
  GraphBlock block = Graphs({200}, {0}, {Column<int8_t>("edge_index", DType::kInt8, {2}, {0}, {})});
  EXPECT_THAT(ApplyTransforms({AddSelfLoops()}, block).message(),
              HasSubstr("edge_index is int8, which cannot hold edge (128, 128)"));
}

TEST(ToUndirectedTest, EdgesAndReversesAreSortedAndMerged) {
  GraphBlock block =
      Graphs({3}, {3},
             {EdgeIndex({3}, {2, 0, 0, 1, 1, 0}),
              Column<float>("edge_attr", DType::kFloat32, {2}, {3}, {1, 10, 2, 20, 4, 40})});
  ASSERT_TRUE(ApplyTransforms({ToUndirected()}, block).ok());
  EXPECT_THAT(block.num_edges[0], ElementsAre(4));
  EXPECT_THAT(Rows<int64_t>(block, "edge_index"), ElementsAre(0, 1, 0, 2, 1, 0, 2, 0));
  EXPECT_THAT(Rows<float>(block, "edge_attr"), ElementsAre(6, 60, 1, 10, 6, 60, 1, 10));
}

TEST(ToUndirectedTest, ALoopMeetsItsOwnReverse) {
  GraphBlock block = Graphs(
      {1}, {1},
      {EdgeIndex({1}, {0, 0}), Column<double>("edge_weight", DType::kFloat64, {}, {1}, {2.5})});
  ASSERT_TRUE(ApplyTransforms({ToUndirected()}, block).ok());
  EXPECT_THAT(Rows<int64_t>(block, "edge_index"), ElementsAre(0, 0));
  EXPECT_THAT(Rows<double>(block, "edge_weight"), ElementsAre(5));
}

TEST(ToUndirectedTest, EveryDtypeIsSummed) {
  GraphBlock block = Graphs(
      {2}, {2},
      {EdgeIndex({2}, {0, 1, 1, 0}), Column<uint8_t>("edge_b", DType::kBool, {}, {2}, {0, 1}),
       Column<uint8_t>("edge_u1", DType::kUint8, {}, {2}, {100, 155}),
       Column<int8_t>("edge_i1", DType::kInt8, {}, {2}, {-100, 50}),
       Column<int16_t>("edge_i2", DType::kInt16, {}, {2}, {300, 1}),
       Column<int64_t>("edge_i8", DType::kInt64, {}, {2}, {int64_t{1} << 40, 1}),
       Column<uint16_t>("edge_f2", DType::kFloat16, {}, {2},
                        {Float16FromFloat(0.5F), Float16FromFloat(1.25F)})});
  ASSERT_TRUE(ApplyTransforms({ToUndirected()}, block).ok());
  EXPECT_THAT(Rows<uint8_t>(block, "edge_b"), ElementsAre(1, 1));
  EXPECT_THAT(Rows<uint8_t>(block, "edge_u1"), ElementsAre(255, 255));
  EXPECT_THAT(Rows<int8_t>(block, "edge_i1"), ElementsAre(-50, -50));
  EXPECT_THAT(Rows<int16_t>(block, "edge_i2"), ElementsAre(301, 301));
  EXPECT_EQ(Rows<int64_t>(block, "edge_i8")[0], (int64_t{1} << 40) + 1);
  EXPECT_EQ(FloatFromFloat16(Rows<uint16_t>(block, "edge_f2")[0]), 1.75F);
}

TEST(ToUndirectedTest, SumsThatDoNotFitAreRefused) {
  GraphBlock block = Graphs({2}, {2},
                            {EdgeIndex({2}, {0, 1, 1, 0}),
                             Column<uint8_t>("edge_u", DType::kUint8, {}, {2}, {100, 156})});
  EXPECT_THAT(ApplyTransforms({ToUndirected()}, block).message(),
              HasSubstr("edge_u is uint8, which cannot hold the sum at edge (0, 1) of graph 0"));
}

TEST(RemoveIsolatedNodesTest, NodesInNoEdgeGoAndIdsAreRenumbered) {
  GraphBlock block = Graphs({4, 2, 1}, {2, 0, 1},
                            {EdgeIndex({2, 0, 1}, {3, 1, 1, 3, 0, 0}),
                             Column<float>("x", DType::kFloat32, {2}, {4, 2, 1},
                                           {0, 0, 1, 1, 2, 2, 3, 3, 10, 10, 11, 11, 20, 20}),
                             Column<int64_t>("y", DType::kInt64, {}, {}, {1, 2, 3})});
  ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, block).ok());
  EXPECT_THAT(block.num_nodes[0], ElementsAre(2, 0, 1));
  EXPECT_THAT(Rows<int64_t>(block, "edge_index"), ElementsAre(1, 0, 0, 1, 0, 0));
  EXPECT_THAT(Rows<float>(block, "x"), ElementsAre(1, 1, 3, 3, 20, 20));
  EXPECT_THAT(FindColumn(block, "x")->sizes, ElementsAre(2, 0, 1));
  EXPECT_THAT(Rows<int64_t>(block, "y"), ElementsAre(1, 2, 3));
}

TEST(RemoveIsolatedNodesTest, OtherIndexColumnsFollow) {
  GraphBlock block = Graphs(
      {3}, {2},
      {EdgeIndex({2}, {0, 2, 2, 0}), Column<int64_t>("root_index", DType::kInt64, {}, {1}, {2})});
  ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, block).ok());
  EXPECT_THAT(Rows<int64_t>(block, "root_index"), ElementsAre(1));
  GraphBlock dangling = Graphs(
      {3}, {2},
      {EdgeIndex({2}, {0, 2, 2, 0}), Column<int64_t>("root_index", DType::kInt64, {}, {1}, {1})});
  EXPECT_THAT(ApplyTransforms({RemoveIsolatedNodes()}, dangling).message(),
              HasSubstr("column root_index of graph 0 names node 1, which is isolated"));
}

TEST(NormalizeFeaturesTest, RowsSumToOneAfterTheGraphsMinimumIsTakenOff) {
  GraphBlock block = Graphs({2, 1}, {0, 0},
                            {EdgeIndex({0, 0}, {}), Column<float>("x", DType::kFloat32, {2}, {2, 1},
                                                                  {-1, 2, 0, 0, /**/ 5, 5.5F})});
  ASSERT_TRUE(ApplyTransforms({NormalizeFeatures()}, block).ok());
  // Graph 0: min -1: [0, 3] / 3, [1, 1] / 2. Graph 1: min 5: [0, 0.5], whose sum is below 1.
  EXPECT_THAT(Rows<float>(block, "x"), ElementsAre(0, 1, 0.5F, 0.5F, 0, 0.5F));
}

TEST(NormalizeFeaturesTest, ATensorOfOneAxisIsOneRow) {
  GraphBlock block = Graphs({3}, {0}, {Column<double>("x", DType::kFloat64, {}, {3}, {1, 2, 4})});
  ASSERT_TRUE(ApplyTransforms({NormalizeFeatures()}, block).ok());
  EXPECT_THAT(Rows<double>(block, "x"), ElementsAre(0, 0.25, 0.75));
}

TEST(NormalizeFeaturesTest, NamedColumnsOfAnyLevelAndFloatDtype) {
  GraphBlock block = Graphs({1}, {1},
                            {EdgeIndex({1}, {0, 0}),
                             Column<uint16_t>("edge_attr", DType::kFloat16, {2}, {1},
                                              {Float16FromFloat(1), Float16FromFloat(3)}),
                             Column<float>("u", DType::kFloat32, {2, 2}, {1}, {0, 2, 4, 4})});
  ASSERT_TRUE(ApplyTransforms({NormalizeFeatures{{"edge_attr", "u"}}}, block).ok());
  EXPECT_EQ(FloatFromFloat16(Rows<uint16_t>(block, "edge_attr")[1]), 1.0F);
  EXPECT_THAT(Rows<float>(block, "u"), ElementsAre(0, 1, 0.5F, 0.5F));
}

TEST(NormalizeFeaturesTest, WhatCannotBeNormalizedIsNamed) {
  GraphBlock block = TwoGraphs();
  EXPECT_THAT(ApplyTransforms({NormalizeFeatures{{"w"}}}, block).message(),
              HasSubstr("column w is int32; only float columns"));
  EXPECT_THAT(ApplyTransforms({NormalizeFeatures{{"pos"}}}, block).message(),
              HasSubstr("there is no column pos"));
  block = Graphs({2}, {0}, {Column<float>("x", DType::kFloat32, {1}, {2}, {1, NAN})});
  EXPECT_THAT(ApplyTransforms({NormalizeFeatures()}, block).message(),
              HasSubstr("column x of graph 0 has the value nan"));
}

TEST(TransformsTest, RunInOrderWithTheLevelsOfTheBeginning) {
  // After the first transform w has as many rows as there are nodes; it stays an edge column.
  GraphBlock block =
      Graphs({3}, {1},
             {EdgeIndex({1}, {0, 1}), Column<float>("x", DType::kFloat32, {1}, {3}, {1, 2, 3}),
              Column<int32_t>("w", DType::kInt32, {}, {1}, {7})});
  ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes(), ToUndirected(), AddSelfLoops()}, block).ok());
  EXPECT_THAT(block.num_nodes[0], ElementsAre(2));
  EXPECT_THAT(block.num_edges[0], ElementsAre(4));
  EXPECT_THAT(Rows<int64_t>(block, "edge_index"), ElementsAre(0, 1, 1, 0, 0, 0, 1, 1));
  EXPECT_THAT(Rows<int32_t>(block, "w"), ElementsAre(7, 7, 1, 1));
  EXPECT_THAT(Rows<float>(block, "x"), ElementsAre(1, 2));
}

TEST(TransformsTest, TheNameDecidesBetweenAsManyNodesAsEdgesAndADeclarationBeforeIt) {
  const auto make = [](std::optional<Level> level) {
    GraphBlock block = Graphs(
        {2}, {2},
        {EdgeIndex({2}, {0, 0, 0, 0}), Column<float>("edge_w", DType::kFloat32, {}, {2}, {1, 2}),
         Column<float>("w", DType::kFloat32, {}, {2}, {1, 2})});
    block.columns[2].level = level;
    return block;
  };
  GraphBlock inferred = make(std::nullopt);
  ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, inferred).ok());
  EXPECT_THAT(Rows<float>(inferred, "w"), ElementsAre(1));
  EXPECT_THAT(Rows<float>(inferred, "edge_w"), ElementsAre(1, 2));
  GraphBlock declared = make(Level::kEdge);
  ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, declared).ok());
  EXPECT_THAT(Rows<float>(declared, "w"), ElementsAre(1, 2));
}

TEST(TransformsTest, BrokenBlocksAreRefused) {
  const std::vector<Transform> loops = {AddSelfLoops()};
  GraphBlock block = TwoGraphs();
  block.columns[1].rows.pop_back();
  EXPECT_THAT(ApplyTransforms(loops, block).message(), HasSubstr("column x"));
  block = TwoGraphs();
  block.columns[0].rows[0] = 77;
  EXPECT_THAT(ApplyTransforms(loops, block).message(),
              HasSubstr("graph 0: edge 0 of edge_index names node 77; the graph has 3 nodes"));
  block = TwoGraphs();
  block.columns[1].level = Level::kEdge;
  EXPECT_THAT(ApplyTransforms(loops, block).message(),
              HasSubstr("column x: edge level, but graph 0 has 2 edges and the column 3 rows"));
  block = TwoGraphs();
  block.columns[2].row_shape = {int64_t{1} << 62, 4};
  EXPECT_THAT(ApplyTransforms(loops, block).message(), HasSubstr("impossible dimension"));
  block = TwoGraphs();
  block.num_nodes.push_back({1, 1});
  EXPECT_THAT(ApplyTransforms(loops, block).message(), HasSubstr("2 node types"));
  block = TwoGraphs();
  block.columns.erase(block.columns.begin());
  EXPECT_THAT(ApplyTransforms(loops, block).message(), HasSubstr("no column edge_index"));
  block = TwoGraphs();
  block.num_edges[0][0] = 3;
  EXPECT_THAT(ApplyTransforms(loops, block).message(),
              HasSubstr("column edge_index: edge level, but graph 0 has 3 edges"));
}

TEST(TransformsTest, NoTransformsLeaveEvenAHeterogeneousBlockAlone) {
  GraphBlock block;
  block.num_nodes.resize(2);
  EXPECT_TRUE(ApplyTransforms({}, block).ok());
}

GraphBlock RandomBlock(std::mt19937& random) {
  std::vector<int64_t> nodes, edges, pairs;
  std::vector<float> weights, x;
  for (int g = 0; g < 20; ++g) {
    const auto n = static_cast<int64_t>(random() % 8);
    const auto e = n == 0 ? 0 : static_cast<int64_t>(random() % 15);
    nodes.push_back(n);
    edges.push_back(e);
    for (int64_t i = 0; i < 2 * e; ++i) pairs.push_back(static_cast<int64_t>(random() % n));
    for (int64_t i = 0; i < e; ++i) weights.push_back(static_cast<float>(random() % 100));
    for (int64_t i = 0; i < n; ++i) x.push_back(static_cast<float>(random() % 100));
  }
  return Graphs(
      nodes, edges,
      {EdgeIndex(edges, pairs), Column("edge_weight", DType::kFloat32, {}, edges, weights),
       Column("x", DType::kFloat32, {}, nodes, x)});
}

TEST(TransformsTest, PropertiesHoldOnRandomGraphs) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const GraphBlock original = RandomBlock(random);

    GraphBlock undirected = original;
    ASSERT_TRUE(ApplyTransforms({ToUndirected()}, undirected).ok());
    const std::vector<int64_t> pairs = Rows<int64_t>(undirected, "edge_index");
    const std::vector<float> weights = Rows<float>(undirected, "edge_weight");
    size_t first = 0;
    for (const int64_t count : undirected.num_edges[0]) {
      std::map<std::pair<int64_t, int64_t>, float> seen;
      std::pair<int64_t, int64_t> last = {-1, -1};
      for (int64_t e = 0; e < count; ++e, ++first) {
        const std::pair<int64_t, int64_t> edge = {pairs[2 * first], pairs[2 * first + 1]};
        EXPECT_LT(last, edge);  // sorted and without repeats
        last = edge;
        seen[edge] = weights[first];
      }
      for (const auto& [edge, weight] : seen) {
        ASSERT_EQ(seen.count({edge.second, edge.first}), 1u);
        EXPECT_EQ((seen[{edge.second, edge.first}]), weight);
      }
    }
    // Every weight is there once in each direction.
    double before = 0, after = 0;
    for (const float w : Rows<float>(original, "edge_weight")) before += w;
    for (const float w : weights) after += w;
    EXPECT_EQ(after, 2 * before);

    GraphBlock looped = original;
    ASSERT_TRUE(ApplyTransforms({AddSelfLoops()}, looped).ok());
    GraphBlock again = looped;
    ASSERT_TRUE(ApplyTransforms({AddSelfLoops()}, again).ok());
    EXPECT_EQ(again.num_edges, looped.num_edges);  // idempotent
    GraphBlock kept = looped;
    ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, kept).ok());
    EXPECT_EQ(kept.num_nodes, original.num_nodes);  // with a loop nobody is isolated
    EXPECT_EQ(FindColumn(kept, "x")->rows, FindColumn(original, "x")->rows);

    GraphBlock pruned = original;
    ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, pruned).ok());
    GraphBlock twice = pruned;
    ASSERT_TRUE(ApplyTransforms({RemoveIsolatedNodes()}, twice).ok());
    EXPECT_EQ(twice.num_nodes, pruned.num_nodes);
    EXPECT_EQ(pruned.num_edges, original.num_edges);
  }
}

TEST(ParseTransformTest, ReadsBackEveryNameAndShortForms) {
  const std::vector<Transform> transforms = {NormalizeFeatures(), NormalizeFeatures{{"x", "pos"}},
                                             AddSelfLoops(),      AddSelfLoops{.fill_value = 0.1},
                                             ToUndirected(),      RemoveIsolatedNodes()};
  for (const Transform& transform : transforms) {
    const auto parsed = ParseTransform(TransformName(transform));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(TransformName(*parsed), TransformName(transform));
  }
  EXPECT_EQ(TransformName(*ParseTransform(" add_self_loops ")), TransformName(AddSelfLoops()));
  EXPECT_EQ(TransformName(*ParseTransform("normalize_features( columns = x , pos )")),
            TransformName(NormalizeFeatures{{"x", "pos"}}));
}

TEST(ParseTransformTest, MistakesAreNamed) {
  for (const auto& [text, error] : std::vector<std::pair<std::string, std::string>>{
           {"", "unknown transform ''"},
           {"add_loops", "unknown transform 'add_loops'; there are normalize_features"},
           {"add_self_loops(1)", "name=value"},
           {"add_self_loops(fill_value=x)", "no number: 'x'"},
           {"add_self_loops(value=1)", "no option value"},
           {"to_undirected(reduce=mean)", "no option reduce"},
           {"add_self_loops(fill_value=1", "lacks its ')'"},
           {"normalize_features(columns=)", "names no column"}}) {
    const auto parsed = ParseTransform(text);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(parsed.status().message(), HasSubstr(error));
  }
}

}  // namespace
}  // namespace graphfeed
