#ifndef GRAPHFEED_TESTS_STORAGE_GRAPH_BLOCKS_H_
#define GRAPHFEED_TESTS_STORAGE_GRAPH_BLOCKS_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/catalog.h"
#include "storage/graph/graph_block.h"
#include "tests/storage/chunks/column_blocks.h"

namespace graphfeed {

// Two graphs of 3 and 2 nodes, 2 and 1 edges, with x, edge_index and y.
inline GraphBlock TwoGraphs() {
  return Graphs(
      {3, 2}, {2, 1},
      {Column("x", DType::kFloat32, {2}, {3, 2}, Bytes<float>({0, 1, 2, 3, 4, 5, 6, 7, 8, 9})),
       EdgeIndex({2, 1}, {0, 1, 1, 2, 1, 0}),
       Column("y", DType::kInt64, {}, {}, Bytes<int64_t>({7, 8}))});
}

// Random homogeneous graphs with columns of every dtype and level, strings included. Graphs with
// no nodes and no edges are among them. The same seed makes the same graphs.
inline GraphBlock RandomGraphs(uint64_t seed, int64_t num_graphs) {
  std::mt19937_64 rng(seed);
  const auto uniform = [&](int64_t below) {
    return static_cast<int64_t>(rng() % static_cast<uint64_t>(below));
  };
  std::vector<int64_t> nodes;
  std::vector<int64_t> edges;
  std::vector<int64_t> ends;
  for (int64_t g = 0; g < num_graphs; ++g) {
    nodes.push_back(uniform(12));
    edges.push_back(nodes.back() == 0 ? 0 : uniform(20));
    for (int64_t e = 0; e < 2 * edges.back(); ++e) ends.push_back(uniform(nodes.back()));
  }
  const auto noise = [&](const std::vector<int64_t>& sizes, int64_t row_bytes) {
    const int64_t rows = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
    std::string bytes(static_cast<size_t>(rows * row_bytes), '\0');
    for (char& c : bytes) c = static_cast<char>(rng());
    return bytes;
  };
  const std::vector<int64_t> ones(nodes.size(), 1);
  const std::vector<int64_t> threes(nodes.size(), 3);
  std::string mask = noise(nodes, 1);
  for (char& c : mask) c &= 1;

  std::vector<ColumnBlock> columns;
  columns.push_back(Column("x", DType::kFloat32, {5}, nodes, noise(nodes, 20)));
  columns.push_back(EdgeIndex(edges, ends));
  columns.push_back(Column("edge_attr", DType::kFloat16, {2, 3}, edges, noise(edges, 12)));
  columns.push_back(Column("pos", DType::kFloat64, {3}, nodes, noise(nodes, 24)));
  columns.push_back(Column("mask", DType::kBool, {}, nodes, mask));
  columns.push_back(Column("kind", DType::kUint8, {}, edges, noise(edges, 1)));
  columns.push_back(Column("tiny", DType::kInt8, {3}, nodes, noise(nodes, 3)));
  columns.push_back(Column("small", DType::kInt16, {}, edges, noise(edges, 2)));
  columns.push_back(Column("y", DType::kInt32, {2}, ones, noise(ones, 8)));
  columns.push_back(Column("targets", DType::kInt64, {}, threes, noise(threes, 8)));
  columns.push_back(Column("nothing", DType::kFloat32, {0}, nodes, ""));
  ColumnBlock scalar = Column("weight", DType::kFloat64, {}, {}, noise(ones, 8));
  scalar.zero_dim = true;
  columns.push_back(std::move(scalar));
  ColumnBlock number = Column("number", DType::kInt64, {}, {}, noise(ones, 8));
  number.non_tensor = true;
  columns.push_back(std::move(number));
  ColumnBlock name = Column("smiles", DType::kString, {}, {}, "");
  for (int64_t g = 0; g < num_graphs; ++g) {
    name.strings.push_back(std::string(static_cast<size_t>(uniform(30)), 'a') +
                           absl::StrCat(uniform(1000)));
  }
  columns.push_back(std::move(name));
  return Graphs(std::move(nodes), std::move(edges), std::move(columns));
}

// The graphs [first, first + count) of a homogeneous block.
inline GraphBlock Slice(const GraphBlock& block, int64_t first, int64_t count) {
  const auto cut = [&](const std::vector<int64_t>& list) {
    return std::vector<int64_t>(list.begin() + first, list.begin() + first + count);
  };
  std::vector<ColumnBlock> columns;
  for (const ColumnBlock& column : block.columns) {
    ColumnBlock part = column;
    std::vector<int64_t> sizes = column.sizes;
    if (sizes.empty()) sizes.assign(static_cast<size_t>(block.num_graphs), 1);
    const auto rows_before = [&](int64_t graph) {
      return std::accumulate(sizes.begin(), sizes.begin() + graph, int64_t{0});
    };
    const int64_t begin = rows_before(first);
    const int64_t end = rows_before(first + count);
    const int64_t total = rows_before(block.num_graphs);
    if (!column.sizes.empty()) part.sizes = cut(column.sizes);
    if (column.dtype == DType::kString) {
      part.strings.assign(column.strings.begin() + begin, column.strings.begin() + end);
    } else if (total > 0) {
      const int64_t row_bytes = static_cast<int64_t>(column.rows.size()) / total;
      part.rows = column.rows.substr(static_cast<size_t>(begin * row_bytes),
                                     static_cast<size_t>((end - begin) * row_bytes));
    }
    columns.push_back(std::move(part));
  }
  return Graphs(cut(block.num_nodes[0]), cut(block.num_edges[0]), std::move(columns));
}

inline absl::StatusOr<DatasetInfo> Ingest(Catalog& catalog, IngestSpec spec,
                                          std::vector<GraphBlock> blocks) {
  auto session = catalog.StartIngest(std::move(spec));
  if (!session.ok()) return session.status();
  for (GraphBlock& block : blocks) {
    if (absl::Status status = (*session)->Append(std::move(block)); !status.ok()) return status;
  }
  return (*session)->Commit();
}

// Rows of a column, in whatever pieces they come. Fails the test if they do not cover the ranges
// exactly once.
inline absl::StatusOr<std::string> ReadRows(Dataset& dataset, int column,
                                            const std::vector<RowRange>& ranges) {
  const auto row_bytes = dataset.info().schema.columns[column].row_bytes();
  std::vector<std::string> parts;
  std::vector<int64_t> missing;
  for (const RowRange& range : ranges) {
    parts.emplace_back(static_cast<size_t>(range.count * row_bytes), '?');
    missing.push_back(range.count);
  }
  const absl::Status status = dataset.VisitRows(
      column, ranges, [&](size_t range, int64_t offset, int64_t count, const std::byte* rows) {
        const auto alignment =
            std::max<size_t>(SizeOf(dataset.info().schema.columns[column].dtype), 1);
        EXPECT_EQ(reinterpret_cast<uintptr_t>(rows) % alignment, 0u);
        EXPECT_GT(count, 0);
        EXPECT_LE(offset + count, ranges[range].count);
        if (row_bytes > 0) {
          std::memcpy(parts[range].data() + offset * row_bytes, rows,
                      static_cast<size_t>(count * row_bytes));
        }
        missing[range] -= count;
      });
  if (!status.ok()) return status;
  std::string all;
  for (size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(missing[i], 0) << "range " << i;
    all += parts[i];
  }
  return all;
}

inline absl::StatusOr<std::string> ReadColumnRows(Dataset& dataset, int column) {
  return ReadRows(dataset, column, {{0, dataset.info().columns[column].num_rows}});
}

// Whether the dataset holds exactly the block's graphs.
inline void ExpectHolds(Dataset& dataset, const GraphBlock& block) {
  const DatasetInfo& info = dataset.info();
  ASSERT_EQ(info.num_graphs, block.num_graphs);
  ASSERT_EQ(info.schema.columns.size(), block.columns.size());
  for (int64_t g = 0; g < block.num_graphs; ++g) {
    ASSERT_EQ(dataset.offsets().NumNodes(0, g), block.num_nodes[0][g]) << "graph " << g;
    ASSERT_EQ(dataset.offsets().NumEdges(0, g), block.num_edges[0][g]) << "graph " << g;
  }
  for (size_t c = 0; c < block.columns.size(); ++c) {
    SCOPED_TRACE(block.columns[c].name);
    ASSERT_EQ(info.schema.columns[c].name, block.columns[c].name);
    if (block.columns[c].dtype == DType::kString) {
      const auto strings =
          dataset.ReadStrings(static_cast<int>(c), {{0, info.columns[c].num_rows}});
      ASSERT_TRUE(strings.ok()) << strings.status();
      EXPECT_TRUE(*strings == block.columns[c].strings);
    } else {
      const auto rows = ReadColumnRows(dataset, static_cast<int>(c));
      ASSERT_TRUE(rows.ok()) << rows.status();
      EXPECT_TRUE(*rows == block.columns[c].rows);
    }
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_GRAPH_BLOCKS_H_
