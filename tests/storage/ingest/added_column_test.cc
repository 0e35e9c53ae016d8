// A column added to a version makes a new one that shares the rest.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/storage/single_graphs.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

ColumnBlock Parts(const std::vector<int64_t>& parts, int type = 0) {
  return NodeRows("partition", type, DType::kInt64, {}, Bytes(parts));
}

class AddedColumnTest : public EveryStore {
 protected:
  static SingleGraph Graph() { return HomogeneousGraph("g", 5, {{0, 1}, {1, 2}, {4, 1}}); }
};
INSTANTIATE_TEST_SUITE_P(All, AddedColumnTest,
                         testing::ValuesIn(AndRados({StoreKind::kMemory, StoreKind::kRocksDb})),
                         StoreKindName);

TEST_P(AddedColumnTest, TheNewVersionIsTheOldOneAndTheColumn) {
  DatasetInfo added;
  {
    const auto catalog = OpenCatalog();
    ASSERT_TRUE(Ingest(*catalog, Graph().spec, Graph().Blocks()).ok());
    const auto info = catalog->AddColumn("g", Parts({3, 1, 4, 1, 5}));
    ASSERT_TRUE(info.ok()) << info.status();
    added = *info;
  }
  const auto catalog = OpenCatalog();
  const DatasetInfo before = *catalog->Get("g@1");
  const DatasetInfo after = *catalog->Get("g");
  EXPECT_EQ(after.version, 2);
  EXPECT_EQ(after.fingerprint, added.fingerprint);
  EXPECT_NE(after.fingerprint, before.fingerprint);
  EXPECT_EQ(after.raw_bytes, before.raw_bytes + 5 * 8);
  ASSERT_EQ(after.schema.columns.size(), 2u);
  EXPECT_EQ(after.schema.columns[1].level, Level::kNode);
  EXPECT_EQ(std::get<IntRange>(after.columns[1].values).max, 5);
  const auto dataset = *catalog->OpenDataset("g");
  EXPECT_EQ(*ReadColumnRows(*dataset, 1), Bytes<int64_t>({3, 1, 4, 1, 5}));
  ExpectAnswers(*dataset->graph(), Graph(), 0);
  EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
  EXPECT_EQ((*catalog->OpenDataset("g@1"))->info().schema.columns.size(), 1u);
}

TEST_P(AddedColumnTest, TheFingerprintIsThatOfAnIngestOfTheSameColumns) {
  const auto catalog = OpenCatalog();
  ASSERT_TRUE(Ingest(*catalog, Graph().spec, Graph().Blocks()).ok());
  const auto added = catalog->AddColumn("g", Parts({3, 1, 4, 1, 5}));
  SingleGraph whole = Graph();
  std::vector<GraphBlock> blocks = whole.Blocks();
  blocks[0].columns.push_back(Parts({3, 1, 4, 1, 5}));
  const auto ingested = Ingest(*catalog, whole.spec, std::move(blocks));
  ASSERT_TRUE(ingested.ok()) << ingested.status();
  EXPECT_EQ(added->schema, ingested->schema);
  EXPECT_EQ(added->fingerprint, ingested->fingerprint);
}

TEST_P(AddedColumnTest, SharedColumnsStayUntilTheirLastVersionIsGone) {
  for (const bool old_first : {true, false}) {
    {
      const auto catalog = OpenCatalog();
      const auto first = Ingest(*catalog, Graph().spec, Graph().Blocks());
      ASSERT_TRUE(first.ok()) << first.status();
      const auto second = catalog->AddColumn("g", Parts({0, 0, 1, 1, 1}));
      ASSERT_TRUE(second.ok()) << second.status();
      ASSERT_TRUE(catalog->Delete("g", old_first ? first->version : second->version).ok());
      const auto dataset = *catalog->OpenDataset("g");
      EXPECT_EQ(dataset->info().version, old_first ? second->version : first->version);
      ExpectAnswers(*dataset->graph(), Graph(), 0);
      EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
    }
    const auto catalog = OpenCatalog();  // after a sweep
    {
      const auto dataset = *catalog->OpenDataset("g");
      EXPECT_TRUE(dataset->Verify().ok()) << dataset->Verify();
      ASSERT_TRUE(catalog->Delete("g", dataset->info().version).ok());
      EXPECT_TRUE(dataset->Verify().ok()) << "open, therefore whole: " << dataset->Verify();
    }
  }
  // What servers share is swept later (shared_store_test.cc).
  const auto store = Open();
  if (store->shared()) return;
  EXPECT_THAT(*store->ListColumns(), IsEmpty());
}

TEST_P(AddedColumnTest, ColumnsOfATypeOrOfACollectionCanBeAddedToo) {
  const auto catalog = OpenCatalog();
  const SingleGraph graph = RandomHeteroGraph(1, 50);
  ASSERT_TRUE(Ingest(*catalog, graph.spec, graph.Blocks()).ok());
  ColumnBlock bare = NodeRows("rank", 2, DType::kInt16, {2}, Bytes(std::vector<int16_t>(60, 9)));
  const auto hetero = catalog->AddColumn("h", bare);
  ASSERT_TRUE(hetero.ok()) << hetero.status();
  EXPECT_EQ(hetero->schema.FindColumn(Level::kNode, 2, "rank"),
            static_cast<int>(hetero->schema.columns.size()) - 1);
  ASSERT_TRUE(Ingest(*catalog, {.name = "c"}, {TwoGraphs()}).ok());
  const auto collection = catalog->AddColumn("c@1", Parts({1, 2, 3, 4, 5}));
  ASSERT_TRUE(collection.ok()) << collection.status();
  EXPECT_TRUE((*catalog->OpenDataset("c"))->Verify().ok());
}

TEST_P(AddedColumnTest, WhatDoesNotFitIsRefusedAndLeavesNothing) {
  const auto catalog = OpenCatalog();
  ASSERT_TRUE(Ingest(*catalog, Graph().spec, Graph().Blocks()).ok());
  ASSERT_TRUE(catalog->AddColumn("g", Parts({0, 0, 0, 0, 0})).ok());
  const auto refuse = [&](ColumnBlock column, const char* why) {
    const absl::Status status = catalog->AddColumn("g", std::move(column)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  };
  refuse(Parts({0, 0, 0, 0, 0}), "column \"partition\" exists already in \"g@2\"");
  const auto named = [](const char* name, ColumnBlock column) {
    column.name = name;
    return column;
  };
  refuse(named("p", Parts({0, 0, 0, 0})), "has 32 bytes; 5 nodes need 8 each");
  refuse(named("p", Parts({0, 0, 0, 0, 0}, 1)), "node type 1; there are 1");
  refuse(named("batch", Parts({0, 0, 0, 0, 0})), "batch");
  refuse(named("p", NodeRows("", 0, DType::kFloat32, {}, std::string(20, '\0'))),
         "is float32; only integers");
  ColumnBlock edge = named("p", Parts({0, 0, 0}));
  edge.level = Level::kEdge;
  refuse(std::move(edge), "only node level");
  refuse(named("root_index", Parts({0, 0, 0, 5, 0})), "row 3 has node 5; the graph has 5 nodes");
  EXPECT_TRUE(absl::IsNotFound(catalog->AddColumn("nobody", Parts({})).status()));
  EXPECT_TRUE(absl::IsNotFound(catalog->AddColumn("g@9", Parts({})).status()));
  EXPECT_EQ(catalog->List().size(), 2u);
  ASSERT_TRUE(Ingest(*catalog, {.name = "c"}, {TwoGraphs()}).ok());
  const auto ids = catalog->AddColumn("c", named("root_index", Parts({0, 0, 0, 0, 0})));
  EXPECT_THAT(std::string(ids.status().message()), HasSubstr("only be given at ingest"));
}

TEST(AddedColumnFailureTest, AFailureKeepsTheOldVersionWhole) {
  const auto disk = std::make_shared<MemoryDisk>();
  const auto catalog =
      *Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {.memory_budget_bytes = 0});
  const SingleGraph graph = HomogeneousGraph("g", 5, {{0, 1}, {1, 2}, {4, 1}});
  ASSERT_TRUE(Ingest(*catalog, graph.spec, graph.Blocks()).ok());
  const size_t chunks = disk->chunk_keys().size();
  const auto fails = [&] {
    EXPECT_TRUE(absl::IsUnavailable(catalog->AddColumn("g", Parts({1, 2, 3, 4, 5})).status()));
    EXPECT_EQ(disk->chunk_keys().size(), chunks);
    EXPECT_EQ(catalog->List().size(), 1u);
    EXPECT_TRUE((*catalog->OpenDataset("g"))->Verify().ok());
  };
  disk->on_add = [](ChunkKey) { return absl::UnavailableError("no chunk"); };
  fails();
  disk->on_add = [](ChunkKey) { return absl::OkStatus(); };
  disk->on_put_record = [](absl::string_view) { return absl::UnavailableError("no record"); };
  fails();
  disk->on_put_record = [](absl::string_view) { return absl::OkStatus(); };
  EXPECT_TRUE(catalog->AddColumn("g", Parts({1, 2, 3, 4, 5})).ok());
}

// The base is deleted while the column is being written: what the new version shares stays.
TEST(AddedColumnFailureTest, ABaseThatIsDeletedMeanwhileIsStillShared) {
  const auto disk = std::make_shared<MemoryDisk>();
  const auto catalog =
      *Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {.memory_budget_bytes = 0});
  const SingleGraph graph = HomogeneousGraph("g", 5, {{0, 1}, {1, 2}, {4, 1}});
  ASSERT_TRUE(Ingest(*catalog, graph.spec, graph.Blocks()).ok());
  disk->on_add = [&](ChunkKey) { return catalog->Delete("g", 1); };
  const auto info = catalog->AddColumn("g", Parts({1, 2, 3, 4, 5}));
  disk->on_add = [](ChunkKey) { return absl::OkStatus(); };
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 2);
  EXPECT_EQ(catalog->List().size(), 1u);
  EXPECT_TRUE((*catalog->OpenDataset("g"))->Verify().ok());
  ASSERT_TRUE(catalog->Delete("g", 2).ok());
  EXPECT_THAT(disk->chunk_keys(), IsEmpty());
}

}  // namespace
}  // namespace graphfeed
