#include "storage/importers/version_source.h"

#include <gtest/gtest.h>

#include <memory>
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

DatasetInfo IngestBlocks(Catalog& catalog, const IngestSpec& spec, std::vector<GraphBlock> blocks) {
  auto session = catalog.StartIngest(spec);
  EXPECT_TRUE(session.ok()) << session.status();
  for (GraphBlock& block : blocks) {
    const absl::Status status = (*session)->Append(std::move(block));
    EXPECT_TRUE(status.ok()) << status;
  }
  auto info = (*session)->Commit();
  EXPECT_TRUE(info.ok()) << info.status();
  return *std::move(info);
}

// Moves a version to another catalog, in large blocks and in the smallest, and compares.
void ExpectMoves(const IngestSpec& spec, const std::vector<GraphBlock>& blocks) {
  const auto catalog = NewCatalog();
  const DatasetInfo expected = IngestBlocks(*catalog, spec, blocks);
  for (const int64_t block_bytes : {kDefaultBlockBytes, int64_t{1}}) {
    auto dataset = catalog->OpenDataset(spec.name);
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    const auto source = ReadVersion(*std::move(dataset), block_bytes);
    std::vector<GraphBlock> read;
    for (;;) {
      auto block = source->Next();
      ASSERT_TRUE(block.ok()) << block.status();
      if (!block->has_value()) break;
      read.push_back(**std::move(block));
    }
    EXPECT_EQ(source->done(), source->total());
    EXPECT_GE(static_cast<int64_t>(read.size()), block_bytes == 1 ? expected.num_graphs : 1);
    const auto other = NewCatalog();
    const DatasetInfo moved = IngestBlocks(*other, source->spec(), std::move(read));
    EXPECT_EQ(moved.fingerprint, expected.fingerprint);
    EXPECT_EQ(moved.num_nodes, expected.num_nodes);
    EXPECT_EQ(moved.num_edges, expected.num_edges);
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

}  // namespace
}  // namespace graphfeed
