#include "storage/ingest/column_levels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A column of a collection, by graph: rows, nodes, edges.
struct Graph {
  int64_t rows;
  int64_t nodes;
  int64_t edges;
};

absl::StatusOr<Level> Decide(LevelQuestion question, const std::vector<Graph>& graphs) {
  LevelEvidence evidence;
  for (size_t g = 0; g < graphs.size(); ++g) {
    evidence.Add({.graph = static_cast<int64_t>(g),
                  .rows = graphs[g].rows,
                  .nodes = graphs[g].nodes,
                  .edges = graphs[g].edges});
  }
  return DecideLevel(question, evidence);
}

absl::StatusOr<Level> Decide(absl::string_view name, const std::vector<Graph>& graphs) {
  return Decide(LevelQuestion{.name = name, .declared = std::nullopt}, graphs);
}

std::string Error(const absl::StatusOr<Level>& level) {
  EXPECT_TRUE(absl::IsInvalidArgument(level.status()));
  return std::string(level.status().message());
}

TEST(ColumnLevelsTest, SizesOfAllGraphsTell) {
  EXPECT_EQ(*Decide("w", {{3, 3, 4}, {5, 5, 8}}), Level::kNode);
  EXPECT_EQ(*Decide("w", {{4, 3, 4}, {8, 5, 8}}), Level::kEdge);
  EXPECT_EQ(*Decide("w", {{2, 3, 4}, {2, 5, 8}}), Level::kGraph);
  EXPECT_EQ(*Decide("w", {{1, 3, 4}, {1, 5, 8}}), Level::kGraph);
}

TEST(ColumnLevelsTest, OneGraphAmongManyDecides) {
  // All but the last could be node level as well.
  EXPECT_EQ(*Decide("w", {{3, 3, 3}, {5, 5, 5}, {8, 5, 8}}), Level::kEdge);
  EXPECT_EQ(*Decide("w", {{3, 3, 3}, {5, 5, 5}, {5, 5, 8}}), Level::kNode);
  EXPECT_EQ(*Decide("y", {{1, 1, 0}, {1, 1, 0}, {1, 2, 0}}), Level::kGraph);
}

TEST(ColumnLevelsTest, AsManyNodesAsEdgesLeavesItToTheName) {
  const std::vector<Graph> rings = {{3, 3, 3}, {5, 5, 5}};
  EXPECT_EQ(*Decide("w", rings), Level::kNode);
  EXPECT_EQ(*Decide("edge_attr", rings), Level::kEdge);
  EXPECT_EQ(*Decide("my_edges", rings), Level::kEdge);
  const std::vector<Graph> equal_rings = {{3, 3, 3}, {3, 3, 3}};
  EXPECT_EQ(*Decide("w", equal_rings), Level::kNode);
  EXPECT_EQ(*Decide("edge_attr", equal_rings), Level::kEdge);
}

TEST(ColumnLevelsTest, EquallyLargeGraphsStillHaveNodes) {
  EXPECT_EQ(*Decide("w", {{4, 4, 6}, {4, 4, 6}}), Level::kNode);
  EXPECT_EQ(*Decide("w", {{6, 4, 6}, {6, 4, 6}}), Level::kEdge);
}

TEST(ColumnLevelsTest, GraphsOfOneNodeLeaveItToTheName) {
  const std::vector<Graph> points = {{1, 1, 0}, {1, 1, 2}};
  for (const char* name : {"x", "pos", "z", "batch", "node_weight", "is_node"}) {
    EXPECT_EQ(*Decide(name, points), Level::kNode) << name;
  }
  EXPECT_EQ(*Decide("y", points), Level::kGraph);
  EXPECT_THAT(Error(Decide("w", points)),
              AllOf(HasSubstr("\"w\" is ambiguous"), HasSubstr("kinds={\"w\": \"node\"}")));
}

TEST(ColumnLevelsTest, GraphsOfOneEdgeLeaveItToTheName) {
  const std::vector<Graph> pairs = {{1, 2, 1}, {1, 3, 1}};
  EXPECT_EQ(*Decide("edge_attr", pairs), Level::kEdge);
  EXPECT_EQ(*Decide("y", pairs), Level::kGraph);
  EXPECT_THAT(Error(Decide("x", pairs)), HasSubstr("kinds={\"x\": \"edge\"}"));
}

TEST(ColumnLevelsTest, GraphsOfOneNodeAndOneLoop) {
  const std::vector<Graph> loops = {{1, 1, 1}, {1, 1, 1}};
  EXPECT_EQ(*Decide("x", loops), Level::kNode);
  EXPECT_EQ(*Decide("edge_attr", loops), Level::kEdge);
  EXPECT_EQ(*Decide("y", loops), Level::kGraph);
  EXPECT_THAT(Error(Decide("w", loops)), HasSubstr("one node and one edge"));
}

TEST(ColumnLevelsTest, WhatFitsNeitherNodesNorEdgesIsTheGraphs) {
  EXPECT_EQ(*Decide("w", {{2, 3, 4}, {2, 3, 4}, {7, 5, 8}}), Level::kGraph);
  EXPECT_EQ(*Decide("w", {{0, 3, 0}, {2, 3, 4}, {7, 5, 8}}), Level::kGraph);
}

TEST(ColumnLevelsTest, NamesThatSayOtherwiseNameTwoGraphsThatDiffer) {
  for (const char* name : {"y", "node_w", "edge_w"}) {
    const std::string error = Error(Decide(name, {{2, 3, 4}, {2, 3, 4}, {7, 5, 8}}));
    EXPECT_THAT(error, AllOf(HasSubstr(name), HasSubstr("graph 0 has 2 rows (3 nodes, 4 edges)"),
                             HasSubstr("graph 2 has 7 rows (5 nodes, 8 edges)"),
                             HasSubstr("\": \"graph\"}")));
  }
}

TEST(ColumnLevelsTest, WhatFitsHalfOfTheGraphsIsAMistake) {
  EXPECT_THAT(Error(Decide("w", {{3, 3, 4}, {5, 5, 8}, {6, 5, 9}})),
              AllOf(HasSubstr("one row for each node in 2 of 3 graphs, but graph 2 has 6 rows"),
                    HasSubstr("kinds={\"w\": \"graph\"}")));
  EXPECT_THAT(Error(Decide("w", {{4, 3, 4}, {8, 5, 9}})),
              HasSubstr("one row for each edge in 1 of 2 graphs, but graph 1 has 8 rows"));
}

TEST(ColumnLevelsTest, ScalarsAreGraphLevel) {
  const LevelQuestion scalar{.name = "x", .scalar = true, .declared = std::nullopt};
  EXPECT_EQ(*Decide(scalar, {{1, 1, 1}, {1, 1, 1}}), Level::kGraph);
  EXPECT_EQ(*Decide(scalar, {{1, 3, 1}, {1, 5, 1}}), Level::kGraph);
  LevelQuestion declared = scalar;
  declared.declared = Level::kNode;
  EXPECT_THAT(Error(Decide(declared, {{1, 1, 1}})), HasSubstr("\"x\" is declared node level"));
}

TEST(ColumnLevelsTest, DeclarationsWin) {
  const auto declared = [](absl::string_view name, Level level) {
    return LevelQuestion{.name = name, .declared = level};
  };
  EXPECT_EQ(*Decide(declared("x", Level::kGraph), {{1, 1, 1}, {1, 1, 1}}), Level::kGraph);
  EXPECT_EQ(*Decide(declared("w", Level::kEdge), {{3, 3, 3}, {5, 5, 5}}), Level::kEdge);
  EXPECT_EQ(*Decide(declared("edge_attr", Level::kNode), {{3, 3, 3}, {5, 5, 5}}), Level::kNode);
  EXPECT_EQ(*Decide(declared("w", Level::kGraph), {{4, 4, 6}, {4, 4, 6}}), Level::kGraph);
}

TEST(ColumnLevelsTest, TheFirstGraphThatContradictsADeclarationIsNamed) {
  const std::vector<Graph> graphs = {{3, 3, 4}, {5, 5, 8}, {6, 5, 6}, {9, 1, 1}};
  EXPECT_EQ(Error(Decide(LevelQuestion{.name = "w", .declared = Level::kNode}, graphs)),
            "column \"w\" is node level, but graph 2 has 6 rows and 5 nodes");
  EXPECT_EQ(Error(Decide(LevelQuestion{.name = "w", .declared = Level::kEdge}, graphs)),
            "column \"w\" is edge level, but graph 0 has 3 rows and 4 edges");
  EXPECT_EQ(*Decide(LevelQuestion{.name = "w", .declared = Level::kGraph}, graphs), Level::kGraph);
  EXPECT_EQ(
      Error(Decide(LevelQuestion{.name = "w", .strings = true, .declared = Level::kGraph}, graphs)),
      "column \"w\" is graph level, but graph 1 has 5 rows where graph 0 has 3");
}

TEST(ColumnLevelsTest, ASingleGraphTriesNodesThenEdgesThenItself) {
  const auto single = [](absl::string_view name, Graph graph) {
    return *Decide(LevelQuestion{.name = name, .collection = false, .declared = std::nullopt},
                   {graph});
  };
  EXPECT_EQ(single("y", {5, 5, 8}), Level::kNode);
  EXPECT_EQ(single("w", {8, 5, 8}), Level::kEdge);
  EXPECT_EQ(single("w", {7, 5, 8}), Level::kGraph);
  EXPECT_EQ(single("w", {5, 5, 5}), Level::kNode);
  EXPECT_EQ(single("edge_weight", {5, 5, 5}), Level::kEdge);
}

TEST(ColumnLevelsTest, NamesThatMeanNodesOrEdgesAreNothingElse) {
  const auto single = [](absl::string_view name, Graph graph) {
    return Decide(LevelQuestion{.name = name, .collection = false, .declared = std::nullopt},
                  {graph});
  };
  for (const char* name : {"x", "pos", "z", "feat", "node_type"}) {
    EXPECT_EQ(
        Error(single(name, {5, 7, 3})),
        absl::StrCat("column \"", name, "\": by its name it belongs to the nodes, but it has 5 ",
                     "rows for 7 nodes; correct it, or if it was meant declare it, for ",
                     "example kinds={\"", name, "\": \"graph\"}"));
    EXPECT_THAT(Error(single(name, {3, 7, 3})), HasSubstr("\": \"edge\"}"));
    EXPECT_THAT(Error(Decide(name, {{5, 5, 3}, {4, 6, 3}})), HasSubstr("graph 1, column"));
    EXPECT_THAT(Error(Decide(name, {{4, 6, 3}, {4, 6, 3}})), HasSubstr("4 rows for 6 nodes"));
  }
  for (const char* name : {"edge_attr", "edge_weight", "edge_type"}) {
    EXPECT_THAT(Error(single(name, {2, 5, 3})), HasSubstr("2 rows for 3 edges"));
    EXPECT_THAT(Error(single(name, {5, 5, 3})), HasSubstr("5 rows for 3 edges"));
    EXPECT_THAT(Error(Decide(name, {{3, 5, 3}, {3, 5, 4}})), HasSubstr("graph 1, column"));
  }
  EXPECT_THAT(Error(single("train_mask", {4, 5, 3})),
              HasSubstr("nodes or edges, but it has 4 rows for 5 nodes and 3 edges"));
  EXPECT_EQ(*single("train_mask", {3, 5, 3}), Level::kEdge);
  EXPECT_EQ(*single("y_mask", {1, 5, 3}), Level::kGraph);
  EXPECT_EQ(*Decide("y_mask", {{1, 5, 3}, {1, 4, 3}}), Level::kGraph);
  EXPECT_THAT(Error(Decide("train_mask", {{4, 5, 3}, {4, 5, 3}})), HasSubstr("4 rows for 5 nodes"));
  EXPECT_THAT(Error(single("y", {6, 5, 3})), HasSubstr("6 rows for 5 nodes and 3 edges"));
  EXPECT_EQ(*single("y", {1, 5, 3}), Level::kGraph);
  EXPECT_EQ(*Decide("y", {{6, 5, 3}, {6, 5, 3}}), Level::kGraph);
}

TEST(ColumnLevelsTest, OnlyWhatPygShiftsHasIndexTypes) {
  const Schema schema = Schema::Homogeneous(true);
  const auto types = [&](absl::string_view name, DType dtype, Level level) {
    return IndexTypes(schema, level, 0, name, dtype);
  };
  EXPECT_THAT(types("edge_index", DType::kInt64, Level::kEdge), ElementsAre(0, 0));
  EXPECT_THAT(types("tree_index", DType::kInt32, Level::kNode), ElementsAre(0));
  EXPECT_THAT(types("root_index", DType::kInt64, Level::kGraph), ElementsAre(0));
  EXPECT_THAT(types("face", DType::kInt64, Level::kGraph), ElementsAre(0));
  EXPECT_THAT(types("index_weight", DType::kFloat32, Level::kNode), IsEmpty());
  EXPECT_THAT(types("z", DType::kInt64, Level::kNode), IsEmpty());
}

TEST(ColumnLevelsTest, InHeterogeneousDatasetsNodesPointIntoTheirOwnType) {
  Schema schema;
  schema.heterogeneous = true;
  schema.node_types = {"movie", "actor"};
  schema.edge_types = {{1, "plays", 0}};
  EXPECT_THAT(IndexTypes(schema, Level::kEdge, 0, "edge_index", DType::kInt64), ElementsAre(1, 0));
  EXPECT_THAT(IndexTypes(schema, Level::kNode, 1, "index", DType::kInt64), ElementsAre(1));
  EXPECT_THAT(IndexTypes(schema, Level::kEdge, 0, "index", DType::kInt64), IsEmpty());
  EXPECT_THAT(IndexTypes(schema, Level::kGraph, 0, "index", DType::kInt64), IsEmpty());
}

}  // namespace
}  // namespace graphfeed
