#include "storage/version_source.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "storage/catalog.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/single_graphs.h"
#include "tests/storage/test_stores.h"
#include "tests/support/memory_chunk_store.h"
#include "tests/support/test_graphs.h"

namespace graphfeed {
namespace {

std::unique_ptr<Catalog> NewCatalog() {
  auto store = std::make_unique<MemoryChunkStore>(std::make_shared<MemoryDisk>());
  auto catalog = Catalog::Open(std::move(store), CatalogOptions());
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return *std::move(catalog);
}

std::vector<GraphBlock> ReadBlocks(GraphSource& source) {
  std::vector<GraphBlock> blocks;
  for (;;) {
    auto block = source.Next();
    EXPECT_TRUE(block.ok()) << block.status();
    if (!block.ok() || !block->has_value()) return blocks;
    blocks.push_back(**std::move(block));
  }
}

// Moves a version to another catalog, in large blocks and in the smallest, and compares.
void ExpectMoves(const IngestSpec& spec, const std::vector<GraphBlock>& blocks) {
  const auto catalog = NewCatalog();
  ASSERT_TRUE(Ingest(*catalog, spec, blocks).ok());
  const auto ingested = Ingest(*catalog, spec, blocks);
  ASSERT_TRUE(ingested.ok()) << ingested.status();
  const DatasetInfo& expected = *ingested;
  for (const int64_t block_bytes : {kDefaultBlockBytes, int64_t{1}}) {
    auto dataset = catalog->OpenDataset(spec.name);
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    const auto source = ReadVersion(*std::move(dataset), block_bytes);
    const std::vector<GraphBlock> read = ReadBlocks(*source);
    EXPECT_EQ(source->done(), source->total());
    EXPECT_GE(static_cast<int64_t>(read.size()), block_bytes == 1 ? expected.num_graphs : 1);
    const auto other = NewCatalog();
    const auto moved = Ingest(*other, source->spec(), read);
    ASSERT_TRUE(moved.ok()) << moved.status();
    EXPECT_EQ(moved->version, 2);
    EXPECT_EQ(moved->fingerprint, expected.fingerprint);
    EXPECT_EQ(moved->transforms, expected.transforms);
    EXPECT_EQ(moved->num_nodes, expected.num_nodes);
    EXPECT_EQ(moved->num_edges, expected.num_edges);
    auto opened = other->OpenDataset(spec.name);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE((*opened)->Verify().ok());
  }
}

TEST(VersionSourceTest, ACollectionWithStringsMoves) {
  IngestSpec spec;
  spec.name = "molecules";
  ExpectMoves(spec, {MoleculeBlock(40)});
}

TEST(VersionSourceTest, ASingleGraphMoves) {
  std::mt19937_64 rng(3);
  SingleGraph graph = HomogeneousGraph("g", 50, RandomEnds(rng, 120, 50, 50));
  const std::vector<double> x(50, 1.5);
  graph.columns = {NodeRows("x", 0, DType::kFloat64, {}, Bytes(x)),
                   NodeRows("no_width", 0, DType::kFloat32, {0}, "")};
  graph.columns.back().sizes = {50};
  ExpectMoves(graph.spec, graph.Blocks());
}

TEST(VersionSourceTest, AHeterogeneousGraphWithTypesWithoutColumnsAndEdgesMoves) {
  const SingleGraph graph = RandomHeteroGraph(6, 60);
  ExpectMoves(graph.spec, graph.Blocks());
}

TEST(VersionSourceTest, StringsOfNodesMove) {
  std::mt19937_64 rng(4);
  SingleGraph graph = HomogeneousGraph("g", 300, RandomEnds(rng, 40, 300, 300));
  ColumnBlock names = NodeRows("names", 0, DType::kString, {}, "");
  for (size_t i = 0; i < 300; ++i) names.strings.emplace_back(i % 7 == 0 ? 3000 : i % 5, 'n');
  graph.columns = {names};
  ExpectMoves(graph.spec, graph.Blocks());

  GraphBlock block = MoleculeBlock(20);
  ColumnBlock atoms = block.columns[0];  // a row for each node
  atoms.name = "atoms";
  atoms.dtype = DType::kString;
  atoms.row_shape = {};
  atoms.rows.clear();
  for (const int64_t size : atoms.sizes) {
    for (int64_t i = 0; i < size; ++i) atoms.strings.emplace_back(static_cast<size_t>(i), 'a');
  }
  block.columns.push_back(std::move(atoms));
  IngestSpec spec;
  spec.name = "molecules";
  ExpectMoves(spec, {block});
}

// A block of a source by default, if it has more than one of them.
void ExpectBounded(GraphSource& source, int64_t num_strings) {
  int64_t read = 0;
  for (const GraphBlock& block : ReadBlocks(source)) {
    size_t bytes = 0;
    for (const ColumnBlock& column : block.columns) {
      read += static_cast<int64_t>(column.strings.size());
      for (const std::string& value : column.strings) bytes += sizeof(value) + value.size();
      if (column.strings.size() == 1) bytes = 0;
    }
    EXPECT_LE(bytes, static_cast<size_t>(kDefaultBlockBytes));
  }
  EXPECT_EQ(read, num_strings);
}

TEST(VersionSourceTest, LongStringsAfterShortOnesDoNotMakeLargeBlocks) {
  ColumnBlock texts = Column("texts", DType::kString, {}, {}, "");
  texts.strings.assign(200'000, "");
  for (int i = 0; i < 20; ++i) texts.strings.emplace_back(3 << 19, 't');
  const auto count = static_cast<int64_t>(texts.strings.size());
  const auto catalog = NewCatalog();

  const std::vector<int64_t> none(texts.strings.size(), 0);
  const auto collection = Ingest(*catalog, {.name = "c", .kinds = {{"texts", Level::kGraph}}},
                                 {Graphs(none, none, {texts})});
  ASSERT_TRUE(collection.ok()) << collection.status();
  ExpectBounded(*ReadVersion(*catalog->OpenDataset("c")), count);

  SingleGraph graph = HomogeneousGraph("g", count, {});
  graph.columns = {texts};
  const auto single = Ingest(*catalog, graph.spec, graph.Blocks());
  ASSERT_TRUE(single.ok()) << single.status();
  ExpectBounded(*ReadVersion(*catalog->OpenDataset("g")), count);
}

TEST(VersionSourceTest, WhatWasTransformedMovesAsItIsNow) {
  std::mt19937_64 rng(3);
  SingleGraph graph = HomogeneousGraph("g", 50, RandomEnds(rng, 120, 50, 50));
  graph.spec.transforms = {AddSelfLoops{}, ToUndirected{}};
  ExpectMoves(graph.spec, graph.Blocks());
}

TEST(VersionSourceTest, AnAddedColumnMoves) {
  const auto catalog = NewCatalog();
  std::mt19937_64 rng(3);
  SingleGraph graph = HomogeneousGraph("g", 50, RandomEnds(rng, 120, 50, 50));
  ASSERT_TRUE(Ingest(*catalog, graph.spec, graph.Blocks()).ok());
  const std::vector<int64_t> parts(50, 2);
  const auto added = catalog->AddColumn("g", NodeRows("part", 0, DType::kInt64, {}, Bytes(parts)));
  ASSERT_TRUE(added.ok()) << added.status();
  const auto source = ReadVersion(*catalog->OpenDataset("g"));
  const auto copy = Ingest(*NewCatalog(), source->spec(), ReadBlocks(*source));
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->version, 2);
  EXPECT_EQ(copy->fingerprint, added->fingerprint);
}

class CopyTest : public testing::Test {
 protected:
  // Makes versions 1 to `count` of other content each; version v has 10 v graphs.
  static void MakeVersions(Catalog& catalog, int count) {
    IngestSpec spec;
    spec.name = "d";
    for (int v = 1; v <= count; ++v)
      ASSERT_TRUE(Ingest(catalog, spec, {MoleculeBlock(10 * v)}).ok());
  }
  absl::StatusOr<DatasetInfo> Copy(const std::string& name, Catalog& to,
                                   const std::function<void(CopiedVersion&)>& change = nullptr) {
    const auto source = ReadVersion(*from_->OpenDataset(name));
    IngestSpec spec = source->spec();
    if (change) change(*spec.copy_of);
    return Ingest(to, spec, ReadBlocks(*source));
  }

  const std::unique_ptr<Catalog> from_ = NewCatalog();
};

TEST_F(CopyTest, NumbersComeInAnyOrderAndAreNotGivenOutAgain) {
  MakeVersions(*from_, 3);
  const auto to = NewCatalog();
  ASSERT_TRUE(Copy("d@3", *to).ok());
  const auto first = Copy("d@1", *to);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->version, 1);
  EXPECT_EQ(to->Get("d")->num_graphs, 30);
  const auto next = Copy("d@2", *to, [](CopiedVersion& copy) { copy.version = 0; });
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_EQ(next->version, 4);
}

TEST_F(CopyTest, AnOlderCopyThatIsDeletedFreesNoHigherNumber) {
  MakeVersions(*from_, 5);
  const auto to = NewCatalog();
  ASSERT_TRUE(Copy("d@5", *to).ok());
  ASSERT_TRUE(to->Delete("d", 5).ok());
  ASSERT_TRUE(Copy("d@3", *to).ok());
  ASSERT_TRUE(to->Delete("d", 3).ok());
  EXPECT_EQ(Ingest(*to, {.name = "d"}, {MoleculeBlock(3)})->version, 6);
}

TEST_F(CopyTest, NoCopyUsesUpTheNumbersOfNewVersions) {
  MakeVersions(*from_, 1);
  const auto to = NewCatalog();
  const int64_t last = int64_t{1} << 52;
  EXPECT_TRUE(absl::IsInvalidArgument(
      Copy("d", *to, [&](CopiedVersion& copy) { copy.version = last + 1; }).status()));
  const auto copy = Copy("d", *to, [&](CopiedVersion& copied) { copied.version = last; });
  ASSERT_TRUE(copy.ok()) << copy.status();
  for (int64_t i = 1; i <= 3; ++i) {
    const auto next = Ingest(*to, {.name = "d"}, {MoleculeBlock(3)});
    ASSERT_TRUE(next.ok()) << next.status();
    EXPECT_EQ(next->version, last + i);
  }
}

TEST_F(CopyTest, ANumberInUseIsRefusedBeforeAnyRow) {
  MakeVersions(*from_, 1);
  const auto to = NewCatalog();
  ASSERT_TRUE(Copy("d", *to).ok());
  const auto source = ReadVersion(*from_->OpenDataset("d"));
  const absl::Status status = to->StartIngest(source->spec()).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
}

TEST_F(CopyTest, OfTwoCopiesAtOnceOneIsThere) {
  MakeVersions(*from_, 1);
  const auto to = NewCatalog();
  const auto source = ReadVersion(*from_->OpenDataset("d"));
  auto one = to->StartIngest(source->spec());
  auto two = to->StartIngest(source->spec());
  for (const GraphBlock& block : ReadBlocks(*source)) {
    ASSERT_TRUE((*one)->Append(block).ok());
    ASSERT_TRUE((*two)->Append(block).ok());
  }
  ASSERT_TRUE((*two)->Commit().ok());
  const absl::Status status = (*one)->Commit().status();
  EXPECT_TRUE(absl::IsAlreadyExists(status)) << status;
  const auto dataset = to->OpenDataset("d");
  ASSERT_TRUE(dataset.ok());
  EXPECT_TRUE((*dataset)->Verify().ok());
}

TEST_F(CopyTest, OtherRowsThanTheOriginalsAreNoCopy) {
  MakeVersions(*from_, 1);
  const auto to = NewCatalog();
  const absl::Status status =
      Copy("d", *to, [](CopiedVersion& copy) { copy.fingerprint[3] ^= 1; }).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(to->List().empty());
  EXPECT_EQ(Ingest(*to, {.name = "d"}, {MoleculeBlock(3)})->version, 1);
}

TEST_F(CopyTest, ACopyIsNotTransformed) {
  MakeVersions(*from_, 1);
  const auto to = NewCatalog();
  IngestSpec spec = ReadVersion(*from_->OpenDataset("d"))->spec();
  spec.transforms = {AddSelfLoops{}};
  EXPECT_TRUE(absl::IsInvalidArgument(to->StartIngest(spec).status()));
  spec.transforms = {};
  spec.copy_of->version = -1;
  EXPECT_TRUE(absl::IsInvalidArgument(to->StartIngest(spec).status()));
}

}  // namespace
}  // namespace graphfeed
