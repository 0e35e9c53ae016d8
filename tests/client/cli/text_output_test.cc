#include "client/cli/text_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/json_output.h"

namespace graphfeed {
namespace {

TEST(TextTableTest, ColumnsAreAsWideAsTheirWidestCell) {
  TextTable table({"NAME", ">SIZE", "KIND"});
  table.Add({"a", "1,000", "x"});
  table.Add({"longer", "7", ""});
  EXPECT_EQ(table.ToString(),
            "NAME     SIZE  KIND\n"
            "a       1,000  x\n"
            "longer      7\n");
}

TEST(FormatTest, NumbersAreReadable) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(130839), "130,839");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.0 kB");
  EXPECT_EQ(FormatBytes(518400), "518 kB");
  EXPECT_EQ(FormatBytes(999999), "1.0 MB");
  EXPECT_EQ(FormatBytes(1.5e9), "1.5 GB");
  EXPECT_EQ(FormatPercent(0.39912), "39.91 %");
  EXPECT_EQ(FormatShape({17, 7}), "[17, 7]");
  EXPECT_EQ(FormatShape({}), "[]");
}

TEST(FormatTest, LongMessagesLoseTheirMiddle) {
  EXPECT_EQ(Shortened("short"), "short");
  const std::string snow = "\xe2\x98\x83";
  std::string message = "begins";
  while (message.size() < 50000) message += snow;
  const std::string shortened = Shortened(message + "ends");
  EXPECT_LT(shortened.size(), 16100u);
  EXPECT_EQ(shortened.substr(0, 9), "begins" + snow);
  EXPECT_EQ(shortened.substr(shortened.size() - 7), snow + "ends");
  const size_t cut = shortened.find(" ... ");
  EXPECT_EQ(shortened.substr(cut - 3, 3), snow);
  const size_t goes_on = shortened.find("left out ... ");
  EXPECT_EQ(shortened.substr(goes_on + 13, 3), snow);
}

TEST(FormatTest, ColumnShapesAreThoseOfOneGraph) {
  ColumnSchema column;
  column.row_shape = {7};
  EXPECT_EQ(ColumnShape(column), "[num_nodes, 7]");
  column.level = Level::kEdge;
  column.row_shape = {2};
  column.concat_last = true;
  EXPECT_EQ(ColumnShape(column), "[2, num_edges]");
  column = ColumnSchema();
  column.level = Level::kGraph;
  column.rows_per_graph = 1;
  EXPECT_EQ(ColumnShape(column), "[1]");
  column.row_shape = {19};
  EXPECT_EQ(ColumnShape(column), "[1, 19]");
  column.zero_dim = true;
  EXPECT_EQ(ColumnShape(column), "[]");
}

TEST(FormatTest, ManyBatchesAreSummedUp) {
  EXPECT_EQ(FormatGraphsPerBatch({9, 8, 9, 2}), "9,8,9,2");
  std::vector<int64_t> many(1200, 9);
  many.push_back(4);
  EXPECT_EQ(FormatGraphsPerBatch(many), "4 (1x), 9 (1,200x)");
}

DatasetInfo Molecules() {
  DatasetInfo info;
  info.name = "MUTAG";
  info.version = 2;
  info.schema = Schema::Homogeneous(true);
  info.num_graphs = 188;
  info.num_nodes = {3371};
  info.num_edges = {7442};
  info.total_node_sizes = {17.93, 4.59, 10, 14, 17, 22, 28};
  info.total_edge_sizes = {39.58, 11.35, 20, 28, 38, 50, 66};
  info.node_sizes = {info.total_node_sizes};
  info.edge_sizes = {info.total_edge_sizes};
  return info;
}

TEST(SummaryTableTest, OneGraphHasNone) {
  DatasetInfo info = Molecules();
  info.num_graphs = 1;
  EXPECT_EQ(SummaryTable(info), "");
}

TEST(SummaryTableTest, LooksAsPyGPrintsIt) {
  EXPECT_EQ(SummaryTable(Molecules()),
            "MUTAG (#graphs=188):\n"
            "+------------+----------+----------+\n"
            "|            |   #nodes |   #edges |\n"
            "|------------+----------+----------|\n"
            "| mean       |     17.9 |     39.6 |\n"
            "| std        |      4.6 |     11.3 |\n"
            "| min        |     10   |     20   |\n"
            "| quantile25 |     14   |     28   |\n"
            "| median     |     17   |     38   |\n"
            "| quantile75 |     22   |     50   |\n"
            "| max        |     28   |     66   |\n"
            "+------------+----------+----------+\n");
}

TEST(JsonOutputTest, ADatasetIsWhole) {
  DatasetInfo info = Molecules();
  ColumnSchema column;
  column.name = "x";
  column.row_shape = {7};
  info.schema.columns = {column};
  info.columns = {{3371, FloatRange{0, 1}}};
  info.transforms = {"add_self_loops(fill_value=1)"};
  const Json json = Json::parse(Dump(ToJson(info), 2));
  EXPECT_EQ(json["name"], "MUTAG");
  EXPECT_EQ(json["version"], 2);
  EXPECT_EQ(json["num_graphs"], 188);
  EXPECT_EQ(json["columns"][0]["name"], "x");
  EXPECT_EQ(json["columns"][0]["row_shape"], Json::array({7}));
  EXPECT_EQ(json["columns"][0]["max"], 1);
  EXPECT_EQ(json["summary"]["num_nodes"]["median"], 17);
  EXPECT_EQ(json["node_types"][0]["num_nodes"], 3371);
  EXPECT_EQ(json["transforms"][0], "add_self_loops(fill_value=1)");
}

TEST(JsonOutputTest, BytesThatAreNoTextDoNotFail) {
  EXPECT_EQ(Dump(Json{{"name", "\xff"}}, -1), "{\"name\":\"\xEF\xBF\xBD\"}");
}

TEST(FormatSizeEstimateTest, SaysHowMuchIsTrimmed) {
  SizeEstimate report;
  report.num_samples = 1000;
  EXPECT_EQ(FormatSizeEstimate(report), "from 1,000 batches; none of them exceeds it");
  report.trimmed_nodes = {0, 0.012};
  report.trimmed_edges = {0.001};
  report.trimmed_batches = 0.0349;
  EXPECT_EQ(FormatSizeEstimate(report),
            "from 1,000 batches; 3.49 % of them exceed it, by at most 1.20 % of the nodes or edges "
            "of a type");
}

}  // namespace
}  // namespace graphfeed
