// The readers on published datasets, where they are at hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "storage/importers/npy_source.h"
#include "storage/importers/tu_source.h"
#include "storage/transforms/transforms.h"
#include "tests/storage/importers/test_files.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;

// The folder of a dataset, or "" with a message that the test checks nothing.
std::string DataFolder(const std::string& name) {
  const char* shared = std::getenv("GRAPHFEED_SHARED_DIR");
  const std::filesystem::path root =
      shared != nullptr ? std::filesystem::path(shared) : std::filesystem::path(GRAPHFEED_SHARED);
  const std::filesystem::path folder = root / "data" / name;
  if (std::filesystem::is_directory(folder)) return folder.string();
  std::cerr << "\n*** " << folder.string() << " IS ABSENT: set GRAPHFEED_SHARED_DIR\n\n";
  return "";
}

struct Expected {
  std::string name;
  int64_t graphs;
  std::vector<double> nodes;  // mean, std, min, quantile25, median, quantile75, max
  std::vector<double> edges;
  int64_t node_labels;
  int64_t node_attributes;
  int64_t edge_labels;
  int64_t classes;
};

double Quantile(const std::vector<int64_t>& sorted, double q) {
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return static_cast<double>(sorted[low]) +
         (at - static_cast<double>(low)) * static_cast<double>(sorted[high] - sorted[low]);
}

// Rounded to one decimal, as the tables print it.
std::vector<double> Summary(std::vector<int64_t> sizes) {
  std::sort(sizes.begin(), sizes.end());
  double mean = 0;
  for (const int64_t size : sizes) mean += static_cast<double>(size);
  mean /= static_cast<double>(sizes.size());
  double square = 0;
  for (const int64_t size : sizes) square += std::pow(static_cast<double>(size) - mean, 2);
  std::vector<double> summary = {mean,
                                 std::sqrt(square / static_cast<double>(sizes.size() - 1)),
                                 static_cast<double>(sizes.front()),
                                 Quantile(sizes, 0.25),
                                 static_cast<double>(sizes[(sizes.size() - 1) / 2]),
                                 Quantile(sizes, 0.75),
                                 static_cast<double>(sizes.back())};
  for (double& value : summary) value = std::round(value * 10) / 10;
  return summary;
}

// gtest prints it instead of bytes.
void PrintTo(const Expected& expected, std::ostream* out) { *out << expected.name; }

class TuDatasetTest : public testing::TestWithParam<Expected> {};

TEST_P(TuDatasetTest, HasThePublishedSizes) {
  const Expected& expected = GetParam();
  const std::string folder = DataFolder(expected.name);
  if (folder.empty()) return;
  auto source = OpenTuFolder(folder, {.node_attributes = true, .edge_attributes = true});
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->spec().name, expected.name);
  EXPECT_EQ((*source)->total(), expected.graphs);
  std::vector<int64_t> nodes;
  std::vector<int64_t> edges;
  int64_t largest_class = 0;
  const auto blocks = ReadAll(**source);
  ASSERT_TRUE(blocks.ok()) << blocks.status();
  for (const GraphBlock& block : *blocks) {
    nodes.insert(nodes.end(), block.num_nodes[0].begin(), block.num_nodes[0].end());
    edges.insert(edges.end(), block.num_edges[0].begin(), block.num_edges[0].end());
    EXPECT_THAT(FindColumn(block, "x")->row_shape,
                ElementsAre(expected.node_labels + expected.node_attributes));
    const ColumnBlock* edge_attr = FindColumn(block, "edge_attr");
    ASSERT_EQ(edge_attr != nullptr, expected.edge_labels > 0);
    if (edge_attr != nullptr) {
      EXPECT_THAT(edge_attr->row_shape, ElementsAre(expected.edge_labels));
    }
    for (const int64_t y : Values<int64_t>(FindColumn(block, "y")->rows)) {
      largest_class = std::max(largest_class, y);
    }
  }
  EXPECT_EQ(Summary(nodes), expected.nodes);
  EXPECT_EQ(Summary(edges), expected.edges);
  EXPECT_EQ(largest_class + 1, expected.classes);
}

INSTANTIATE_TEST_SUITE_P(All, TuDatasetTest,
                         testing::Values(Expected{"MUTAG",
                                                  188,
                                                  {17.9, 4.6, 10, 14, 17, 22, 28},
                                                  {39.6, 11.4, 20, 28, 38, 50, 66},
                                                  7,
                                                  0,
                                                  4,
                                                  2},
                                         Expected{"PROTEINS",
                                                  1113,
                                                  {39.1, 45.8, 4, 15, 26, 45, 620},
                                                  {145.6, 169.3, 10, 56, 98, 174, 2098},
                                                  3,
                                                  1,
                                                  0,
                                                  2},
                                         Expected{"ENZYMES",
                                                  600,
                                                  {32.6, 15.3, 2, 22, 32, 41, 126},
                                                  {124.3, 51.0, 2, 86, 120, 164, 298},
                                                  3,
                                                  18,
                                                  0,
                                                  6},
                                         Expected{"AIDS",
                                                  2000,
                                                  {15.7, 13.7, 2, 10, 11, 12, 95},
                                                  {32.4, 30.0, 2, 18, 22, 26, 206},
                                                  38,
                                                  4,
                                                  3,
                                                  2},
                                         Expected{"Mutagenicity",
                                                  4337,
                                                  {30.3, 20.1, 4, 19, 27, 35, 417},
                                                  {61.5, 33.6, 6, 38, 56, 76, 224},
                                                  14,
                                                  0,
                                                  3,
                                                  2}),
                         [](const auto& dataset) { return dataset.param.name; });

TEST(TuDatasetTest, MutagBeginsWithTheGraphThatTutorialsPrint) {
  const std::string folder = DataFolder("MUTAG");
  if (folder.empty()) return;
  auto source = OpenTuFolder(folder, {.block_bytes = 1});
  ASSERT_TRUE(source.ok()) << source.status();
  const auto block = (*source)->Next();
  ASSERT_TRUE(block.ok()) << block.status();
  EXPECT_THAT((**block).num_nodes[0], ElementsAre(17));
  EXPECT_THAT((**block).num_edges[0], ElementsAre(38));
  EXPECT_THAT(Values<int64_t>(FindColumn(**block, "y")->rows), ElementsAre(1));
  const std::vector<int64_t> edges = Values<int64_t>(FindColumn(**block, "edge_index")->rows);
  EXPECT_THAT(std::vector<int64_t>(edges.begin(), edges.begin() + 8),
              ElementsAre(0, 1, 0, 5, 1, 0, 1, 2));
}

TEST(NpyDatasetTest, CitationGraphsHaveThePublishedSizesAndLoops) {
  struct Citations {
    std::string name;
    int64_t nodes, edges, with_loops;
  };
  for (const Citations& expected :
       {Citations{"cora", 2708, 10556, 13264}, Citations{"citeseer", 3327, 9104, 12431}}) {
    const std::string data = DataFolder(expected.name);
    if (data.empty()) return;
    TempFolder folder;
    for (const char* file : {"edge_index.npy", "y.npy", "train_mask.npy"}) {
      std::filesystem::create_symlink(std::filesystem::path(data) / file, folder.File(file));
    }
    folder.Write("schema.json", absl::StrCat("{\"num_nodes\": ", expected.nodes, "}"));
    auto source = OpenNpyFolder(folder.path(), {});
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_THAT((*source)->spec().num_nodes, ElementsAre(expected.nodes));
    EXPECT_THAT((*source)->spec().num_edges, ElementsAre(expected.edges));
    const auto blocks = ReadAll(**source);
    GraphBlock graph;
    graph.num_graphs = 1;
    graph.num_nodes = {{expected.nodes}};
    graph.num_edges = {{expected.edges}};
    for (const GraphBlock& block : *blocks) {
      graph.columns.push_back(block.columns[0]);
      graph.columns.back().sizes = {graph.columns.back().level == Level::kEdge ? expected.edges
                                                                               : expected.nodes};
    }
    ASSERT_TRUE(ApplyTransforms({AddSelfLoops()}, graph).ok());
    EXPECT_THAT(graph.num_edges[0], ElementsAre(expected.with_loops));
    GraphBlock undirected = graph;
    ASSERT_TRUE(ApplyTransforms({ToUndirected()}, undirected).ok());
    EXPECT_THAT(undirected.num_edges[0], ElementsAre(expected.with_loops));
  }
}

}  // namespace
}  // namespace graphfeed
