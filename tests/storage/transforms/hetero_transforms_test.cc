#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "storage/transforms/transforms.h"
#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

template <typename T>
ColumnBlock Column(Level level, int type, std::string name, DType dtype,
                   std::vector<int64_t> row_shape, std::vector<int64_t> sizes,
                   const std::vector<T>& values) {
  ColumnBlock column =
      graphfeed::Column(std::move(name), dtype, std::move(row_shape), std::move(sizes), values);
  column.level = level;
  column.type = type;
  return column;
}

ColumnBlock Ends(int type, std::vector<int64_t> sizes, const std::vector<int64_t>& pairs) {
  return Column(Level::kEdge, type, "edge_index", DType::kInt64, {2}, std::move(sizes), pairs);
}

// movie --to--> actor, movie --like--> movie; `nobody` is without columns and edges.
Schema Types(bool collection = false) {
  Schema types;
  types.collection = collection;
  types.heterogeneous = true;
  types.node_types = {"movie", "actor", "nobody"};
  types.edge_types = {{0, "to", 1}, {0, "like", 0}};
  return types;
}

// Movies 0 to 3, of which 2 is in no edge; actors 0 to 2, of which 1 is in none.
GraphBlock MovieGraph() {
  GraphBlock block;
  block.num_graphs = 1;
  block.num_nodes = {{4}, {3}, {2}};
  block.num_edges = {{3}, {2}};
  ColumnBlock title = Column<char>(Level::kNode, 0, "title", DType::kString, {}, {4}, {});
  title.strings = {"a", "b", "c", "d"};
  block.columns = {
      Ends(0, {3}, {3, 0, 0, 2, 3, 2}),
      Column<float>(Level::kEdge, 0, "w", DType::kFloat32, {2}, {3}, {1, 10, 2, 20, 3, 30}),
      Ends(1, {2}, {1, 0, 3, 3}),
      Column<int8_t>(Level::kEdge, 1, "w", DType::kInt8, {}, {2}, {5, 6}),
      Column<float>(Level::kNode, 0, "x", DType::kFloat32, {1}, {4}, {0, 1, 2, 3}),
      Column<float>(Level::kNode, 1, "x", DType::kFloat32, {2}, {3}, {0, 4, 2, 2, 1, 1}),
      title,
      Column<int64_t>(Level::kGraph, 0, "y", DType::kInt64, {}, {1}, {7})};
  return block;
}

const ColumnBlock* Find(const GraphBlock& block, Level level, int type, const std::string& name) {
  for (const ColumnBlock& column : block.columns) {
    if (column.name == name && column.level == level && column.type == type) return &column;
  }
  return nullptr;
}

template <typename T>
std::vector<T> Rows(const GraphBlock& block, Level level, int type, const std::string& name) {
  const ColumnBlock* column = Find(block, level, type, name);
  return column == nullptr ? std::vector<T>() : Values<T>(column->rows);
}

std::vector<int64_t> EndsOf(const GraphBlock& block, int type) {
  return Rows<int64_t>(block, Level::kEdge, type, "edge_index");
}

absl::Status Apply(std::vector<Transform> transforms, GraphBlock& block,
                   const Schema& types = Types()) {
  return ApplyTransforms(transforms, types, block);
}

TEST(HeteroToUndirectedTest, BetweenTypesAReverseTypeIsAddedWithinOneEdgesAreMerged) {
  const auto types = TransformedTypes({ToUndirected()}, Types());
  ASSERT_TRUE(types.ok()) << types.status();
  ASSERT_EQ(types->edge_types.size(), 3u);
  EXPECT_EQ(types->EdgeTypeName(2), "actor|rev_to|movie");

  GraphBlock block = MovieGraph();
  const GraphBlock before = block;
  ASSERT_TRUE(Apply({ToUndirected()}, block).ok());
  EXPECT_THAT(block.num_edges, ElementsAre(ElementsAre(3), ElementsAre(3), ElementsAre(3)));
  EXPECT_EQ(EndsOf(block, 0), EndsOf(before, 0));
  EXPECT_THAT(EndsOf(block, 2), ElementsAre(0, 3, 2, 0, 2, 3)) << "in the order of the edges";
  EXPECT_EQ(Rows<float>(block, Level::kEdge, 2, "w"), Rows<float>(before, Level::kEdge, 0, "w"));
  EXPECT_EQ(Find(block, Level::kEdge, 2, "w")->row_shape, std::vector<int64_t>{2});
  EXPECT_THAT(EndsOf(block, 1), ElementsAre(0, 1, 1, 0, 3, 3));
  EXPECT_THAT(Rows<int8_t>(block, Level::kEdge, 1, "w"), ElementsAre(5, 5, 12));
  EXPECT_EQ(block.num_nodes, before.num_nodes);
}

TEST(HeteroToUndirectedTest, AReverseTypeThatExistsIsNotOverwritten) {
  Schema types = Types();
  types.edge_types.push_back({1, "rev_to", 0});
  EXPECT_THAT(std::string(TransformedTypes({ToUndirected()}, types).status().message()),
              HasSubstr("to_undirected: edge type actor|rev_to|movie exists already"));
  EXPECT_FALSE(TransformedTypes({ToUndirected(), ToUndirected()}, Types()).ok());
}

TEST(HeteroAddSelfLoopsTest, OnlyTypesThatJoinATypeToItselfGetLoops) {
  GraphBlock block = MovieGraph();
  ASSERT_TRUE(Apply({AddSelfLoops{.fill_value = 9}}, block).ok());
  EXPECT_THAT(block.num_edges, ElementsAre(ElementsAre(3), ElementsAre(5)));
  EXPECT_THAT(EndsOf(block, 1), ElementsAre(1, 0, 3, 3, 0, 0, 1, 1, 2, 2));
  EXPECT_THAT(Rows<int8_t>(block, Level::kEdge, 1, "w"), ElementsAre(5, 6, 9, 9, 9));
  EXPECT_EQ(EndsOf(block, 0), EndsOf(MovieGraph(), 0));
}

TEST(HeteroRemoveIsolatedNodesTest, AnEdgeOfAnyTypeKeepsANode) {
  GraphBlock block = MovieGraph();
  ASSERT_TRUE(Apply({RemoveIsolatedNodes()}, block).ok());
  EXPECT_THAT(block.num_nodes, ElementsAre(ElementsAre(3), ElementsAre(2), ElementsAre(0)));
  EXPECT_THAT(block.num_edges, ElementsAre(ElementsAre(3), ElementsAre(2)));
  EXPECT_THAT(EndsOf(block, 0), ElementsAre(2, 0, 0, 1, 2, 1));
  EXPECT_THAT(EndsOf(block, 1), ElementsAre(1, 0, 2, 2));
  EXPECT_THAT(Rows<float>(block, Level::kNode, 0, "x"), ElementsAre(0, 1, 3));
  EXPECT_THAT(Rows<float>(block, Level::kNode, 1, "x"), ElementsAre(0, 4, 1, 1));
  EXPECT_THAT(Find(block, Level::kNode, 0, "title")->strings, ElementsAre("a", "b", "d"));
  EXPECT_THAT(Find(block, Level::kNode, 0, "title")->sizes, ElementsAre(3));
}

TEST(HeteroRemoveIsolatedNodesTest, IndexColumnsPointIntoTheirOwnType) {
  GraphBlock block = MovieGraph();
  block.columns.push_back(
      Column<int64_t>(Level::kNode, 0, "sequel_index", DType::kInt64, {}, {4}, {3, 0, 2, 1}));
  ASSERT_TRUE(Apply({RemoveIsolatedNodes()}, block).ok());
  EXPECT_THAT(Rows<int64_t>(block, Level::kNode, 0, "sequel_index"), ElementsAre(2, 0, 1));
  GraphBlock dangling = MovieGraph();
  dangling.columns.push_back(
      Column<int64_t>(Level::kNode, 0, "sequel_index", DType::kInt64, {}, {4}, {2, 0, 2, 1}));
  EXPECT_THAT(std::string(Apply({RemoveIsolatedNodes()}, dangling).message()),
              HasSubstr("column sequel_index of movie of graph 0 names node 2, which is isolated"));
}

TEST(HeteroNormalizeFeaturesTest, ColumnsOfTheNameAreNormalizedInEveryStore) {
  GraphBlock block = MovieGraph();
  ASSERT_TRUE(Apply({NormalizeFeatures()}, block).ok());
  EXPECT_THAT(Rows<float>(block, Level::kNode, 0, "x"), ElementsAre(0, 1, 1, 1));
  EXPECT_THAT(Rows<float>(block, Level::kNode, 1, "x"), ElementsAre(0, 1, 0.5F, 0.5F, 0.5F, 0.5F));
  EXPECT_THAT(std::string(Apply({NormalizeFeatures{{"w"}}}, block).message()),
              HasSubstr("column w of movie|like|movie is int8"));
}

InducedSubgraph Nodes(std::map<std::string, std::vector<int64_t>> ids) {
  InducedSubgraph transform;
  for (auto& [type, list] : ids) transform.nodes[type].ids = std::move(list);
  return transform;
}

TEST(SubgraphTest, NodesComeInTheOrderGivenAndEdgesBetweenThemInTheirs) {
  GraphBlock block = MovieGraph();
  ASSERT_TRUE(Apply({Nodes({{"movie", {3, 1}}})}, block).ok());
  EXPECT_THAT(block.num_nodes, ElementsAre(ElementsAre(2), ElementsAre(3), ElementsAre(2)));
  EXPECT_THAT(block.num_edges, ElementsAre(ElementsAre(2), ElementsAre(1)));
  EXPECT_THAT(EndsOf(block, 0), ElementsAre(0, 0, 0, 2));  // actors are all there
  EXPECT_THAT(Rows<float>(block, Level::kEdge, 0, "w"), ElementsAre(1, 10, 3, 30));
  EXPECT_THAT(EndsOf(block, 1), ElementsAre(0, 0));
  EXPECT_THAT(Rows<int8_t>(block, Level::kEdge, 1, "w"), ElementsAre(6));
  EXPECT_THAT(Rows<float>(block, Level::kNode, 0, "x"), ElementsAre(3, 1));
  EXPECT_THAT(Find(block, Level::kNode, 0, "title")->strings, ElementsAre("d", "b"));
  EXPECT_THAT(Rows<int64_t>(block, Level::kGraph, 0, "y"), ElementsAre(7));
}

TEST(SubgraphTest, LeadingNodesAreThoseIds) {
  GraphBlock leading = MovieGraph();
  InducedSubgraph transform;
  transform.nodes["movie"].leading = 2;
  transform.nodes["actor"].leading = 0;
  ASSERT_TRUE(Apply({transform}, leading).ok());
  GraphBlock listed = MovieGraph();
  ASSERT_TRUE(Apply({Nodes({{"movie", {0, 1}}, {"actor", {}}})}, listed).ok());
  EXPECT_EQ(leading.num_nodes, listed.num_nodes);
  EXPECT_THAT(leading.num_edges, ElementsAre(ElementsAre(0), ElementsAre(1)));
  EXPECT_EQ(EndsOf(leading, 1), EndsOf(listed, 1));
  EXPECT_THAT(EndsOf(leading, 0), IsEmpty());
}

TEST(SubgraphTest, TheOnlyTypeNeedsNoName) {
  Schema types = Schema::Homogeneous(/*collection=*/false);
  for (const char* name : {"", "node"}) {
    GraphBlock block;
    block.num_graphs = 1;
    block.num_nodes = {{3}};
    block.num_edges = {{3}};
    block.columns = {Ends(0, {3}, {0, 1, 1, 2, 2, 0}),
                     Column<float>(Level::kNode, 0, "x", DType::kFloat32, {}, {3}, {0, 1, 2})};
    ASSERT_TRUE(Apply({Nodes({{name, {2, 1}}})}, block, types).ok()) << name;
    EXPECT_THAT(EndsOf(block, 0), ElementsAre(1, 0));
    EXPECT_THAT(Rows<float>(block, Level::kNode, 0, "x"), ElementsAre(2, 1));
  }
}

TEST(SubgraphTest, NodesThatCannotBeAreNamed) {
  const auto error = [](const InducedSubgraph& transform, const Schema& types = Types()) {
    GraphBlock block = MovieGraph();
    const absl::Status status = Apply({transform}, block, types);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(error(Nodes({{"movie", {0, 4}}})), HasSubstr("node 4; there are 4 movie nodes"));
  EXPECT_THAT(error(Nodes({{"movie", {-1}}})), HasSubstr("node -1; there are 4 movie nodes"));
  EXPECT_THAT(error(Nodes({{"movie", {1, 0, 1}}})),
              HasSubstr("node 1 occurs twice among the movie"));
  EXPECT_THAT(error(Nodes({{"film", {}}})),
              HasSubstr("no node type \"film\"; there are movie, actor, nobody"));
  EXPECT_THAT(error(Nodes({{"", {0}}})), HasSubstr("names no node type"));
  EXPECT_THAT(error(Nodes({})), HasSubstr("names no nodes"));
  EXPECT_THAT(error(Nodes({{"movie", {0}}}), Types(/*collection=*/true)), HasSubstr("collection"));
  InducedSubgraph many;
  many.nodes["actor"].leading = 4;
  EXPECT_THAT(error(many), HasSubstr("the first 4 actor nodes; there are 3"));
}

TEST(HeteroTransformsTest, BrokenBlocksAreRefused) {
  GraphBlock block = MovieGraph();
  block.columns[0].level = std::nullopt;
  EXPECT_THAT(std::string(Apply({ToUndirected()}, block).message()), HasSubstr("level"));
  block = MovieGraph();
  block.columns[0].type = 7;
  EXPECT_THAT(std::string(Apply({ToUndirected()}, block).message()), HasSubstr("type 7"));
  block = MovieGraph();
  block.columns[0].rows[8] = 3;  // the target of edge 0
  EXPECT_THAT(std::string(Apply({RemoveIsolatedNodes()}, block).message()),
              HasSubstr("edge 0 of edge_index of movie|to|actor names node 3; the graph has 3 "
                        "actor nodes"));
  block = MovieGraph();
  block.columns.erase(block.columns.begin());
  EXPECT_THAT(std::string(Apply({RemoveIsolatedNodes()}, block).message()),
              HasSubstr("movie|to|actor has no column edge_index"));
}

// Several graphs with random edges of all types, columns with each edge's and node's number.
GraphBlock RandomMovies(std::mt19937& random) {
  GraphBlock block;
  block.num_graphs = 8;
  block.num_nodes.resize(3);
  block.num_edges.resize(2);
  std::vector<int64_t> pairs[2];
  for (int g = 0; g < 8; ++g) {
    for (auto& counts : block.num_nodes) counts.push_back(static_cast<int64_t>(random() % 7));
    const int64_t movies = block.num_nodes[0][g];
    const int64_t actors = block.num_nodes[1][g];
    const int64_t targets[2] = {actors, movies};
    for (int t = 0; t < 2; ++t) {
      const int64_t count = movies * targets[t] == 0 ? 0 : static_cast<int64_t>(random() % 9);
      block.num_edges[t].push_back(count);
      for (int64_t e = 0; e < count; ++e) {
        pairs[t].push_back(static_cast<int64_t>(random() % movies));
        pairs[t].push_back(static_cast<int64_t>(random() % targets[t]));
      }
    }
  }
  for (int t = 0; t < 2; ++t) {
    block.columns.push_back(Ends(t, block.num_edges[t], pairs[t]));
    std::vector<float> ones(pairs[t].size() / 2, 1);
    block.columns.push_back(
        Column(Level::kEdge, t, "w", DType::kFloat32, {}, block.num_edges[t], ones));
    std::vector<int64_t> x;
    for (const int64_t count : block.num_nodes[t]) {
      for (int64_t v = 0; v < count; ++v) x.push_back(v);
    }
    block.columns.push_back(Column(Level::kNode, t, "x", DType::kInt64, {}, block.num_nodes[t], x));
  }
  return block;
}

// The edges of a type in terms of what is in x, by graph.
std::vector<std::multiset<std::pair<int64_t, int64_t>>> EdgesByName(const GraphBlock& block,
                                                                    const EdgeType& type, int t) {
  const std::vector<int64_t> ends = EndsOf(block, t);
  const std::vector<int64_t> sources = Rows<int64_t>(block, Level::kNode, type.source, "x");
  const std::vector<int64_t> targets = Rows<int64_t>(block, Level::kNode, type.target, "x");
  std::vector<std::multiset<std::pair<int64_t, int64_t>>> edges;
  size_t e = 0;
  size_t source = 0;
  size_t target = 0;
  for (int64_t g = 0; g < block.num_graphs; ++g) {
    edges.emplace_back();
    for (int64_t i = 0; i < block.num_edges[t][g]; ++i, ++e) {
      edges.back().emplace(sources[source + ends[2 * e]], targets[target + ends[2 * e + 1]]);
    }
    source += block.num_nodes[type.source][g];
    target += block.num_nodes[type.target][g];
  }
  return edges;
}

TEST(HeteroTransformsTest, PropertiesHoldOnRandomGraphs) {
  const Schema types = Types(/*collection=*/true);
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    const GraphBlock original = RandomMovies(random);

    GraphBlock pruned = original;
    ASSERT_TRUE(Apply({RemoveIsolatedNodes()}, pruned, types).ok());
    for (int t = 0; t < 2; ++t) {
      // Nodes keep their numbers in x, so edges are what they were.
      EXPECT_EQ(EdgesByName(pruned, types.edge_types[t], t),
                EdgesByName(original, types.edge_types[t], t));
    }
    GraphBlock twice = pruned;
    ASSERT_TRUE(Apply({RemoveIsolatedNodes()}, twice, types).ok());
    EXPECT_EQ(twice.num_nodes, pruned.num_nodes);

    GraphBlock undirected = original;
    ASSERT_TRUE(Apply({ToUndirected()}, undirected, types).ok());
    const Schema after = *TransformedTypes({ToUndirected()}, types);
    const auto forth = EdgesByName(undirected, after.edge_types[0], 0);
    const auto back = EdgesByName(undirected, after.edge_types[2], 2);
    for (size_t g = 0; g < forth.size(); ++g) {
      std::multiset<std::pair<int64_t, int64_t>> turned;
      for (const auto& [source, target] : back[g]) turned.emplace(target, source);
      EXPECT_EQ(turned, forth[g]);
    }
    double weights = 0;
    for (const float w : Rows<float>(undirected, Level::kEdge, 1, "w")) weights += w;
    EXPECT_EQ(weights, static_cast<double>(EndsOf(original, 1).size()));  // each edge twice
  }
}

TEST(ParseTransformTest, SubgraphsReadBack) {
  for (const char* text : {"subgraph(:1000)", "subgraph(3,1,2)", "subgraph(movie=:1000)",
                           "subgraph(actor=3,1;movie=:0)"}) {
    const auto parsed = ParseTransform(text);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(TransformName(*parsed), text);
  }
  for (const char* text : {"subgraph()", "subgraph(movie)", "subgraph(:-1)", "subgraph(movie=1,)",
                           "subgraph(a=:1;a=:2)", "subgraph(movie=:x)"}) {
    EXPECT_EQ(ParseTransform(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

TEST(TransformNameTest, LongListsAreAbridged) {
  std::vector<int64_t> ids(978);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int64_t>(2 * i);
  const std::string name = TransformName(Nodes({{"movie", ids}}));
  EXPECT_THAT(name, HasSubstr("subgraph(movie=0,2,4,"));
  EXPECT_THAT(name, HasSubstr(",...:978 ids)"));
  EXPECT_LT(name.size(), 200u);
}

}  // namespace
}  // namespace graphfeed
