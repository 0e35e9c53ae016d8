// What goes in comes out, and what is said about it is right. Long: a list of forms of graphs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/graph/schema.h"
#include "storage/version_source.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class IngestTest : public EveryStore {
 protected:
  std::shared_ptr<Dataset> IngestAndOpen(Catalog& catalog, IngestSpec spec,
                                         std::vector<GraphBlock> blocks) {
    const std::string name = spec.name;
    const auto info = Ingest(catalog, std::move(spec), std::move(blocks));
    EXPECT_TRUE(info.ok()) << info.status();
    auto dataset = catalog.OpenDataset(name);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset.ok() ? *dataset : nullptr;
  }
};
INSTANTIATE_TEST_SUITE_P(All, IngestTest,
                         testing::ValuesIn(AndRados({StoreKind::kMemory, StoreKind::kCachedMemory,
                                                     StoreKind::kRocksDb})),
                         StoreKindName);

const ColumnSchema& ColumnOf(const Dataset& dataset, absl::string_view name) {
  for (const ColumnSchema& column : dataset.info().schema.columns) {
    if (column.name == name) return column;
  }
  ADD_FAILURE() << "no column " << name;
  return dataset.info().schema.columns.front();
}

TEST_P(IngestTest, EveryKindOfColumnComesBackHoweverItIsCut) {
  const GraphBlock graphs = RandomGraphs(7, 200);
  for (const int64_t chunk_bytes : {64, 1000, 16 << 10}) {
    SCOPED_TRACE(chunk_bytes);
    const auto catalog = OpenCatalog({.chunk_bytes = chunk_bytes});
    const auto dataset = IngestAndOpen(
        *catalog, {.name = absl::StrCat("d", chunk_bytes)},
        {Slice(graphs, 0, 3), Slice(graphs, 3, 0), Slice(graphs, 3, 150), Slice(graphs, 153, 47)});
    ASSERT_NE(dataset, nullptr);
    ExpectHolds(*dataset, graphs);
    EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  }
}

TEST_P(IngestTest, VersionsSurviveReopening) {
  const GraphBlock graphs = RandomGraphs(8, 50);
  DatasetInfo before;
  {
    const auto catalog = OpenCatalog();
    ASSERT_TRUE(Ingest(*catalog, {.name = "d"}, {TwoGraphs()}).ok());
    before = *Ingest(*catalog, {.name = "d"}, {graphs});
  }
  const auto catalog = OpenCatalog();
  const DatasetInfo after = *catalog->Get("d");
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(after.schema, before.schema);
  EXPECT_EQ(after.fingerprint, before.fingerprint);
  EXPECT_EQ(after.raw_bytes, before.raw_bytes);
  ExpectHolds(**catalog->OpenDataset("d@1"), TwoGraphs());
  ExpectHolds(**catalog->OpenDataset("d@2"), graphs);
}

TEST_P(IngestTest, AMemoryBudgetChangesNoByte) {
  const GraphBlock graphs = RandomGraphs(9, 100);
  for (const int64_t budget : {0, 200, 2000, 20000}) {
    SCOPED_TRACE(budget);
    const auto catalog = OpenCatalog({.memory_budget_bytes = budget, .chunk_bytes = 256});
    const auto dataset = IngestAndOpen(*catalog, {.name = absl::StrCat("d", budget)}, {graphs});
    ASSERT_NE(dataset, nullptr);
    for (int pass = 0; pass < 2; ++pass) ExpectHolds(*dataset, graphs);
    EXPECT_LE(catalog->stats().cached_bytes, budget);
  }
}

TEST_P(IngestTest, SchemaIsDecidedOverAllGraphs) {
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog, {.name = "d"}, {RandomGraphs(10, 100)});
  ASSERT_NE(dataset, nullptr);
  const Schema& schema = dataset->info().schema;
  EXPECT_TRUE(ValidateSchema(schema).ok());
  EXPECT_TRUE(schema.collection);
  EXPECT_FALSE(schema.heterogeneous);
  for (const char* name : {"x", "pos", "mask", "tiny", "nothing"}) {
    EXPECT_EQ(ColumnOf(*dataset, name).level, Level::kNode) << name;
  }
  for (const char* name : {"edge_index", "edge_attr", "kind", "small"}) {
    EXPECT_EQ(ColumnOf(*dataset, name).level, Level::kEdge) << name;
  }
  const ColumnSchema& targets = ColumnOf(*dataset, "targets");
  EXPECT_EQ(targets.level, Level::kGraph);
  EXPECT_EQ(targets.rows_per_graph, 3);
  EXPECT_TRUE(ColumnOf(*dataset, "weight").zero_dim);
  EXPECT_TRUE(ColumnOf(*dataset, "number").non_tensor);
  EXPECT_EQ(ColumnOf(*dataset, "y").rows_per_graph, 1);
  EXPECT_THAT(ColumnOf(*dataset, "edge_index").index_types, ElementsAre(0, 0));
  EXPECT_TRUE(ColumnOf(*dataset, "edge_index").concat_last);
  EXPECT_THAT(ColumnOf(*dataset, "y").index_types, IsEmpty());
  EXPECT_EQ(ColumnOf(*dataset, "edge_attr").row_shape, (std::vector<int64_t>{2, 3}));
}

TEST_P(IngestTest, InfoCountsGraphsRowsAndBytes) {
  const auto catalog = OpenCatalog();
  const auto info = Ingest(*catalog, {.name = "d"}, {TwoGraphs()});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->name, "d");
  EXPECT_EQ(info->version, 1);
  EXPECT_EQ(info->num_graphs, 2);
  EXPECT_THAT(info->num_nodes, ElementsAre(5));
  EXPECT_THAT(info->num_edges, ElementsAre(3));
  // x, edge_index, y and two offsets of three entries.
  EXPECT_EQ(info->raw_bytes, 5 * 8 + 3 * 16 + 2 * 8 + 2 * 3 * 8);
  EXPECT_EQ(info->columns[0].num_rows, 5);
  EXPECT_EQ(std::get<FloatRange>(info->columns[0].values).max, 9);
  EXPECT_EQ(std::get<IntRange>(info->columns[1].values).max, 2);
  EXPECT_EQ(std::get<IntRange>(info->columns[2].values).min, 7);
  EXPECT_EQ(info->node_sizes[0].mean, 2.5);
  EXPECT_EQ(info->edge_sizes[0].max, 2);
  EXPECT_EQ(info->total_node_sizes.median, 2);
  EXPECT_THAT(info->transforms, IsEmpty());
}

TEST_P(IngestTest, KindsDecideAgainstTheRules) {
  GraphBlock block =
      Graphs({1, 1}, {0, 0}, {Column("w", DType::kInt64, {}, {1, 1}, Bytes<int64_t>({1, 2}))});
  const auto catalog = OpenCatalog();
  for (const Level level : {Level::kNode, Level::kGraph}) {
    const auto info = Ingest(*catalog, {.name = "d", .kinds = {{"w", level}}}, {block});
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->schema.columns[0].level, level);
  }
}

TEST_P(IngestTest, ColumnsMayComeWithTheirLevel) {
  GraphBlock block =
      Graphs({1, 1}, {0, 0}, {Column("w", DType::kInt64, {}, {1, 1}, Bytes<int64_t>({1, 2}))});
  block.columns[0].level = Level::kNode;
  const auto info = Ingest(*OpenCatalog(), {.name = "d"}, {block});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->schema.columns[0].level, Level::kNode);
}

TEST_P(IngestTest, GraphsMayHaveNoEdgesAtAll) {
  const GraphBlock points = Graphs(
      {2, 3}, {0, 0}, {Column("pos", DType::kFloat32, {1}, {2, 3}, Bytes<float>({1, 2, 3, 4, 5}))});
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog, {.name = "points"}, {points});
  ASSERT_NE(dataset, nullptr);
  ExpectHolds(*dataset, points);
  EXPECT_EQ(dataset->offsets().NumEdges(0, 1), 0);
}

TEST_P(IngestTest, TransformsRunAndAreRecorded) {
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(
      *catalog, {.name = "d", .transforms = {AddSelfLoops{}}},
      {Graphs({2}, {1}, {EdgeIndex({1}, {0, 1})}), Graphs({1}, {1}, {EdgeIndex({1}, {0, 0})})});
  ASSERT_NE(dataset, nullptr);
  EXPECT_THAT(dataset->info().transforms, ElementsAre("add_self_loops(fill_value=1)"));
  EXPECT_THAT(dataset->info().num_edges, ElementsAre(4));
  EXPECT_EQ(*ReadColumnRows(*dataset, 0), Bytes<int64_t>({0, 1, 0, 0, 1, 1, 0, 0}));
}

// A single graph whose columns come in pieces, in any order.
std::vector<GraphBlock> SingleGraphBlocks() {
  const auto piece = [](ColumnBlock column) {
    GraphBlock block;
    block.columns.push_back(std::move(column));
    return block;
  };
  std::vector<GraphBlock> blocks;
  blocks.push_back(piece(EdgeIndex({}, {0, 1})));
  blocks.push_back(piece(Column("x", DType::kFloat32, {2}, {}, Bytes<float>({1, 2}))));
  blocks.push_back(piece(EdgeIndex({}, {1, 2, 2, 0})));
  blocks.push_back(piece(Column("x", DType::kFloat32, {2}, {}, Bytes<float>({3, 4, 5, 6, 7, 8}))));
  blocks.push_back(piece(Column("edge_weight", DType::kInt8, {}, {}, Bytes<int8_t>({1, 2, 3}))));
  blocks.push_back(piece(Column("targets", DType::kInt64, {}, {}, Bytes<int64_t>({9, 8}))));
  return blocks;
}

TEST_P(IngestTest, ASingleGraphsColumnsComeInAnyPieces) {
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(
      *catalog, {.name = "g", .collection = false, .num_nodes = {4}, .num_edges = {3}},
      SingleGraphBlocks());
  ASSERT_NE(dataset, nullptr);
  const DatasetInfo& info = dataset->info();
  EXPECT_FALSE(info.schema.collection);
  EXPECT_EQ(info.num_graphs, 1);
  EXPECT_EQ(dataset->offsets().NumNodes(0, 0), 4);
  EXPECT_EQ(dataset->offsets().NumEdges(0, 0), 3);
  EXPECT_EQ(*ReadColumnRows(*dataset, 0), Bytes<int64_t>({0, 1, 1, 2, 2, 0}));
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes<float>({1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(ColumnOf(*dataset, "x").level, Level::kNode);
  EXPECT_EQ(ColumnOf(*dataset, "edge_weight").level, Level::kEdge);
  EXPECT_EQ(ColumnOf(*dataset, "targets").level, Level::kGraph);
  EXPECT_EQ(ColumnOf(*dataset, "targets").rows_per_graph, 2);
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
}

GraphBlock Part(ColumnBlock column) {
  GraphBlock part;
  part.continues = true;
  part.columns.push_back(std::move(column));
  return part;
}

TEST_P(IngestTest, ALargeGraphOfACollectionComesInParts) {
  const auto catalog = OpenCatalog();
  std::vector<GraphBlock> blocks;
  blocks.push_back(Part(Column("x", DType::kFloat32, {2}, {1}, Bytes<float>({1, 2}))));
  blocks.push_back(Part(Column("x", DType::kFloat32, {2}, {2}, Bytes<float>({3, 4, 5, 6}))));
  blocks.push_back(Part(EdgeIndex({1}, {0, 1})));
  GraphBlock last;
  last.num_graphs = 1;
  last.num_nodes = {{3}};
  last.num_edges = {{2}};
  last.columns.push_back(EdgeIndex({1}, {1, 2}));
  blocks.push_back(last);
  GraphBlock small;
  small.num_graphs = 1;
  small.num_nodes = {{1}};
  small.num_edges = {{0}};
  small.columns.push_back(Column("x", DType::kFloat32, {2}, {1}, Bytes<float>({7, 8})));
  small.columns.push_back(EdgeIndex({0}, {}));
  blocks.push_back(small);
  const auto dataset = IngestAndOpen(*catalog, {.name = "d"}, std::move(blocks));
  ASSERT_NE(dataset, nullptr);
  EXPECT_EQ(dataset->info().num_graphs, 2);
  EXPECT_EQ(*ReadColumnRows(*dataset, 0), Bytes<float>({1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes<int64_t>({0, 1, 1, 2}));
  EXPECT_EQ(ColumnOf(*dataset, "x").level, Level::kNode);

  // The same as whole graphs.
  GraphBlock whole;
  whole.num_graphs = 2;
  whole.num_nodes = {{3, 1}};
  whole.num_edges = {{2, 0}};
  whole.columns.push_back(
      Column("x", DType::kFloat32, {2}, {3, 1}, Bytes<float>({1, 2, 3, 4, 5, 6, 7, 8})));
  whole.columns.push_back(EdgeIndex({2, 0}, {0, 1, 1, 2}));
  std::vector<GraphBlock> at_once;
  at_once.push_back(std::move(whole));
  const auto same = IngestAndOpen(*catalog, {.name = "d"}, std::move(at_once));
  ASSERT_NE(same, nullptr);
  EXPECT_EQ(dataset->info().fingerprint, same->info().fingerprint);

  // Read back in parts, too.
  const auto source = ReadVersion(dataset, 1);
  std::vector<GraphBlock> again;
  for (;;) {
    auto block = source->Next();
    ASSERT_TRUE(block.ok()) << block.status();
    if (!block->has_value()) break;
    again.push_back(**std::move(block));
  }
  EXPECT_GT(again.size(), 6u);
  EXPECT_EQ(source->done(), 2);
  IngestSpec spec = source->spec();
  spec.name = "e";
  const auto copy = IngestAndOpen(*catalog, spec, std::move(again));
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->info().fingerprint, same->info().fingerprint);
}

TEST_P(IngestTest, PartsThatMakeNoGraphAreRefused) {
  const auto catalog = OpenCatalog();
  const auto part = [] { return Part(Column("x", DType::kInt8, {}, {2}, Bytes<int8_t>({1, 2}))); };
  const auto error = [&](IngestSpec spec, std::vector<GraphBlock> blocks) {
    auto session = catalog->StartIngest(std::move(spec));
    EXPECT_TRUE(session.ok()) << session.status();
    for (GraphBlock& block : blocks) {
      if (absl::Status status = (*session)->Append(std::move(block)); !status.ok()) {
        return std::string(status.message());
      }
    }
    return std::string((*session)->Commit().status().message());
  };
  EXPECT_EQ(error({.name = "d"}, {part()}), "graph 0 has come in part only");
  EXPECT_EQ(error({.name = "d", .collection = false, .num_nodes = {2}, .num_edges = {0}}, {part()}),
            "continues is set; a single graph's blocks need not say so");
  GraphBlock two;
  two.num_graphs = 2;
  EXPECT_EQ(error({.name = "d"}, {part(), two}),
            "graph 0: a block of 2 graphs is part of one graph; parts count none, the last one "
            "counts it");
  GraphBlock other = part();
  other.columns[0].dtype = DType::kUint8;
  EXPECT_THAT(error({.name = "d"}, {part(), other}),
              testing::HasSubstr("column \"x\" of a graph in parts: its dtype or shape"));
  other = part();
  other.columns[0].sizes = {-1};
  EXPECT_THAT(error({.name = "d"}, {part(), other}), testing::HasSubstr("a part of -1 rows"));
  other.columns[0].sizes = {3};  // of two bytes
  GraphBlock last;
  last.num_graphs = 1;
  last.num_nodes = {{5}};
  last.num_edges = {{0}};
  EXPECT_THAT(error({.name = "d"}, {part(), other, last}),
              testing::HasSubstr("4 bytes for 5 rows of 1 bytes"));
}

TEST_P(IngestTest, EmptyColumnsTakeTheKindOfOthers) {
  const auto catalog = OpenCatalog();
  const auto block = [](int64_t nodes, ColumnBlock edges, ColumnBlock attr) {
    GraphBlock graphs;
    graphs.num_graphs = 1;
    graphs.num_nodes = {{nodes}};
    graphs.num_edges = {{edges.sizes[0]}};
    graphs.columns.push_back(std::move(edges));
    graphs.columns.push_back(std::move(attr));
    return graphs;
  };
  const auto none = [](const char* name) { return Column(name, DType::kFloat32, {}, {0}, ""); };
  const auto some = [&] {
    return block(2, Column("edge_index", DType::kInt32, {2}, {1}, Bytes<int32_t>({0, 1})),
                 Column("edge_attr", DType::kInt8, {3}, {1}, Bytes<int8_t>({1, 2, 3})));
  };
  const auto empty = [&] { return block(1, none("edge_index"), none("edge_attr")); };
  std::vector<GraphBlock> blocks;
  blocks.push_back(empty());
  blocks.push_back(some());
  blocks.push_back(empty());
  const auto dataset = IngestAndOpen(*catalog, {.name = "d"}, std::move(blocks));
  ASSERT_NE(dataset, nullptr);
  EXPECT_EQ(ColumnOf(*dataset, "edge_index").dtype, DType::kInt32);
  EXPECT_EQ(ColumnOf(*dataset, "edge_attr").dtype, DType::kInt8);
  EXPECT_EQ(ColumnOf(*dataset, "edge_attr").row_shape, std::vector<int64_t>{3});
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes<int8_t>({1, 2, 3}));

  std::vector<GraphBlock> nothing;
  nothing.push_back(empty());
  const auto bare = IngestAndOpen(*catalog, {.name = "e"}, std::move(nothing));
  ASSERT_NE(bare, nullptr);
  EXPECT_EQ(ColumnOf(*bare, "edge_index").dtype, DType::kInt64);
  EXPECT_TRUE(bare->Verify().ok()) << bare->Verify();
}

TEST_P(IngestTest, ASingleGraphIsTransformedAsAWhole) {
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog,
                                     {.name = "g",
                                      .collection = false,
                                      .transforms = {AddSelfLoops{.fill_value = 5}},
                                      .num_nodes = {4},
                                      .num_edges = {3}},
                                     SingleGraphBlocks());
  ASSERT_NE(dataset, nullptr);
  EXPECT_THAT(dataset->info().num_edges, ElementsAre(7));
  EXPECT_EQ(*ReadColumnRows(*dataset, 0),
            Bytes<int64_t>({0, 1, 1, 2, 2, 0, 0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(*ReadColumnRows(*dataset, 2), Bytes<int8_t>({1, 2, 3, 5, 5, 5, 5}));
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes<float>({1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(catalog->stats().ingest_bytes, 0);
}

// Movies and actors as a collection of `sizes.size()` graphs: as many movies and actors as `sizes`
// says, movie v joined to actor v.
GraphBlock MovieGraphs(std::vector<int64_t> sizes) {
  GraphBlock block;
  block.num_graphs = static_cast<int64_t>(sizes.size());
  block.num_nodes = {sizes, sizes};
  block.num_edges = {sizes};
  std::vector<int64_t> ends;
  for (const int64_t size : sizes) {
    for (int64_t v = 0; v < size; ++v) ends.insert(ends.end(), {v, size - 1 - v});
  }
  ColumnBlock edges = EdgeIndex(sizes, ends);
  edges.level = Level::kEdge;
  std::vector<int8_t> weights(ends.size() / 2);
  std::iota(weights.begin(), weights.end(), int8_t{0});
  ColumnBlock weight = Column("w", DType::kInt8, {}, sizes, Bytes(weights));
  weight.level = Level::kEdge;
  block.columns = {edges, weight};
  return block;
}

TEST_P(IngestTest, ReverseEdgeTypesAreStoredAsTheGivenOnes) {
  IngestSpec spec{.name = "h", .heterogeneous = true, .transforms = {ToUndirected{}}};
  spec.node_types = {"movie", "actor"};
  spec.edge_types = {{0, "to", 1}};
  const auto catalog = OpenCatalog();
  const auto dataset =
      IngestAndOpen(*catalog, spec, {MovieGraphs({2, 0}), MovieGraphs({3}), MovieGraphs({})});
  ASSERT_NE(dataset, nullptr);
  const DatasetInfo& info = dataset->info();
  ASSERT_EQ(info.schema.edge_types.size(), 2u);
  EXPECT_EQ(info.schema.EdgeTypeName(1), "actor|rev_to|movie");
  EXPECT_THAT(info.num_edges, ElementsAre(5, 5));
  EXPECT_EQ(info.num_graphs, 3);
  const int ends = info.schema.FindColumn(Level::kEdge, 1, "edge_index");
  ASSERT_GE(ends, 0);
  EXPECT_THAT(info.schema.columns[ends].index_types, ElementsAre(1, 0));
  EXPECT_EQ(*ReadColumnRows(*dataset, ends), Bytes<int64_t>({1, 0, 0, 1, 2, 0, 1, 1, 0, 2}));
  const int weight = info.schema.FindColumn(Level::kEdge, 1, "w");
  EXPECT_EQ(*ReadColumnRows(*dataset, weight), Bytes<int8_t>({0, 1, 0, 1, 2}));
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
}

TEST_P(IngestTest, ASingleHeterogeneousGraphIsTransformedAsAWhole) {
  IngestSpec spec{.name = "h", .collection = false, .heterogeneous = true};
  spec.node_types = {"movie", "actor"};
  spec.edge_types = {{0, "to", 1}};
  spec.num_nodes = {3, 3};
  spec.num_edges = {3};
  InducedSubgraph subgraph;
  subgraph.nodes["movie"].ids = {2, 0};
  spec.transforms = {subgraph, RemoveIsolatedNodes{}, ToUndirected{}};
  GraphBlock whole = MovieGraphs({3});
  std::vector<GraphBlock> blocks(2);
  for (size_t i : {0, 1}) {
    blocks[i].columns = {whole.columns[i]};
    blocks[i].columns[0].sizes.clear();
  }
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog, spec, blocks);
  ASSERT_NE(dataset, nullptr);
  EXPECT_THAT(dataset->info().num_nodes, ElementsAre(2, 2));
  EXPECT_THAT(dataset->info().num_edges, ElementsAre(2, 2));
  EXPECT_THAT(dataset->info().transforms,
              ElementsAre("subgraph(movie=2,0)", "remove_isolated_nodes()", "to_undirected()"));
  const Schema& schema = dataset->info().schema;
  // Edges (0, 2) and (2, 0) remain; movies 2, 0 are now 0, 1, and actors 0, 2 likewise.
  EXPECT_EQ(*ReadColumnRows(*dataset, schema.FindColumn(Level::kEdge, 0, "edge_index")),
            Bytes<int64_t>({1, 1, 0, 0}));
  EXPECT_EQ(*ReadColumnRows(*dataset, schema.FindColumn(Level::kEdge, 1, "edge_index")),
            Bytes<int64_t>({1, 1, 0, 0}));
  EXPECT_EQ(*ReadColumnRows(*dataset, schema.FindColumn(Level::kEdge, 1, "w")),
            Bytes<int8_t>({0, 2}));
  EXPECT_EQ(catalog->stats().ingest_bytes, 0);
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
}

TEST_P(IngestTest, DeclaredLevelsAreThoseThatTransformsSee) {
  // Both columns have as many rows as there are nodes and edges; only one goes with the nodes.
  const GraphBlock block =
      Graphs({2}, {2},
             {EdgeIndex({2}, {0, 0, 0, 0}), Column("a", DType::kInt8, {}, {2}, "ab"),
              Column("b", DType::kInt8, {}, {2}, "cd")});
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog,
                                     {.name = "d",
                                      .kinds = {{"a", Level::kEdge}, {"b", Level::kNode}},
                                      .transforms = {RemoveIsolatedNodes{}}},
                                     {block});
  ASSERT_NE(dataset, nullptr);
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), "ab");
  EXPECT_EQ(*ReadColumnRows(*dataset, 2), "c");
}

TEST_P(IngestTest, HeterogeneousColumnsKeepTypesApart) {
  IngestSpec spec{.name = "h", .heterogeneous = true};
  spec.node_types = {"movie", "actor", "bare"};
  spec.edge_types = {{0, "to", 1}, {1, "to", 0}};
  GraphBlock block;
  block.num_graphs = 2;
  block.num_nodes = {{1, 2}, {2, 0}, {3, 1}};
  block.num_edges = {{1, 0}, {2, 0}};
  const auto add = [&](Level level, int type, ColumnBlock column) {
    column.level = level;
    column.type = type;
    block.columns.push_back(std::move(column));
  };
  add(Level::kNode, 0, Column("x", DType::kFloat32, {}, {1, 2}, Bytes<float>({1, 2, 3})));
  add(Level::kNode, 1, Column("x", DType::kInt64, {}, {2, 0}, Bytes<int64_t>({4, 5})));
  add(Level::kEdge, 0, EdgeIndex({1, 0}, {0, 1}));
  add(Level::kEdge, 1, EdgeIndex({2, 0}, {0, 0, 1, 0}));
  add(Level::kGraph, 0, Column("y", DType::kInt64, {}, {}, Bytes<int64_t>({6, 7})));
  const auto catalog = OpenCatalog();
  const auto dataset = IngestAndOpen(*catalog, spec, {block});
  ASSERT_NE(dataset, nullptr);
  const Schema& schema = dataset->info().schema;
  EXPECT_EQ(schema.FindColumn(Level::kNode, 1, "x"), 1);
  EXPECT_THAT(schema.columns[3].index_types, ElementsAre(1, 0));
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes<int64_t>({4, 5}));
  EXPECT_EQ(dataset->offsets().NumNodes(2, 0), 3);
  EXPECT_EQ(dataset->offsets().NumEdges(1, 0), 2);
  EXPECT_EQ(dataset->info().total_node_sizes.max, 6);
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
}

TEST_P(IngestTest, StringsAreReadByRow) {
  GraphBlock block = TwoGraphs();
  ColumnBlock names = Column("names", DType::kString, {}, {2, 2}, "");
  names.strings = {"", "b", "gr\xc3\xbc\xc3\x9f", std::string(1000, 'd')};
  block.columns.push_back(names);
  const auto catalog = OpenCatalog({.chunk_bytes = 64});
  const auto dataset = IngestAndOpen(*catalog, {.name = "d"}, {block});
  ASSERT_NE(dataset, nullptr);
  const int column = 3;
  EXPECT_EQ(dataset->info().schema.columns[column].rows_per_graph, 2);
  EXPECT_THAT(
      *dataset->ReadStrings(column, {{2, 2}, {0, 1}, {4, 0}, {1, 3}}),
      ElementsAre(names.strings[2], names.strings[3], "", "b", names.strings[2], names.strings[3]));
  EXPECT_THAT(*dataset->ReadStrings(column, {}), IsEmpty());
  EXPECT_TRUE(absl::IsInvalidArgument(dataset->ReadStrings(column, {{4, 1}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(dataset->ReadStrings(column, {{-1, 1}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(dataset->ReadStrings(column, {{0, -1}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(dataset->ReadStrings(0, {{0, 1}}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadColumnRows(*dataset, column).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      dataset->VisitRows(9, {}, [](size_t, int64_t, int64_t, const std::byte*) {})));
}

TEST_P(IngestTest, AnAbandonedIngestLeavesNothing) {
  const auto catalog = OpenCatalog();
  const GraphBlock graphs = RandomGraphs(11, 300);
  ASSERT_TRUE(Ingest(*catalog, {.name = "first"}, {TwoGraphs()}).ok());
  const int64_t before = catalog->stats().stored_bytes;
  {
    const auto session = *catalog->StartIngest({.name = "d"});
    ASSERT_TRUE(session->Append(graphs).ok());
    EXPECT_GT(catalog->stats().ingest_bytes, 0);
  }
  EXPECT_EQ(catalog->stats().ingest_bytes, 0);
  EXPECT_TRUE(absl::IsNotFound(catalog->Get("d").status()));
  EXPECT_LE(catalog->stats().stored_bytes, before + 4096);
}

}  // namespace
}  // namespace graphfeed
