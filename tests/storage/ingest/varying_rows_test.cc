// Columns of which every graph has its own number of rows: neither nodes' nor edges'.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/version_source.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/test_stores.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

// `sizes[g]` triples in graph g, numbered from 0 on, beside x.
GraphBlock WithTriples(const std::vector<int64_t>& sizes) {
  std::vector<int64_t> triples(2 * std::accumulate(sizes.begin(), sizes.end(), int64_t{0}));
  std::iota(triples.begin(), triples.end(), 0);
  std::vector<int64_t> nodes;
  for (size_t g = 0; g < sizes.size(); ++g) nodes.push_back(2 + static_cast<int64_t>(g % 3));
  const std::vector<float> x(std::accumulate(nodes.begin(), nodes.end(), int64_t{0}));
  return Graphs(nodes, std::vector<int64_t>(sizes.size()),
                {Column("x", DType::kFloat32, {}, nodes, x),
                 EdgeIndex(std::vector<int64_t>(sizes.size()), {}),
                 Column("triples", DType::kInt64, {2}, sizes, triples)});
}

const std::vector<int64_t> kSizes = {0, 5, 0, 1, 7, 0};

class VaryingRowsTest : public EveryStore {
 protected:
  static void ExpectTriples(Dataset& dataset, const std::vector<int64_t>& sizes) {
    const DatasetInfo& info = dataset.info();
    const ColumnSchema& column = info.schema.columns[2];
    EXPECT_EQ(column.level, Level::kGraph);
    EXPECT_TRUE(column.varying());
    EXPECT_EQ(info.columns[2].num_rows, std::accumulate(sizes.begin(), sizes.end(), int64_t{0}));
    for (size_t g = 0; g < sizes.size(); ++g) {
      const RowRange rows =
          dataset.offsets().RowsOf(info.schema.columns, 2, static_cast<int64_t>(g));
      EXPECT_EQ(rows.count, sizes[g]);
      EXPECT_EQ(rows.first, std::accumulate(sizes.begin(),
                                            sizes.begin() + static_cast<ptrdiff_t>(g), int64_t{0}));
    }
    ExpectHolds(dataset, WithTriples(sizes));
    EXPECT_TRUE(dataset.Verify().ok()) << dataset.Verify();
  }
};
INSTANTIATE_TEST_SUITE_P(All, VaryingRowsTest,
                         testing::ValuesIn(AndRados({StoreKind::kMemory, StoreKind::kRocksDb})),
                         StoreKindName);

TEST_P(VaryingRowsTest, AreStoredWithTheirOffsetsAndSizes) {
  const GraphBlock graphs = WithTriples(kSizes);
  for (const int64_t first : {0, 1, 2, 4}) {
    const auto catalog = OpenCatalog({.chunk_bytes = 32});
    const std::string name = absl::StrCat("d", first);
    const auto info = Ingest(*catalog, {.name = name},
                             {Slice(graphs, 0, first), Slice(graphs, first, 6 - first)});
    ASSERT_TRUE(info.ok()) << info.status();
    const SizeSummary& sizes = info->columns[2].row_sizes.value();
    EXPECT_EQ(sizes.min, 0);
    EXPECT_EQ(sizes.max, 7);
    EXPECT_DOUBLE_EQ(sizes.mean, 13.0 / 6);
    EXPECT_FALSE(info->columns[0].row_sizes.has_value());
    // x, triples and three offsets of seven entries.
    EXPECT_EQ(info->raw_bytes, info->num_nodes[0] * 4 + 13 * 16 + 3 * 7 * 8);
    const auto dataset = *catalog->OpenDataset(name);
    ExpectTriples(*dataset, kSizes);
    EXPECT_EQ(catalog->stats().offsets_bytes, 3 * 7 * 8);
  }
  const auto catalog = OpenCatalog();  // again, from what is stored
  ExpectTriples(**catalog->OpenDataset("d2"), kSizes);
}

TEST_P(VaryingRowsTest, TheFirstGraphThatDiffersMayComeLate) {
  std::vector<int64_t> sizes(300, 3);
  sizes.push_back(9);
  const auto catalog = OpenCatalog({.chunk_bytes = 64});
  const GraphBlock graphs = WithTriples(sizes);
  ASSERT_TRUE(Ingest(*catalog, {.name = "d", .kinds = {{"triples", Level::kGraph}}},
                     {Slice(graphs, 0, 150), Slice(graphs, 150, 151)})
                  .ok());
  ExpectTriples(**catalog->OpenDataset("d"), sizes);
}

TEST_P(VaryingRowsTest, EquallyManyAreStoredAsBefore) {
  const auto catalog = OpenCatalog();
  const auto info = Ingest(*catalog, {.name = "d", .kinds = {{"triples", Level::kGraph}}},
                           {WithTriples({5, 5, 5})});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->schema.columns[2].rows_per_graph, 5);
  EXPECT_FALSE(info->columns[2].row_sizes.has_value());
  EXPECT_EQ(info->raw_bytes, info->num_nodes[0] * 4 + 15 * 16 + 2 * 4 * 8);
}

TEST_P(VaryingRowsTest, AVersionIsTheSameElsewhere) {
  const auto catalog = OpenCatalog();
  const auto info = Ingest(*catalog, {.name = "d"}, {WithTriples(kSizes)});
  ASSERT_TRUE(info.ok()) << info.status();
  for (const int64_t block_bytes : {int64_t{1}, int64_t{150}, kDefaultBlockBytes}) {
    const auto source = ReadVersion(*catalog->OpenDataset("d"), block_bytes);
    std::vector<GraphBlock> blocks;
    for (;;) {
      auto block = source->Next();
      ASSERT_TRUE(block.ok()) << block.status();
      if (!block->has_value()) break;
      blocks.push_back(**std::move(block));
    }
    auto other = Catalog::Open(std::make_unique<MemoryChunkStore>(), {});
    const auto copy = Ingest(**other, source->spec(), std::move(blocks));
    ASSERT_TRUE(copy.ok()) << copy.status();
    EXPECT_EQ(copy->fingerprint, info->fingerprint);
    ExpectTriples(**(*other)->OpenDataset("d"), kSizes);
  }
}

TEST_P(VaryingRowsTest, AVersionWithAnAddedColumnSharesThem) {
  const auto catalog = OpenCatalog();
  const auto info = Ingest(*catalog, {.name = "d"}, {WithTriples(kSizes)});
  ASSERT_TRUE(info.ok()) << info.status();
  const auto added = catalog->AddColumn(
      "d", Column("part", DType::kInt64, {}, {}, std::vector<int64_t>(info->num_nodes[0], 1)));
  ASSERT_TRUE(added.ok()) << added.status();
  ASSERT_TRUE(catalog->Delete("d", 1).ok());
  const auto dataset = *catalog->OpenDataset("d");
  EXPECT_EQ(dataset->info().columns[2].row_sizes.value().max, 7);
  EXPECT_THAT(dataset->offsets().row_ptr[2], ElementsAre(0, 0, 5, 5, 6, 13, 13));
  EXPECT_THAT(dataset->offsets().row_ptr[3], testing::IsEmpty());
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
}

TEST_P(VaryingRowsTest, WhereGraphsAreCutCounts) {
  const auto catalog = OpenCatalog();
  const auto one = Ingest(*catalog, {.name = "a"}, {WithTriples({0, 5, 8})});
  const auto other = Ingest(*catalog, {.name = "b"}, {WithTriples({0, 6, 7})});
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_NE(one->fingerprint, other->fingerprint);
}

TEST_P(VaryingRowsTest, HeterogeneousGraphsHaveThemToo) {
  const auto catalog = OpenCatalog();
  GraphBlock block = WithTriples(kSizes);
  block.num_edges.clear();
  block.columns.erase(block.columns.begin() + 1);
  block.columns[0].level = Level::kNode;
  block.columns[1].level = Level::kGraph;
  const auto info = Ingest(*catalog, {.name = "d", .heterogeneous = true, .node_types = {"atom"}},
                           {std::move(block)});
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_TRUE(info->schema.columns[1].varying());
  const auto dataset = *catalog->OpenDataset("d");
  EXPECT_THAT(dataset->offsets().row_ptr[1], ElementsAre(0, 0, 5, 5, 6, 13, 13));
}

TEST_P(VaryingRowsTest, IdsOfNodesAreChecked) {
  const auto catalog = OpenCatalog();
  GraphBlock block = WithTriples({1, 2, 0});
  block.columns[2].name = "triple_index";
  block.columns[2].rows = Bytes<int64_t>({0, 1, 0, 1, 2, 3});
  const auto info = Ingest(*catalog, {.name = "d"}, {block});
  EXPECT_THAT(std::string(info.status().message()),
              AllOf(HasSubstr("triple_index"), HasSubstr("graph 1")));
  block.columns[2].rows = Bytes<int64_t>({0, 1, 0, 1, 2, 2});
  const auto right = Ingest(*catalog, {.name = "d"}, {block});
  ASSERT_TRUE(right.ok()) << right.status();
  EXPECT_THAT(right->schema.columns[2].index_types, ElementsAre(0));
}

TEST_P(VaryingRowsTest, WhatIsProbablyAMistakeIsRefused) {
  const auto catalog = OpenCatalog();
  const auto error = [&](absl::string_view name, const std::vector<int64_t>& sizes,
                         IngestSpec spec = {}) {
    GraphBlock block = WithTriples(sizes);
    block.columns[2].name = std::string(name);
    spec.name = "d";
    return std::string(Ingest(*catalog, spec, {std::move(block)}).status().message());
  };
  // The graphs have 2, 3, 4, 2, 3, 4 nodes.
  EXPECT_EQ(
      error("w", {2, 3, 4, 2, 3, 5}),
      "column \"w\" has one row for each node in 5 of 6 graphs, but graph 5 has 5 rows (4 "
      "nodes, 0 edges); correct it, or if it is a list of the graph's, of any length, declare "
      "it, for example kinds={\"w\": \"graph\"}");
  EXPECT_THAT(error("y", {1, 1, 5}), HasSubstr("fits no level"));
  EXPECT_THAT(error("my_nodes", {1, 1, 5}), HasSubstr("fits no level"));
  EXPECT_THAT(error("edge_ids", {1, 1, 5}), HasSubstr("fits no level"));
  IngestSpec transformed;
  transformed.transforms = {AddSelfLoops{}};
  EXPECT_THAT(error("w", {1, 1, 5}, transformed),
              HasSubstr("transforms must know before: declare it, kinds={\"w\": \"graph\"}"));
  IngestSpec declared;
  declared.kinds = {{"w", Level::kGraph}};
  EXPECT_EQ(error("w", {2, 3, 4, 2, 3, 5}, declared), "");
  declared.transforms = {AddSelfLoops{}};
  EXPECT_EQ(error("w", {1, 1, 5}, declared), "");
}

TEST_P(VaryingRowsTest, ListsOfStringsAreRefused) {
  GraphBlock block = WithTriples({1, 2, 0});
  block.columns[2] = Column("names", DType::kString, {}, {1, 2, 0}, "");
  block.columns[2].strings = {"a", "b", "c"};
  const auto catalog = OpenCatalog();
  EXPECT_THAT(std::string(Ingest(*catalog, {.name = "d"}, {block}).status().message()),
              HasSubstr("a list of strings of other lengths cannot be stored"));
}

TEST(VaryingRowsDamageTest, DamagedOffsetsAreNamed) {
  const auto disk = std::make_shared<MemoryDisk>();
  const auto catalog = *Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
  ASSERT_TRUE(Ingest(*catalog, {.name = "d"}, {WithTriples(kSizes)}).ok());
  std::vector<std::string> errors;
  for (const ChunkKey& key : disk->chunk_keys()) {
    disk->Edit(key, [](std::string& value) { value.back() ^= 1; });
    errors.emplace_back(catalog->OpenDataset("d").status().message());
    disk->Edit(key, [](std::string& value) { value.back() ^= 1; });
  }
  EXPECT_THAT(
      errors,
      testing::Contains(HasSubstr("dataset \"d@1\", column \"triples\", row offsets, chunk 0: ")));
  ASSERT_TRUE(catalog->OpenDataset("d").ok());
}

}  // namespace
}  // namespace graphfeed
