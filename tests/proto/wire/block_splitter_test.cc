#include "proto/wire/block_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace graphfeed::wire {
namespace {

using ::testing::HasSubstr;

ColumnBlock Column(const std::string& name, DType dtype, std::vector<int64_t> row_shape) {
  ColumnBlock column;
  column.name = name;
  column.dtype = dtype;
  column.row_shape = std::move(row_shape);
  return column;
}

// `num_graphs` graphs; graph g has g % 5 nodes, 2 * (g % 5) edges, one y and a name.
GraphBlock Molecules(int64_t num_graphs) {
  GraphBlock block;
  block.num_graphs = num_graphs;
  block.num_nodes.resize(1);
  block.num_edges.resize(1);
  ColumnBlock x = Column("x", DType::kFloat32, {3});
  ColumnBlock edges = Column("edge_index", DType::kInt64, {2});
  edges.concat_last = true;
  ColumnBlock y = Column("y", DType::kInt64, {});
  ColumnBlock name = Column("name", DType::kString, {});
  for (int64_t g = 0; g < num_graphs; ++g) {
    const int64_t nodes = g % 5;
    block.num_nodes[0].push_back(nodes);
    block.num_edges[0].push_back(2 * nodes);
    x.sizes.push_back(nodes);
    x.rows.append(static_cast<size_t>(nodes * 12), static_cast<char>('a' + g % 26));
    edges.sizes.push_back(2 * nodes);
    edges.rows.append(static_cast<size_t>(nodes * 32), static_cast<char>('A' + g % 26));
    y.rows.append(8, static_cast<char>(g));
    name.strings.push_back("molecule " + std::to_string(g));
  }
  block.columns = {x, edges, y, name};
  return block;
}

struct Sent {
  std::vector<GraphBlock> parts;
  absl::Status status;
};

Sent Split(GraphBlock block, bool collection, SplitLimits limits) {
  Sent sent;
  sent.status = SplitBlock(std::move(block), collection, 100, limits, [&](GraphBlock part) {
    sent.parts.push_back(std::move(part));
    return absl::OkStatus();
  });
  return sent;
}

void Append(ColumnBlock& to, const ColumnBlock& part) {
  EXPECT_EQ(to.name, part.name);
  EXPECT_EQ(to.dtype, part.dtype);
  EXPECT_EQ(to.row_shape, part.row_shape);
  EXPECT_EQ(to.concat_last, part.concat_last);
  to.sizes.insert(to.sizes.end(), part.sizes.begin(), part.sizes.end());
  to.rows += part.rows;
  to.strings.insert(to.strings.end(), part.strings.begin(), part.strings.end());
}

int64_t RowBytes(const GraphBlock& block) {
  int64_t bytes = 0;
  for (const ColumnBlock& column : block.columns) {
    bytes += static_cast<int64_t>(column.rows.size());
  }
  return bytes;
}

// A number in a message that nothing bears out would be counted up to.
TEST(BlockSplitterTest, GraphsWithoutAnythingAreFew) {
  GraphBlock block;
  block.num_graphs = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(std::string(Split(block, true, {}).status.message()),
              HasSubstr("num_graphs is 9223372036854775807"));
  block.columns = {Column("empty", DType::kUint8, {0})};
  EXPECT_TRUE(absl::IsInvalidArgument(Split(block, true, {}).status));
  block.num_graphs = 1000;
  EXPECT_TRUE(Split(block, true, {}).status.ok());
}

TEST(BlockSplitterTest, PartsOfACollectionMakeUpTheWhole) {
  const GraphBlock whole = Molecules(103);
  const Sent sent = Split(whole, true, {.target_bytes = 1000, .max_bytes = 5000});
  ASSERT_TRUE(sent.status.ok()) << sent.status;
  EXPECT_GT(sent.parts.size(), 5u);
  GraphBlock joined = sent.parts[0];
  for (size_t i = 1; i < sent.parts.size(); ++i) {
    const GraphBlock& part = sent.parts[i];
    EXPECT_GT(part.num_graphs, 0);
    EXPECT_LE(RowBytes(part), 1000);
    joined.num_graphs += part.num_graphs;
    for (int64_t n : part.num_nodes[0]) joined.num_nodes[0].push_back(n);
    for (int64_t n : part.num_edges[0]) joined.num_edges[0].push_back(n);
    for (size_t c = 0; c < part.columns.size(); ++c) Append(joined.columns[c], part.columns[c]);
  }
  EXPECT_EQ(joined.num_graphs, whole.num_graphs);
  EXPECT_EQ(joined.num_nodes, whole.num_nodes);
  EXPECT_EQ(joined.num_edges, whole.num_edges);
  for (size_t c = 0; c < whole.columns.size(); ++c) {
    EXPECT_EQ(joined.columns[c].rows, whole.columns[c].rows);
    EXPECT_EQ(joined.columns[c].sizes, whole.columns[c].sizes);
    EXPECT_EQ(joined.columns[c].strings, whole.columns[c].strings);
  }
}

TEST(BlockSplitterTest, SmallBlocksGoAsTheyAre) {
  for (const int64_t num_graphs : {0, 1, 20}) {
    const Sent sent = Split(Molecules(num_graphs), true, SplitLimits());
    ASSERT_TRUE(sent.status.ok()) << sent.status;
    ASSERT_EQ(sent.parts.size(), 1u);
    EXPECT_EQ(sent.parts[0].num_graphs, num_graphs);
  }
}

TEST(BlockSplitterTest, ALargeGraphGoesAlone) {
  GraphBlock block = Molecules(3);
  block.num_nodes[0][1] = 300;
  block.columns[0].sizes[1] = 300;
  block.columns[0].rows.assign((0 + 300 + 2) * 12, 'x');
  const Sent sent = Split(std::move(block), true, {.target_bytes = 100, .max_bytes = 4000});
  ASSERT_TRUE(sent.status.ok()) << sent.status;
  ASSERT_EQ(sent.parts.size(), 3u);
  EXPECT_EQ(sent.parts[1].num_graphs, 1);
  EXPECT_EQ(sent.parts[1].columns[0].rows.size(), 3600u);
}

TEST(BlockSplitterTest, ARowOfAGraphThatNoMessageHoldsIsNamed) {
  GraphBlock block = Molecules(3);
  block.columns[3].strings[1] = std::string(1200, 'x');
  const Sent sent = Split(std::move(block), true, {.target_bytes = 100, .max_bytes = 1000});
  EXPECT_EQ(sent.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(sent.status.message()),
              HasSubstr("graph 101, column name: row 1 has 1208 bytes; a message holds 1000"));
}

TEST(BlockSplitterTest, RowsOfASingleGraphAreCutByColumn) {
  GraphBlock block;
  ColumnBlock x = Column("x", DType::kFloat32, {4});
  for (int i = 0; i < 1000; ++i) x.rows.append(16, static_cast<char>(i));
  ColumnBlock empty = Column("edge_attr", DType::kFloat32, {0});
  empty.sizes = {1000};
  ColumnBlock name = Column("name", DType::kString, {});
  for (int i = 0; i < 50; ++i)
    name.strings.push_back(std::string(20, static_cast<char>('a' + i % 26)));
  block.columns = {x, empty, name};
  const Sent sent = Split(block, false, {.target_bytes = 500, .max_bytes = 600});
  ASSERT_TRUE(sent.status.ok()) << sent.status;
  std::vector<ColumnBlock> joined = {Column("x", DType::kFloat32, {4}),
                                     Column("edge_attr", DType::kFloat32, {0}),
                                     Column("name", DType::kString, {})};
  size_t parts_of_x = 0;
  bool saw_empty = false;
  for (const GraphBlock& part : sent.parts) {
    ASSERT_EQ(part.columns.size(), 1u);
    EXPECT_EQ(part.num_graphs, 0);
    EXPECT_LE(RowBytes(part), 500);
    const std::string& column = part.columns[0].name;
    if (column == "x") ++parts_of_x;
    if (column == "edge_attr") {
      EXPECT_FALSE(saw_empty);
      saw_empty = true;
      EXPECT_EQ(part.columns[0].sizes, empty.sizes) << "nothing else tells their number";
    }
    Append(joined[column == "x" ? 0 : column == "edge_attr" ? 1 : 2], part.columns[0]);
  }
  EXPECT_GE(parts_of_x, 32u);
  EXPECT_TRUE(saw_empty) << "a column without bytes is declared all the same";
  EXPECT_EQ(joined[0].rows, x.rows);
  EXPECT_EQ(joined[2].strings, name.strings);
}

TEST(BlockSplitterTest, ARowThatNoMessageHoldsIsNamed) {
  GraphBlock block;
  block.columns.push_back(Column("x", DType::kFloat32, {400}));
  block.columns[0].rows.assign(1600 * 3, 'x');
  const Sent sent = Split(std::move(block), false, {.target_bytes = 100, .max_bytes = 1000});
  EXPECT_EQ(sent.status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(sent.status.message()), HasSubstr("column x: row 0 has 1600 bytes"));
}

TEST(BlockSplitterTest, RowsThatContradictSizesAreRefused) {
  const auto message = [](GraphBlock block) {
    const Sent sent = Split(std::move(block), true, SplitLimits());
    EXPECT_EQ(sent.status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(sent.status.message());
  };
  GraphBlock block = Molecules(7);
  block.columns[0].rows.pop_back();
  EXPECT_THAT(message(block), HasSubstr("column x: 131 bytes for 11 rows of 12 bytes"));
  block = Molecules(7);
  block.columns[0].sizes.pop_back();
  EXPECT_THAT(message(block), HasSubstr("column x: 6 sizes for 7 graphs"));
  block = Molecules(7);
  block.columns[0].sizes[2] = -1;
  EXPECT_THAT(message(block), HasSubstr("column x: a graph of -1 rows"));
  block = Molecules(7);
  block.columns[0].sizes[2] = INT64_MAX;
  EXPECT_THAT(message(block), HasSubstr("column x"));
  block = Molecules(7);
  block.columns[3].strings.pop_back();
  EXPECT_THAT(message(block), HasSubstr("column name: 6 strings for 7 rows"));
  block = Molecules(7);
  block.num_edges[0].pop_back();
  EXPECT_THAT(message(block), HasSubstr("num_edges has 6 entries for 7 graphs"));
  block = Molecules(7);
  block.columns[0].row_shape = {INT64_MAX, 3};
  EXPECT_THAT(message(block), HasSubstr("column x: row_shape"));
}

TEST(BlockSplitterTest, ALargeGraphGoesInParts) {
  GraphBlock block = Molecules(5);
  const int64_t large = 2;  // with 2000 nodes
  block.num_nodes[0][large] = 2000;
  block.columns[0].sizes[large] = 2000;
  block.columns[0].rows.assign(static_cast<size_t>((0 + 1 + 2000 + 3 + 4) * 12), 'x');
  for (size_t i = 0; i < block.columns[0].rows.size(); ++i) {
    block.columns[0].rows[i] = static_cast<char>(i % 251);
  }
  const Sent sent = Split(block, true, {.target_bytes = 1000, .max_bytes = 5000});
  ASSERT_TRUE(sent.status.ok()) << sent.status;
  std::vector<int64_t> graphs;
  std::vector<std::string> rows(block.columns.size());
  std::vector<std::string> names;
  bool within = false;
  for (const GraphBlock& part : sent.parts) {
    if (part.continues || within) {
      EXPECT_EQ(part.num_graphs, part.continues ? 0 : 1);
    }
    within = part.continues;
    graphs.push_back(part.num_graphs);
    for (const ColumnBlock& column : part.columns) {
      EXPECT_LE(column.rows.size(), 1000u);
      for (size_t c = 0; c < rows.size(); ++c) {
        if (block.columns[c].name == column.name) rows[c] += column.rows;
      }
      names.insert(names.end(), column.strings.begin(), column.strings.end());
    }
  }
  EXPECT_FALSE(within);
  EXPECT_EQ(std::accumulate(graphs.begin(), graphs.end(), int64_t{0}), 5);
  EXPECT_GT(graphs.size(), 24u);
  for (size_t c = 0; c < rows.size(); ++c) EXPECT_EQ(rows[c], block.columns[c].rows);
  EXPECT_EQ(names, block.columns[3].strings);

  // Parts are not cut again.
  for (const GraphBlock& part : sent.parts) {
    const Sent again = Split(part, true, {.target_bytes = 1000, .max_bytes = 5000});
    ASSERT_TRUE(again.status.ok()) << again.status;
    ASSERT_EQ(again.parts.size(), 1u);
    EXPECT_EQ(again.parts[0].continues, part.continues);
  }
}

TEST(BlockSplitterTest, AFailedSendEndsIt) {
  int sends = 0;
  const absl::Status status = SplitBlock(
      Molecules(100), true, 0, {.target_bytes = 100, .max_bytes = 5000},
      [&](GraphBlock) { return ++sends == 2 ? absl::AbortedError("enough") : absl::OkStatus(); });
  EXPECT_EQ(status.message(), "enough");
  EXPECT_EQ(sends, 2);
}

}  // namespace
}  // namespace graphfeed::wire
