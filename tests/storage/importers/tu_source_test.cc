#include "storage/importers/tu_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Two graphs: a path 1-2-3 with a loop on 1 and the edge (1, 2) twice, and the pair 4-5.
void WriteTwoGraphs(const TempFolder& folder) {
  folder.Write("T_A.txt", "2, 1\n1, 2\n1, 1\n2, 3\n3, 2\n1, 2\n5, 4\n4, 5\n");
  folder.Write("T_graph_indicator.txt", "1\n1\n1\n2\n2\n");
  folder.Write("T_graph_labels.txt", "7\n-3\n");
}

absl::StatusOr<GraphBlock> ReadOne(const TempFolder& folder, const TuOptions& options = {}) {
  auto source = OpenTuFolder(folder.path(), options);
  if (!source.ok()) return source.status();
  auto blocks = ReadAll(**source);
  if (!blocks.ok()) return blocks.status();
  EXPECT_EQ(blocks->size(), 1u);
  return std::move((*blocks)[0]);
}

std::vector<std::string> Names(const GraphBlock& block) {
  std::vector<std::string> names;
  for (const ColumnBlock& column : block.columns) names.push_back(column.name);
  return names;
}

TEST(TuSourceTest, EdgesAreLocalSortedAndWithoutLoopsAndRepeats) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  const auto block = ReadOne(folder);
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_EQ(block->num_graphs, 2);
  EXPECT_THAT(block->num_nodes[0], ElementsAre(3, 2));
  EXPECT_THAT(block->num_edges[0], ElementsAre(4, 2));
  const ColumnBlock* edges = FindColumn(*block, "edge_index");
  ASSERT_NE(edges, nullptr);
  EXPECT_TRUE(edges->concat_last);
  EXPECT_EQ(edges->dtype, DType::kInt64);
  EXPECT_THAT(edges->row_shape, ElementsAre(2));
  EXPECT_THAT(edges->sizes, ElementsAre(4, 2));
  EXPECT_THAT(Values<int64_t>(edges->rows), ElementsAre(0, 1, 1, 0, 1, 2, 2, 1, 0, 1, 1, 0));
}

TEST(TuSourceTest, ClassesAreNumberedInTheOrderOfTheirLabels) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  const auto block = ReadOne(folder);
  const ColumnBlock* y = FindColumn(*block, "y");
  EXPECT_EQ(y->dtype, DType::kInt64);
  EXPECT_EQ(y->level, Level::kGraph);
  EXPECT_THAT(y->row_shape, IsEmpty());
  EXPECT_THAT(Values<int64_t>(y->rows), ElementsAre(1, 0));
}

TEST(TuSourceTest, WithoutLabelsThereAreOnlyEdges) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  std::filesystem::remove(folder.File("T_graph_labels.txt"));
  EXPECT_THAT(Names(*ReadOne(folder)), ElementsAre("edge_index"));
}

TEST(TuSourceTest, LabelsAreOneHotFromTheSmallestAndColumnsStandSideBySide) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_node_labels.txt", "5, 0\n3, 1\n3, 0\n4, 0\n5, 1\n");
  const auto block = ReadOne(folder);
  const ColumnBlock* x = FindColumn(*block, "x");
  ASSERT_NE(x, nullptr);
  EXPECT_EQ(x->dtype, DType::kFloat32);
  EXPECT_THAT(x->row_shape, ElementsAre(5));
  EXPECT_THAT(x->sizes, ElementsAre(3, 2));
  EXPECT_THAT(Values<float>(x->rows), ElementsAre(0, 0, 1, 1, 0,  //
                                                  1, 0, 0, 0, 1,  //
                                                  1, 0, 0, 1, 0,  //
                                                  0, 1, 0, 1, 0,  //
                                                  0, 0, 1, 0, 1));
}

TEST(TuSourceTest, AttributesStandBeforeLabelsAndOnlyIfAskedFor) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_node_labels.txt", "0\n1\n0\n1\n1\n");
  folder.Write("T_node_attributes.txt", "0.5, 1e2\n1,2\n3 4\n-5,\t6\n+7 , 8\n");
  EXPECT_THAT(FindColumn(*ReadOne(folder), "x")->row_shape, ElementsAre(2));
  const auto block = ReadOne(folder, {.node_attributes = true});
  ASSERT_TRUE(block.ok()) << block.status();
  const ColumnBlock* x = FindColumn(*block, "x");
  EXPECT_THAT(x->row_shape, ElementsAre(4));
  EXPECT_THAT(Values<float>(x->rows), ElementsAre(0.5, 100, 1, 0,  //
                                                  1, 2, 0, 1,      //
                                                  3, 4, 1, 0,      //
                                                  -5, 6, 0, 1,     //
                                                  7, 8, 0, 1));
}

TEST(TuSourceTest, FeaturesOfRepeatedEdgesAreSummedAndThoseOfLoopsGo) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_edge_labels.txt", "1\n0\n0\n1\n1\n2\n0\n0\n");
  folder.Write("T_edge_attributes.txt", "1\n2\n40\n4\n5\n6\n7\n8\n");
  const auto block = ReadOne(folder, {.edge_attributes = true});
  ASSERT_TRUE(block.ok()) << block.status();
  const ColumnBlock* attr = FindColumn(*block, "edge_attr");
  EXPECT_THAT(attr->row_shape, ElementsAre(4));
  EXPECT_THAT(Values<float>(attr->rows), ElementsAre(8, 1, 0, 1,  // (0, 1), twice
                                                     1, 0, 1, 0,  // (1, 0)
                                                     4, 0, 1, 0,  // (1, 2)
                                                     5, 0, 1, 0,  // (2, 1)
                                                     8, 1, 0, 0,  // (0, 1) of the second graph
                                                     7, 1, 0, 0));
}

TEST(TuSourceTest, GraphAttributesAreTargetsOfARegression) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_graph_attributes.txt", "1.5, 2\n-3, 4\n");
  const auto block = ReadOne(folder);
  const ColumnBlock* y = FindColumn(*block, "y");
  EXPECT_EQ(y->dtype, DType::kFloat32);
  EXPECT_THAT(y->row_shape, ElementsAre(2));
  EXPECT_THAT(Values<float>(y->rows), ElementsAre(1.5, 2, -3, 4));
}

TEST(TuSourceTest, ColumnsComeInTheOrderOfPyG) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_node_labels.txt", "0\n1\n0\n1\n1\n");
  folder.Write("T_edge_labels.txt", "1\n0\n0\n1\n1\n2\n0\n0\n");
  EXPECT_THAT(Names(*ReadOne(folder)), ElementsAre("edge_index", "x", "edge_attr", "y"));
}

TEST(TuSourceTest, GraphsWithoutNodesKeepTheirPlace) {
  TempFolder folder;
  folder.Write("T_A.txt", "1, 2\n3, 4\n");
  folder.Write("T_graph_indicator.txt", "2\n2\n4\n4\n");
  folder.Write("T_graph_labels.txt", "0\n1\n2\n3\n4\n");
  const auto block = ReadOne(folder);
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_THAT(block->num_nodes[0], ElementsAre(0, 2, 0, 2, 0));
  EXPECT_THAT(block->num_edges[0], ElementsAre(0, 1, 0, 1, 0));
  EXPECT_THAT(Values<int64_t>(FindColumn(*block, "edge_index")->rows), ElementsAre(0, 1, 0, 1));
}

TEST(TuSourceTest, EdgesInAnyOrderOfTheGraphsAreSortedIn) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_A.txt", "5 4\n2 3\n4 5\n1 2\n");
  const auto block = ReadOne(folder);
  EXPECT_THAT(Values<int64_t>(FindColumn(*block, "edge_index")->rows),
              ElementsAre(0, 1, 1, 2, 0, 1, 1, 0));
}

TEST(TuSourceTest, GzippedFilesAndWindowsLineEndsReadTheSame) {
  TempFolder plain;
  WriteTwoGraphs(plain);
  TempFolder gzipped;
  gzipped.WriteGzipped("T_A.txt.gz", "2,1\r\n1,2\r\n1,1\r\n2,3\r\n3,2\r\n1,2\r\n5,4\r\n4,5\r\n");
  gzipped.WriteGzipped("T_graph_indicator.txt.gz", "1\r\n1\r\n1\r\n2\r\n2\r\n");
  gzipped.WriteGzipped("T_graph_labels.txt.gz", "7.0\n-3.0");
  const auto a = ReadOne(plain);
  const auto b = ReadOne(gzipped);
  ASSERT_TRUE(b.ok()) << b.status();
  ASSERT_EQ(a->columns.size(), b->columns.size());
  for (size_t c = 0; c < a->columns.size(); ++c) {
    EXPECT_EQ(a->columns[c].rows, b->columns[c].rows) << a->columns[c].name;
  }
}

TEST(TuSourceTest, SmallBlocksHoldTheSameGraphs) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  auto source = OpenTuFolder(folder.path(), {.block_bytes = 1});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->spec().name, "T");
  EXPECT_TRUE((*source)->spec().collection);
  EXPECT_EQ((*source)->total(), 2);
  const auto blocks = ReadAll(**source);
  ASSERT_EQ(blocks->size(), 2u);
  EXPECT_EQ((*source)->done(), 2);
  const auto whole = ReadOne(folder);
  for (size_t c = 0; c < whole->columns.size(); ++c) {
    EXPECT_EQ((*blocks)[0].columns[c].rows + (*blocks)[1].columns[c].rows, whole->columns[c].rows);
  }
}

TEST(TuSourceTest, TheFoldersOwnNameDecidesBetweenSeveralDatasets) {
  TempFolder parent;
  std::filesystem::create_directory(parent.File("B"));
  for (const char* name : {"A", "B"}) {
    parent.Write(absl::StrCat("B/", name, "_A.txt"), "1 2\n");
    parent.Write(absl::StrCat("B/", name, "_graph_indicator.txt"), "1\n1\n");
  }
  auto source = OpenTuFolder(parent.File("B"), {});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->spec().name, "B");
  EXPECT_EQ((*OpenTuFolder(parent.File("B") + "/", {}))->spec().name, "B");
  std::filesystem::rename(parent.File("B"), parent.File("C"));
  EXPECT_THAT(OpenTuFolder(parent.File("C"), {}).status().message(), HasSubstr("(A, B)"));
}

TEST(TuSourceTest, ProgressReachesTheSizeOfTheFiles) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  int64_t last = 0;
  int64_t total = -1;
  ASSERT_TRUE(OpenTuFolder(folder.path(), {.progress =
                                               [&](absl::string_view, int64_t done, int64_t all) {
                                                 EXPECT_GE(done, last);
                                                 last = done;
                                                 total = all;
                                               }})
                  .ok());
  EXPECT_EQ(last, total);
  EXPECT_GT(total, 0);
}

struct BadFile {
  std::string part;
  std::string content;
  std::string error;
  std::string source = "";  // the file that says otherwise
};

class TuErrorTest : public testing::TestWithParam<BadFile> {};

TEST_P(TuErrorTest, NamesFileLineAndValue) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_" + GetParam().part + ".txt", GetParam().content);
  const auto source = OpenTuFolder(folder.path(), {});
  EXPECT_EQ(source.status().code(), absl::StatusCode::kInvalidArgument) << source.status();
  EXPECT_THAT(source.status().message(), HasSubstr("T_" + GetParam().part + ".txt"));
  EXPECT_THAT(source.status().message(), HasSubstr(GetParam().error));
  EXPECT_THAT(source.status().message(), HasSubstr(GetParam().source));
}

INSTANTIATE_TEST_SUITE_P(
    All, TuErrorTest,
    testing::Values(
        BadFile{"A", "1, 2\n1, x7\n", ":2: 'x7' in column 2 is not a whole number"},
        BadFile{"A", "1, 2\n1,,2\n", ":2: '' in column 2"}, BadFile{"A", "1, 2.5\n", ":1: '2.5'"},
        BadFile{"A", "1, 99999999999999999999\n", ":1: '99999999999999999999'"},
        BadFile{"A", "1, 2\n1\n", ":2: the line has 1 columns, not 2"},
        BadFile{"A", "1, 2, 3\n", ":1: the line has 3 columns, not 2"},
        BadFile{"A", "1, 6\n", ":1: node 6; nodes are 1 to 5, one for each line of ",
                "T_graph_indicator.txt"},
        BadFile{"A", "0, 1\n", ":1: node 0; nodes are 1 to 5"},
        BadFile{"A", "1, 2\n3, 4\n", ":2: edge (3, 4) joins graph 1 and graph 2"},
        BadFile{"A", "1, 2\n\n2, 1\n", ":2: the line is empty"},
        BadFile{"graph_indicator", "1\n1\n2\n1\n2\n", ":4: node of graph 1 after one of graph 2"},
        BadFile{"graph_indicator", "0\n1\n", ":1: node of graph 0"},
        BadFile{"graph_indicator", "1\n3\n", ":2: node of graph 3; there are 2 graphs in ",
                "T_graph_labels.txt"},
        BadFile{"graph_indicator", "1\n1000000000000\n", "there are 2 graphs"},
        BadFile{"node_labels", "1\n2\n", " has 2 lines; there are 5 nodes in ",
                "T_graph_indicator.txt"},
        BadFile{"node_labels", "1\n1\n1\n1\n1\n1\n", ":6: there are only 5 nodes in ",
                "T_graph_indicator.txt"},
        BadFile{"node_labels", "1\n1\n1, 2\n1\n1\n", ":3: the line has 2 columns; the lines above"},
        BadFile{"edge_labels", "1\n", " has 1 lines; there are 8 edges in ", "T_A.txt"},
        BadFile{"node_attributes", "1\n1\nabc\n", ":3: 'abc' in column 1 is not a number"},
        BadFile{"graph_attributes", "1\n", " has 1 lines; there are 2 graphs"}));

TEST(TuSourceTest, LabelsTooFarApartAreRefused) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  folder.Write("T_node_labels.txt", "-9223372036854775808\n1\n1\n1\n9223372036854775807\n");
  const auto source = OpenTuFolder(folder.path(), {});
  EXPECT_EQ(source.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(source.status().message(), HasSubstr("more than 65536 columns"));
}

TEST(TuSourceTest, GapsNeedLabelsThatTellOfThem) {
  TempFolder folder;
  WriteTwoGraphs(folder);
  std::filesystem::remove(folder.File("T_graph_labels.txt"));
  folder.Write("T_graph_indicator.txt", "1\n1\n1\n4\n4\n");
  EXPECT_THAT(OpenTuFolder(folder.path(), {}).status().message(), HasSubstr(":4: node of graph 4"));
}

TEST(TuSourceTest, AFolderWithoutADatasetSaysWhatIsMissing) {
  TempFolder folder;
  EXPECT_EQ(OpenTuFolder(folder.path(), {}).status().code(), absl::StatusCode::kNotFound);
  folder.Write("T_A.txt", "1 2\n");
  const absl::Status status = OpenTuFolder(folder.path(), {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("graph_indicator"));
  EXPECT_EQ(OpenTuFolder(folder.File("nowhere"), {}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace graphfeed
