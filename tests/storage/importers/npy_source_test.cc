#include "storage/importers/npy_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Graphs of 2, 0 and 3 nodes and 2, 0 and 1 edges.
void WriteCollection(const TempFolder& folder) {
  folder.Write("node_ptr.npy", Npy<int64_t>("<i8", {4}, {0, 2, 2, 5}));
  folder.Write("edge_counts.npy", Npy<uint8_t>("|u1", {3}, {2, 0, 1}));
  folder.Write("x.npy", Npy<float>("<f4", {5, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  folder.Write("edge_index.npy", Npy<int32_t>("<i4", {2, 3}, {0, 1, 2, 1, 0, 0}));
  folder.Write("w.npy", Npy<int16_t>("<i2", {3}, {10, 20, 30}));
}

absl::StatusOr<std::vector<GraphBlock>> Read(const TempFolder& folder,
                                             const NpyOptions& options = {}) {
  auto source = OpenNpyFolder(folder.path(), options);
  if (!source.ok()) return source.status();
  auto blocks = ReadAll(**source);
  if (blocks.ok()) {
    EXPECT_EQ((*source)->done(), (*source)->total());
  }
  return blocks;
}

TEST(NpySourceTest, OffsetsAndCountsCutAFolderIntoGraphs) {
  TempFolder folder;
  WriteCollection(folder);
  folder.Write("schema.json", R"({"columns": [{"name": "x"}, {"name": "edge_index"},
      {"name": "weight", "file": "w.npy", "level": "edge"}]})");
  const auto blocks = Read(folder);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_EQ(blocks->size(), 1u);
  const GraphBlock& block = (*blocks)[0];
  EXPECT_EQ(block.num_graphs, 3);
  EXPECT_THAT(block.num_nodes[0], ElementsAre(2, 0, 3));
  EXPECT_THAT(block.num_edges[0], ElementsAre(2, 0, 1));
  ASSERT_EQ(block.columns.size(), 3u);
  const ColumnBlock& x = block.columns[0];
  EXPECT_EQ(x.level, Level::kNode);
  EXPECT_THAT(x.row_shape, ElementsAre(2));
  EXPECT_THAT(x.sizes, ElementsAre(2, 0, 3));
  EXPECT_THAT(Values<float>(x.rows), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  const ColumnBlock& edge_index = block.columns[1];
  EXPECT_TRUE(edge_index.concat_last);
  EXPECT_EQ(edge_index.level, Level::kEdge);
  EXPECT_EQ(edge_index.dtype, DType::kInt32);
  EXPECT_THAT(Values<int32_t>(edge_index.rows), ElementsAre(0, 1, 1, 0, 2, 0));
  const ColumnBlock& weight = block.columns[2];
  EXPECT_EQ(weight.name, "weight");
  EXPECT_EQ(weight.level, Level::kEdge);
  EXPECT_THAT(Values<int16_t>(weight.rows), ElementsAre(10, 20, 30));
}

TEST(NpySourceTest, ColumnsMayHaveSizesOfTheirOwn) {
  TempFolder folder;
  WriteCollection(folder);
  folder.Write("triples.npy", Npy<int16_t>("<i2", {4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  folder.Write("t_counts.npy", Npy<int64_t>("<i8", {3}, {3, 1, 0}));
  folder.Write("t_ptr.npy", Npy<int64_t>("<i8", {4}, {0, 3, 4, 4}));
  const auto read = [&](const std::string& how, int64_t block_bytes = kDefaultBlockBytes) {
    folder.Write("schema.json", R"({"columns": [{"name": "x"}, {"name": "edge_index"},
        {"name": "triples", )" + how +
                                    "}]}");
    return Read(folder, {.kinds = {}, .block_bytes = block_bytes});
  };
  for (const char* how : {R"("counts": "t_counts.npy")", R"("ptr": "t_ptr.npy")"}) {
    const auto blocks = read(how);
    ASSERT_TRUE(blocks.ok()) << blocks.status();
    const ColumnBlock& triples = (*blocks)[0].columns[2];
    EXPECT_EQ(triples.level, Level::kGraph);
    EXPECT_THAT(triples.sizes, ElementsAre(3, 1, 0));
    EXPECT_THAT(Values<int16_t>(triples.rows), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
    const auto pieces = read(how, /*block_bytes=*/1);
    ASSERT_EQ(pieces->size(), 3u);
    EXPECT_THAT((*pieces)[0].columns[2].sizes, ElementsAre(3));
    EXPECT_THAT(Values<int16_t>((*pieces)[1].columns[2].rows), ElementsAre(7, 8));
    EXPECT_THAT((*pieces)[2].columns[2].sizes, ElementsAre(0));
  }
  const auto error = [&](const std::string& how) {
    return std::string(read(how).status().message());
  };
  folder.Write("t_short.npy", Npy<int64_t>("<i8", {3}, {3, 0, 0}));
  EXPECT_THAT(error(R"("counts": "t_short.npy")"),
              AllOf(HasSubstr("triples.npy"), HasSubstr("it has 4 rows; "),
                    HasSubstr("tells of 3 in 3 graphs, of which there are 3")));
  EXPECT_THAT(error(R"("counts": "t_counts.npy", "ptr": "t_ptr.npy")"),
              HasSubstr("give the offsets or the counts, not both"));
  EXPECT_THAT(error(R"("counts": "t_counts.npy", "level": "node")"),
              HasSubstr("ptr and counts are for columns of graph level, not node"));
}

TEST(NpySourceTest, BlocksOfAnySizeHoldTheSameGraphs) {
  std::mt19937 random(7);
  std::vector<int64_t> node_ptr = {0};
  std::vector<int32_t> edge_counts;
  int64_t edges = 0;
  for (int g = 0; g < 200; ++g) {
    node_ptr.push_back(node_ptr.back() + static_cast<int64_t>(random() % 9));
    edge_counts.push_back(static_cast<int32_t>(random() % 7));
    edges += edge_counts.back();
  }
  std::vector<float> x(node_ptr.back() * 3);
  for (float& value : x) value = static_cast<float>(random() % 1000);
  std::vector<int64_t> edge_index(2 * edges);
  for (int64_t& value : edge_index) value = static_cast<int64_t>(random() % 1000);
  std::vector<double> y(200 * 2);
  for (double& value : y) value = static_cast<double>(random());
  TempFolder folder;
  folder.Write("node_ptr.npy", Npy("<i8", {201}, node_ptr));
  folder.Write("edge_counts.npy", Npy("<i4", {200}, edge_counts));
  folder.Write("x.npy", Npy("<f4", {node_ptr.back(), 3}, x));
  folder.Write("edge_index.npy", Npy("<i8", {edges, 2}, edge_index));
  folder.Write("y.npy", Npy("<f8", {200, 2}, y));

  for (const int64_t block_bytes : {int64_t{1}, int64_t{100}, int64_t{4000}, int64_t{1} << 40}) {
    const auto blocks = Read(folder, {.kinds = {{"y", Level::kGraph}}, .block_bytes = block_bytes});
    ASSERT_TRUE(blocks.ok()) << blocks.status();
    std::map<std::string, std::string> rows;
    std::vector<int64_t> sizes;
    for (const GraphBlock& block : *blocks) {
      for (const ColumnBlock& column : block.columns) {
        rows[column.name] += column.rows;
        // One graph may go beyond what was asked for.
        EXPECT_LE(static_cast<int64_t>(column.rows.size()), block_bytes + 1000);
      }
      sizes.insert(sizes.end(), block.num_nodes[0].begin(), block.num_nodes[0].end());
    }
    EXPECT_EQ(rows["x"], Bytes(x));
    EXPECT_EQ(rows["edge_index"], Bytes(edge_index));  // [E, 2] is kept as it is
    EXPECT_EQ(rows["y"], Bytes(y));
    ASSERT_EQ(sizes.size(), 200u);
    for (size_t g = 0; g < sizes.size(); ++g) EXPECT_EQ(sizes[g], node_ptr[g + 1] - node_ptr[g]);
  }
}

TEST(NpySourceTest, AFolderWithoutOffsetsIsOneGraphInPieces) {
  TempFolder folder;
  folder.Write("edge_index.npy", Npy<int64_t>("<i8", {2, 3}, {0, 1, 2, 1, 2, 3}));
  folder.Write("x.npy", Npy<float>("<f4", {4, 1}, {1, 2, 3, 4}));
  folder.Write("train_mask.npy", Npy<uint8_t>("|b1", {4}, {1, 0, 1, 0}));
  folder.Write("year.npy", Npy<int64_t>("<i8", {}, {1999}));
  auto source = OpenNpyFolder(folder.path(), {.block_bytes = 8});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_FALSE((*source)->spec().collection);
  EXPECT_THAT((*source)->spec().num_nodes, ElementsAre(4));
  EXPECT_THAT((*source)->spec().num_edges, ElementsAre(3));
  EXPECT_THAT((*source)->spec().node_types, IsEmpty());
  const auto blocks = ReadAll(**source);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  std::vector<std::string> pieces;
  std::map<std::string, std::string> rows;
  for (const GraphBlock& block : *blocks) {
    EXPECT_EQ(block.num_graphs, 0);
    ASSERT_EQ(block.columns.size(), 1u);
    const ColumnBlock& column = block.columns[0];
    EXPECT_THAT(column.sizes, IsEmpty());
    if (pieces.empty() || pieces.back() != column.name) pieces.push_back(column.name);
    rows[column.name] += column.rows;
  }
  EXPECT_THAT(pieces, ElementsAre("x", "edge_index", "train_mask", "year"));
  EXPECT_THAT(Values<float>(rows["x"]), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Values<int64_t>(rows["edge_index"]), ElementsAre(0, 1, 1, 2, 2, 3));
  EXPECT_EQ(blocks->back().columns[0].level, Level::kGraph);
  EXPECT_TRUE(blocks->back().columns[0].zero_dim);
}

TEST(NpySourceTest, EmptyColumnsOfASingleGraphAreStillDeclared) {
  TempFolder folder;
  folder.Write("edge_index.npy", Npy<int64_t>("<i8", {2, 0}, {}));
  folder.Write("x.npy", Npy<float>("<f4", {1, 1}, {1}));
  const auto blocks = Read(folder);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_EQ((*blocks)[1].columns[0].name, "edge_index");
  EXPECT_EQ((*blocks)[1].columns[0].rows, "");
}

TEST(NpySourceTest, RowsWithoutValuesOfASingleGraphAreCounted) {
  TempFolder folder;
  folder.Write("edge_index.npy", Npy<int64_t>("<i8", {2, 1}, {0, 1}));
  folder.Write("x.npy", Npy<float>("<f4", {3, 0}, {}));
  const auto blocks = Read(folder);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_EQ((*blocks)[0].columns[0].name, "x");
  EXPECT_THAT((*blocks)[0].columns[0].sizes, ElementsAre(3));
}

TEST(NpySourceTest, NodesOfAGraphWithoutNodeColumnsMustBeTold) {
  TempFolder folder;
  folder.Write("edge_index.npy", Npy<int64_t>("<i8", {2, 1}, {0, 1}));
  EXPECT_THAT(Read(folder).status().message(),
              AllOf(HasSubstr("set num_nodes"), HasSubstr("npy --write-schema`")));
  folder.Write("schema.json", R"({"num_nodes": 9})");
  auto source = OpenNpyFolder(folder.path(), {});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT((*source)->spec().num_nodes, ElementsAre(9));
}

TEST(NpySourceTest, GraphLevelRowsAreDividedAmongTheGraphs) {
  TempFolder folder;
  WriteCollection(folder);
  folder.Write("t.npy", Npy<float>("<f4", {6}, {1, 2, 3, 4, 5, 6}));
  const auto blocks = Read(folder, {.kinds = {{"w", Level::kEdge}}});
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  const ColumnBlock* t = FindColumn((*blocks)[0], "t");
  EXPECT_EQ(t->level, Level::kGraph);
  EXPECT_THAT(t->sizes, ElementsAre(2, 2, 2));
}

TEST(NpySourceTest, RowsThatFitGraphsAndEdgesMustBeDeclared) {
  TempFolder folder;
  WriteCollection(folder);
  const absl::Status status = Read(folder).status();  // 3 graphs, 3 edges, w has 3 rows
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("w.npy (int16 (3)): its 3 rows may belong to the graphs "
                                          "or to their edges; declare"));
  EXPECT_EQ((*Read(folder, {.kinds = {{"w", Level::kGraph}}}))[0].columns.back().level,
            Level::kGraph);
}

TEST(NpySourceTest, EdgeInTheNameDecidesBetweenNodesAndEdges) {
  TempFolder folder;
  folder.Write("edge_index.npy", Npy<int64_t>("<i8", {2, 2}, {0, 1, 1, 0}));
  folder.Write("x.npy", Npy<float>("<f4", {2, 1}, {1, 2}));
  folder.Write("edge_w.npy", Npy<float>("<f4", {2}, {1, 2}));
  folder.Write("w.npy", Npy<float>("<f4", {2}, {1, 2}));
  const auto blocks = Read(folder);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  for (const GraphBlock& block : *blocks) {
    const ColumnBlock& column = block.columns[0];
    EXPECT_EQ(column.level, column.name.find("edge") == 0 ? Level::kEdge : Level::kNode)
        << column.name;
  }
}

TEST(NpySourceTest, HeterogeneousFoldersNameTypesAndFiles) {
  TempFolder folder;
  folder.Write("mx.npy", Npy<float>("<f4", {2, 1}, {1, 2}));
  folder.Write("m_to_d.npy", Npy<int64_t>("<i8", {2, 2}, {0, 1, 2, 0}));
  folder.Write("schema.json", R"({
    "name": "films",
    "nodes": [{"type": "movie", "columns": [{"name": "x", "file": "mx.npy"}]},
              {"type": "director", "num_nodes": 3}],
    "edges": [{"source": "movie", "relation": "to", "target": "director",
               "columns": [{"name": "edge_index", "file": "m_to_d.npy"}]}]})");
  auto source = OpenNpyFolder(folder.path(), {});
  ASSERT_TRUE(source.ok()) << source.status();
  const IngestSpec& spec = (*source)->spec();
  EXPECT_EQ(spec.name, "films");
  EXPECT_TRUE(spec.heterogeneous);
  EXPECT_THAT(spec.node_types, ElementsAre("movie", "director"));
  EXPECT_THAT(spec.edge_types, ElementsAre(EdgeType{0, "to", 1}));
  EXPECT_THAT(spec.num_nodes, ElementsAre(2, 3));
  EXPECT_THAT(spec.num_edges, ElementsAre(2));
  const auto blocks = ReadAll(**source);
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_THAT(Values<int64_t>((*blocks)[1].columns[0].rows), ElementsAre(0, 2, 1, 0));
}

TEST(NpySourceTest, HeterogeneousCollectionsAreCutByType) {
  TempFolder folder;
  folder.Write("a_ptr.npy", Npy<int64_t>("<i8", {3}, {0, 1, 3}));
  folder.Write("b_counts.npy", Npy<int64_t>("<i8", {2}, {2, 0}));
  folder.Write("e_counts.npy", Npy<int64_t>("<i8", {2}, {2, 0}));
  folder.Write("ax.npy", Npy<float>("<f4", {3}, {1, 2, 3}));
  folder.Write("bx.npy", Npy<float>("<f4", {2}, {4, 5}));
  folder.Write("e.npy", Npy<int64_t>("<i8", {2, 2}, {0, 0, 0, 1}));
  folder.Write("y.npy", Npy<int64_t>("<i8", {2}, {8, 9}));
  folder.Write("schema.json", R"({
    "nodes": [{"type": "a", "ptr": "a_ptr.npy", "columns": [{"name": "x", "file": "ax.npy"}]},
              {"type": "b", "counts": "b_counts.npy", "columns": [{"name": "x", "file": "bx.npy"}]}],
    "edges": [{"source": "a", "relation": "r", "target": "b", "counts": "e_counts.npy",
               "columns": [{"name": "edge_index", "file": "e.npy"}]}],
    "columns": [{"name": "y"}]})");
  const auto blocks = Read(folder, {.block_bytes = 1});
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_THAT(Values<float>(FindColumn((*blocks)[0], "x", 1)->rows), ElementsAre(4, 5));
  EXPECT_THAT(Values<float>(FindColumn((*blocks)[1], "x", 0)->rows), ElementsAre(2, 3));
  EXPECT_THAT(Values<float>(FindColumn((*blocks)[1], "x", 1)->rows), IsEmpty());
  EXPECT_THAT(Values<int64_t>(FindColumn((*blocks)[1], "y")->rows), ElementsAre(9));
}

struct BadSchema {
  std::string json;
  std::string error;
};

class NpySchemaErrorTest : public testing::TestWithParam<BadSchema> {};

TEST_P(NpySchemaErrorTest, SaysWhatIsWrong) {
  TempFolder folder;
  WriteCollection(folder);
  folder.Write("schema.json", GetParam().json);
  const absl::Status status = Read(folder).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(status.message(), HasSubstr(GetParam().error));
}

INSTANTIATE_TEST_SUITE_P(
    All, NpySchemaErrorTest,
    testing::Values(
        BadSchema{R"({"columns": [{"nam": "x"}]})", "nam"},
        BadSchema{"{\"columns\": [", "schema.json"},
        BadSchema{R"({"columns": [{"name": "x", "level": "vertex"}]})",
                  "level is \"vertex\"; it can be"},
        BadSchema{R"({"columns": [{"name": "x", "axis": "0"}]})", "axis is \"0\""},
        BadSchema{R"({"columns": [{"name": "x"}, {"name": "x"}]})", "column x is declared twice"},
        BadSchema{R"({"columns": [{"file": "x.npy"}]})", "no name"},
        BadSchema{R"({"columns": [{"name": "gone"}]})", "gone.npy"},
        BadSchema{R"({"columns": [{"name": "x", "level": "edge"}]})",
                  "it has 5 rows; there are 3 edges"},
        BadSchema{R"({"node_ptr": "node_ptr.npy", "node_counts": "w.npy"})", "not both"},
        BadSchema{R"({"num_nodes": 5, "columns": [{"name": "x"}]})", "single graph"},
        BadSchema{R"({"node_counts": "w.npy", "columns": [{"name": "v", "file": "x.npy"}]})",
                  "5 rows are neither"},
        BadSchema{R"({"edge_ptr": "node_ptr.npy", "columns": [{"name": "edge_index"}]})",
                  "it has 3 rows; there are 5 edges"},
        BadSchema{R"({"edge_ptr": "w.npy"})", "begins with 10"},
        BadSchema{R"({"nodes": [{"type": "a"}], "columns": [{"name": "w", "level": "edge"}]})",
                  "level of a heterogeneous column"},
        BadSchema{R"({"nodes": [{"type": "a"}], "edges": [{"source": "a", "target": "z"}]})",
                  "node type \"z\"; there are a"}));

TEST(NpySourceTest, BadOffsetsNameTheirEntry) {
  TempFolder folder;
  WriteCollection(folder);
  folder.Write("node_ptr.npy", Npy<int64_t>("<i8", {4}, {0, 3, 2, 5}));
  EXPECT_THAT(Read(folder).status().message(), HasSubstr("node_ptr.npy: entry 2 is 2; offsets"));
  folder.Write("node_ptr.npy", Npy<int64_t>("<i8", {3}, {0, 3, 5}));
  EXPECT_THAT(Read(folder).status().message(), HasSubstr("tells of 2 graphs"));
  folder.Write("node_ptr.npy", Npy<int64_t>("<i8", {0}, {}));
  EXPECT_THAT(Read(folder).status().message(), HasSubstr("is empty"));
  std::filesystem::remove(folder.File("node_ptr.npy"));
  folder.Write("node_counts.npy", Npy<int64_t>("<i8", {3}, {2, -1, 4}));
  EXPECT_THAT(Read(folder).status().message(), HasSubstr("entry 1 is -1"));
  const int64_t huge = std::numeric_limits<int64_t>::max();
  folder.Write("node_counts.npy", Npy<int64_t>("<i8", {3}, {huge, huge, 4}));
  EXPECT_THAT(Read(folder).status().message(), HasSubstr("entry 1"));
}

TEST(NpySourceTest, KindsForColumnsThatAreNotThereAreErrors) {
  TempFolder folder;
  WriteCollection(folder);
  EXPECT_THAT(Read(folder, {.kinds = {{"ww", Level::kEdge}}}).status().message(),
              HasSubstr("column ww as edge level, but there is no such column"));
}

TEST(NpySourceTest, AMissingFolderIsNotFound) {
  EXPECT_EQ(OpenNpyFolder("/nonexistent", {}).status().code(), absl::StatusCode::kNotFound);
}

TEST(NpySourceTest, RowsThatDoNotFitTheirNameAreRefused) {
  const auto open = [](const char* file, const std::string& array, bool collection,
                       const NpyOptions& options = {}) {
    TempFolder folder;
    folder.Write("edge_index.npy", Npy<int64_t>("<i8", {2, 3}, {0, 1, 2, 1, 2, 3}));
    folder.Write("x.npy", Npy<float>("<f4", {5, 1}, {1, 2, 3, 4, 5}));
    if (collection) {
      folder.Write("node_ptr.npy", Npy<int64_t>("<i8", {3}, {0, 4, 5}));
      folder.Write("edge_ptr.npy", Npy<int64_t>("<i8", {3}, {0, 3, 3}));
    }
    folder.Write(file, array);
    return OpenNpyFolder(folder.path(), options).status();
  };
  const std::string two = Npy<float>("<f4", {2}, {1, 2});
  EXPECT_THAT(open("edge_attr.npy", two, false).message(),
              AllOf(HasSubstr("2 rows for 3 edges"), HasSubstr("--kinds edge_attr=graph")));
  EXPECT_THAT(open("pos.npy", two, false).message(), HasSubstr("2 rows for 5 nodes"));
  EXPECT_THAT(open("pos.npy", two, true).message(), HasSubstr("2 rows for 5 nodes"));
  EXPECT_THAT(open("train_mask.npy", two, false).message(), HasSubstr("5 nodes and 3 edges"));
  EXPECT_THAT(open("y.npy", two, false).message(), HasSubstr("5 nodes and 3 edges"));
  EXPECT_EQ(open("y.npy", two, true), absl::OkStatus());
  EXPECT_EQ(open("pos.npy", two, false, {.kinds = {{"pos", Level::kGraph}}}), absl::OkStatus());
}

TEST(NpySourceTest, AFolderWithoutColumnsSaysWhetherItHasASchema) {
  TempFolder folder;
  EXPECT_THAT(OpenNpyFolder(folder.path(), {}).status().message(),
              HasSubstr("schema.json: there is no such file, and no .npy file in the folder"));
  folder.Write("schema.json", R"({"columns": []})");
  EXPECT_FALSE(OpenNpyFolder(folder.path(), {}).ok());
}

}  // namespace
}  // namespace graphfeed
