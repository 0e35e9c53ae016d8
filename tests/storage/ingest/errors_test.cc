// Bad input is refused with the graph, the column and the limit.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "storage/catalog.h"
#include "tests/storage/graph_blocks.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;

class IngestErrorsTest : public testing::Test {
 protected:
  // The error of an ingest that must be refused, and leaves no version.
  std::string Error(IngestSpec spec, std::vector<GraphBlock> blocks,
                    absl::StatusCode code = absl::StatusCode::kInvalidArgument,
                    const CatalogOptions& options = {}) {
    auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), options);
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    const auto info = Ingest(**catalog, std::move(spec), std::move(blocks));
    EXPECT_EQ(info.status().code(), code) << info.status();
    EXPECT_TRUE((*catalog)->List().empty());
    EXPECT_TRUE(disk_->chunk_keys().empty());
    EXPECT_EQ((*catalog)->stats().ingest_bytes, 0);
    return std::string(info.status().message());
  }
  // Of the second block of TwoGraphs, edited.
  std::string SecondBlockError(const std::function<void(GraphBlock&)>& edit) {
    GraphBlock block = TwoGraphs();
    edit(block);
    return Error({.name = "d"}, {TwoGraphs(), block});
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

TEST_F(IngestErrorsTest, EveryGraphHasTheColumnsOfTheFirst) {
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) { b.columns.pop_back(); }),
            "graph 2: column \"y\" is missing; graph 0 has it");
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) { b.columns[2].name = "z"; }),
            "graphs 2 to 3, column \"z\": it is new; graph 0 has no such column");
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) { b.columns.push_back(b.columns[2]); }),
            "graphs 2 to 3: column \"y\" comes twice");
}

TEST_F(IngestErrorsTest, ColumnsKeepTheirTypeAndShape) {
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) { b.columns[2].dtype = DType::kFloat64; }),
            "graphs 2 to 3, column \"y\": it is float64 of row shape []; in graph 0 it is int64 of "
            "row shape []");
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) {
                b.columns[0].row_shape = {2, 1};
              }),
              HasSubstr("it is float32 of row shape [2, 1]; in graph 0 it is float32 of row shape "
                        "[2]"));
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) { b.columns[2].zero_dim = true; }),
              HasSubstr("0-dim; in graph 0"));
}

TEST_F(IngestErrorsTest, BytesMatchTheSizes) {
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) { b.columns[0].rows.pop_back(); }),
            "graphs 2 to 3, column \"x\": 39 bytes for 5 rows of 8 bytes");
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) {
              b.columns[0].sizes = {3, 3};
            }),
            "graphs 2 to 3, column \"x\": 40 bytes for 6 rows of 8 bytes");
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) { b.columns[0].sizes = {5}; }),
            "graphs 2 to 3, column \"x\": 1 sizes for 2 graphs");
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) {
                b.columns[0].sizes = {6, -1};
              }),
              HasSubstr("column \"x\": sizes holds -1"));
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) {
                b.num_nodes[0] = {3, -2};
              }),
              HasSubstr("num_nodes holds -2"));
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) { b.num_edges = {}; }),
              HasSubstr("num_edges has 0 lists; there are 1 types"));
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) { b.num_graphs = -1; }),
              HasSubstr("num_graphs is -1"));
  EXPECT_THAT(SecondBlockError([](GraphBlock& b) { b.columns[2].strings = {"a"}; }),
              HasSubstr("column \"y\": strings in a column of numbers"));
}

TEST_F(IngestErrorsTest, EdgesEndInTheirGraphsNodes) {
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) {
              b.columns[1].rows = Bytes<int64_t>({0, 1, 1, 2, 1, 2});
            }),
            "graph 3: edge_index has node 2 in edge 0 (row 1); the graph has 2 nodes");
  EXPECT_EQ(SecondBlockError([](GraphBlock& b) {
              b.columns[1].rows = Bytes<int64_t>({0, 1, -1, 2, 1, 0});
            }),
            "graph 2: edge_index has node -1 in edge 1 (row 0); the graph has 3 nodes");
}

TEST_F(IngestErrorsTest, NodeIdsAreOfTheirGraphsNodes) {
  const auto error = [&](std::vector<int64_t> sizes, std::vector<int64_t> ids) {
    const auto rows = static_cast<int64_t>(ids.size()) / 2;
    EXPECT_EQ(rows, std::accumulate(sizes.begin(), sizes.end(), int64_t{0}));
    return SecondBlockError([&](GraphBlock& b) {
      b.columns.push_back(Column("ring_index", DType::kInt64, {2}, sizes, Bytes(ids)));
    });
  };
  const auto with = [](std::vector<int64_t> ids) {
    GraphBlock block = TwoGraphs();
    block.columns.push_back(Column("ring_index", DType::kInt64, {2}, {1, 2}, Bytes(ids)));
    return block;
  };
  EXPECT_THAT(error({1, 2}, {0, 0, 0, 0, 0, 0}), HasSubstr("it is new"));
  EXPECT_EQ(Error({.name = "d"}, {with({2, 0, 1, 0, 0, 1}), with({2, 0, 1, 0, 0, 2})}),
            "graph 3, column \"ring_index\": row 1 has node 2; the graph has 2 nodes (by its name "
            "the column holds node ids; rename it if it does not)");
  EXPECT_THAT(
      Error({.name = "d"}, {with({-1, 0, 1, 0, 0, 1})}),
      HasSubstr("graph 0, column \"ring_index\": row 0 has node -1; the graph has 3 nodes"));
  // A single graph's rows count over its blocks.
  GraphBlock block;
  block.columns = {Column("face", DType::kInt32, {}, {}, Bytes<int32_t>({4, 0}))};
  GraphBlock last = block;
  last.columns[0].rows = Bytes<int32_t>({1, 5});
  EXPECT_THAT(
      Error({.name = "g", .collection = false, .num_nodes = {5}, .num_edges = {0}}, {block, last}),
      HasSubstr("the graph, column \"face\": row 3 has node 5; the graph has 5 nodes"));
}

TEST_F(IngestErrorsTest, NodeIdsOfAHeterogeneousColumnAreOfItsOwnType) {
  IngestSpec spec{.name = "d", .heterogeneous = true};
  spec.node_types = {"a", "b"};
  spec.edge_types = {{0, "to", 1}};
  GraphBlock block;
  block.num_graphs = 1;
  block.num_nodes = {{5}, {3}};
  block.num_edges = {{0}};
  block.columns = {Column("next_index", DType::kInt64, {}, {3}, Bytes<int64_t>({0, 2, 3}))};
  block.columns[0].level = Level::kNode;
  block.columns[0].type = 1;
  EXPECT_THAT(Error(spec, {block}),
              HasSubstr("graph 0, column \"next_index\" of b: row 2 has node 3; the graph has 3 b "
                        "nodes"));
}

TEST_F(IngestErrorsTest, StringsAreUtf8) {
  const auto with = [](std::vector<std::string> strings) {
    GraphBlock block = TwoGraphs();
    block.columns.push_back(Column("smiles", DType::kString, {}, {1, 2}, ""));
    block.columns.back().strings = std::move(strings);
    return block;
  };
  EXPECT_EQ(Error({.name = "d"}, {with({"C", "", "\xc3\xa9"}), with({"C", "N", "O\xff"})}),
            "graph 3, column \"smiles\": row 1 is not UTF-8: byte 1 of 2 is 0xff");
  EXPECT_THAT(Error({.name = "d"}, {with({"\xc3", "", ""})}),
              HasSubstr("graph 0, column \"smiles\": row 0 is not UTF-8: byte 0 of 1 is 0xc3"));
  GraphBlock block;
  block.columns = {Column("title", DType::kString, {}, {}, "")};
  block.columns[0].strings = {"one", "two"};
  GraphBlock last = block;
  last.columns[0].strings = {"three", "\x80"};
  EXPECT_THAT(
      Error({.name = "g", .collection = false, .num_nodes = {4}, .num_edges = {0}}, {block, last}),
      HasSubstr("the graph, column \"title\": row 3 is not UTF-8"));
}

TEST_F(IngestErrorsTest, EdgeIndexIsOfIntegersAndEdges) {
  GraphBlock floats = TwoGraphs();
  floats.columns[1].dtype = DType::kFloat64;
  EXPECT_THAT(Error({.name = "d"}, {floats}),
              HasSubstr("edge_index is edge level and holds integers of shape [2, num_edges]"));
  GraphBlock triples = TwoGraphs();
  triples.columns[1].row_shape = {3};
  EXPECT_THAT(Error({.name = "d"}, {triples}), HasSubstr("[2, num_edges]"));
  GraphBlock short_by_one = TwoGraphs();
  short_by_one.num_edges = {{3, 1}};
  EXPECT_EQ(Error({.name = "d"}, {short_by_one}),
            "column \"edge_index\" is edge level, but graph 0 has 2 rows and 3 edges");
  EXPECT_THAT(Error({.name = "d", .kinds = {{"edge_index", Level::kNode}}}, {TwoGraphs()}),
              HasSubstr("edge_index is edge level"));
  GraphBlock without = TwoGraphs();
  without.columns.erase(without.columns.begin() + 1);
  EXPECT_EQ(Error({.name = "d"}, {without}),
            "the dataset has 3 edges, but no column \"edge_index\"");
}

TEST_F(IngestErrorsTest, ReservedAndMalformedNamesAreRefused) {
  for (const char* name : {"ptr", "nodes_mask", "", "a\nb"}) {
    GraphBlock block = TwoGraphs();
    block.columns[0].name = name;
    EXPECT_THAT(Error({.name = "d"}, {block}), HasSubstr("column \"")) << name;
  }
}

TEST_F(IngestErrorsTest, AmbiguousColumnsSayHowToDeclareThem) {
  const GraphBlock points =
      Graphs({1, 1}, {0, 0}, {Column("w", DType::kInt64, {}, {1, 1}, Bytes<int64_t>({1, 2}))});
  EXPECT_THAT(Error({.name = "d"}, {points}), HasSubstr("kinds={\"w\": \"node\"}"));
}

TEST_F(IngestErrorsTest, DeclarationsAreHeldAgainstTheData) {
  EXPECT_EQ(Error({.name = "d", .kinds = {{"y", Level::kNode}}}, {TwoGraphs()}),
            "column \"y\" is node level, but graph 0 has 1 rows and 3 nodes");
  EXPECT_EQ(Error({.name = "d", .kinds = {{"nobody", Level::kNode}}}, {TwoGraphs()}),
            "kinds declares column \"nobody\", which does not exist");
  GraphBlock block = TwoGraphs();
  block.columns[0].level = Level::kNode;
  EXPECT_THAT(Error({.name = "d", .kinds = {{"x", Level::kGraph}}}, {block}),
              HasSubstr("kinds declares graph level"));
}

TEST_F(IngestErrorsTest, BoolsAreZeroOrOne) {
  const GraphBlock block =
      Graphs({2}, {0}, {Column("mask", DType::kBool, {}, {2}, Bytes<uint8_t>({1, 7}))});
  EXPECT_EQ(Error({.name = "d"}, {block}),
            "graph 0, column \"mask\": a bool has the value 7; it is 0 or 1");
}

TEST_F(IngestErrorsTest, ADatasetHasGraphs) {
  EXPECT_EQ(Error({.name = "d"}, {}), "the dataset has no graphs");
}

TEST_F(IngestErrorsTest, NamesOfDatasets) {
  for (const char* name : {"", "-x", ".x", "a b", "a@1", "a/b", "\xc3\xbc"}) {
    EXPECT_THAT(Error({.name = name}, {TwoGraphs()}), HasSubstr("dataset name")) << name;
  }
  EXPECT_THAT(Error({.name = std::string(129, 'a')}, {TwoGraphs()}), HasSubstr("1 to 128"));
}

TEST_F(IngestErrorsTest, HeterogeneousDeclarations) {
  EXPECT_THAT(Error({.name = "d", .node_types = {"a"}}, {}), HasSubstr("heterogeneous is not set"));
  EXPECT_THAT(Error({.name = "d", .heterogeneous = true}, {}), HasSubstr("node_types"));
  IngestSpec spec{.name = "d", .heterogeneous = true};
  spec.node_types = {"a", "b"};
  spec.edge_types = {{0, "to", 1}};
  GraphBlock block;
  block.num_graphs = 1;
  block.num_nodes = {{2}, {3}};
  block.num_edges = {{1}};
  block.columns = {EdgeIndex({1}, {2, 2})};
  EXPECT_THAT(Error(spec, {block}), HasSubstr("level is not declared"));
  block.columns[0].level = Level::kEdge;
  EXPECT_EQ(Error(spec, {block}),
            "graph 0: edge_index of a|to|b has node 2 in edge 0 (row 0); the graph has 2 a nodes");
  block.columns[0].type = 1;
  EXPECT_THAT(Error(spec, {block}), HasSubstr("type 1"));
  block.columns = {};
  EXPECT_EQ(Error(spec, {block}), "a|to|b has 1 edges, but no column \"edge_index\"");
  IngestSpec with_kinds = spec;
  with_kinds.kinds = {{"x", Level::kNode}};
  EXPECT_THAT(Error(with_kinds, {}), HasSubstr("kinds"));
  IngestSpec with_transforms = spec;
  with_transforms.transforms = {ToUndirected{}, ToUndirected{}};
  EXPECT_THAT(Error(with_transforms, {}), HasSubstr("b|rev_to|a exists already"));
}

TEST_F(IngestErrorsTest, ASingleGraphDeclaresItsSize) {
  EXPECT_THAT(Error({.name = "g", .collection = false}, {}), HasSubstr("num_nodes has 0 entries"));
  EXPECT_THAT(Error({.name = "g", .collection = false, .num_nodes = {3}, .num_edges = {-1}}, {}),
              HasSubstr("num_edges holds -1"));
  EXPECT_THAT(Error({.name = "g", .num_nodes = {3}}, {}), HasSubstr("single graph"));
}

TEST_F(IngestErrorsTest, ASingleGraphIsHeldAgainstItsSize) {
  const IngestSpec spec{.name = "g", .collection = false, .num_nodes = {3}, .num_edges = {3}};
  const auto of = [](ColumnBlock column) {
    GraphBlock block;
    block.columns.push_back(std::move(column));
    return block;
  };
  EXPECT_EQ(Error(spec, {of(EdgeIndex({}, {0, 1, 1, 2})), of(EdgeIndex({}, {2, 3}))}),
            "edge_index has node 3 in edge 2 (row 1); the graph has 3 nodes");
  EXPECT_EQ(Error(spec, {of(EdgeIndex({}, {0, 1, 1, 2}))}),
            "column \"edge_index\" is edge level, but the graph has 2 rows and 3 edges");
  EXPECT_THAT(Error(spec, {TwoGraphs()}), HasSubstr("whose size the ingest declares"));
  ColumnBlock odd = Column("x", DType::kInt64, {}, {}, "seven b");
  EXPECT_EQ(Error(spec, {of(odd)}),
            "the graph, column \"x\": 7 bytes are not a whole number of rows of 8");
  IngestSpec transformed = spec;
  transformed.transforms = {AddSelfLoops{}};
  EXPECT_EQ(Error(transformed, {of(EdgeIndex({}, {0, 1, 1, 2})), of(EdgeIndex({}, {2, 3}))}),
            "edge_index has node 3 in edge 2 (row 1); the graph has 3 nodes");
}

TEST_F(IngestErrorsTest, IngestMemoryBoundsBlocksAndTransformedGraphs) {
  const CatalogOptions options{.ingest_memory_bytes = 1000};
  GraphBlock block;
  block.columns = {Column("x", DType::kFloat32, {25}, {}, std::string(400, '\0'))};
  const IngestSpec spec{.name = "g",
                        .collection = false,
                        .transforms = {NormalizeFeatures{}},
                        .num_nodes = {12},
                        .num_edges = {0}};
  EXPECT_THAT(Error(spec, {block, block, block}, absl::StatusCode::kResourceExhausted, options),
              HasSubstr("--ingest-memory is 1000"));
  GraphBlock large;
  large.columns = {Column("x", DType::kFloat32, {}, {}, std::string(2000, '\0'))};
  EXPECT_THAT(Error({.name = "g", .collection = false, .num_nodes = {500}, .num_edges = {0}},
                    {large}, absl::StatusCode::kResourceExhausted, options),
              HasSubstr("a block has 2000 bytes; --ingest-memory is 1000"));
}

TEST_F(IngestErrorsTest, AfterAnErrorEveryCallRepeatsIt) {
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(), {});
  const auto session = *(*catalog)->StartIngest({.name = "d"});
  GraphBlock bad = TwoGraphs();
  bad.columns[0].rows.clear();
  const absl::Status error = session->Append(bad);
  EXPECT_TRUE(absl::IsInvalidArgument(error));
  EXPECT_EQ(session->Append(TwoGraphs()), error);
  EXPECT_EQ(session->Commit().status(), error);
}

TEST_F(IngestErrorsTest, ACommittedIngestTakesNothingMore) {
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(), {});
  const auto session = *(*catalog)->StartIngest({.name = "d"});
  ASSERT_TRUE(session->Append(TwoGraphs()).ok());
  ASSERT_TRUE(session->Commit().ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(session->Append(TwoGraphs())));
  EXPECT_TRUE(absl::IsFailedPrecondition(session->Commit().status()));
  EXPECT_EQ((*catalog)->List().size(), 1u);
}

TEST_F(IngestErrorsTest, AFailingStoreFailsTheIngestAndLeavesNothing) {
  disk_->on_add = [](ChunkKey) { return absl::ResourceExhaustedError("the disk is full"); };
  EXPECT_EQ(Error({.name = "d"}, {TwoGraphs()}, absl::StatusCode::kResourceExhausted),
            "the disk is full");
}

TEST_F(IngestErrorsTest, AFailingPublishLeavesNothing) {
  disk_->on_put_record = [](absl::string_view key) {
    return absl::StartsWith(key, "manifest/") ? absl::UnavailableError("no") : absl::OkStatus();
  };
  EXPECT_EQ(Error({.name = "d"}, {TwoGraphs()}, absl::StatusCode::kUnavailable), "no");
}

}  // namespace
}  // namespace graphfeed
