// What a version's fingerprint depends on, and what not.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/digest.h"
#include "storage/catalog.h"
#include "tests/storage/graph_blocks.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

Fingerprint FingerprintOf(std::vector<GraphBlock> blocks, IngestSpec spec = {.name = "d"},
                          const CatalogOptions& options = {}) {
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(), options);
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  const auto info = Ingest(**catalog, std::move(spec), std::move(blocks));
  EXPECT_TRUE(info.ok()) << info.status();
  return info.ok() ? info->fingerprint : Fingerprint{};
}

TEST(FingerprintTest, NameVersionBlocksAndChunksDoNotCount) {
  const GraphBlock whole = RandomGraphs(1, 60);
  const Fingerprint expected = FingerprintOf({whole});
  EXPECT_EQ(FingerprintOf({whole}, {.name = "other"}), expected);
  EXPECT_EQ(FingerprintOf({Slice(whole, 0, 1), Slice(whole, 1, 30), Slice(whole, 31, 29)}),
            expected);
  for (const int64_t chunk_bytes : {1, 100, 1 << 20}) {
    EXPECT_EQ(FingerprintOf({whole}, {.name = "d"}, {.chunk_bytes = chunk_bytes}), expected);
  }

  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(), {});
  for (int64_t version = 1; version <= 2; ++version) {
    const auto info = Ingest(**catalog, {.name = "d"}, {whole});
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->version, version);
    EXPECT_EQ(info->fingerprint, expected);
  }
}

TEST(FingerprintTest, EveryRowNameTypeAndCutCounts) {
  const Fingerprint base = FingerprintOf({TwoGraphs()});
  const auto expect_other = [&](auto&& edit) {
    GraphBlock block = TwoGraphs();
    edit(block);
    EXPECT_NE(FingerprintOf({block}), base);
  };
  expect_other([](GraphBlock& b) { b.columns[0].rows[0] ^= 1; });
  expect_other([](GraphBlock& b) { std::swap(b.columns[2].rows[0], b.columns[2].rows[8]); });
  expect_other([](GraphBlock& b) { b.columns[2].name = "label"; });
  expect_other([](GraphBlock& b) { b.columns[2].dtype = DType::kFloat64; });
  expect_other([](GraphBlock& b) { b.columns[0].row_shape = {2, 1}; });
  expect_other([](GraphBlock& b) { std::swap(b.columns[0], b.columns[2]); });
  expect_other([](GraphBlock& b) { b.columns.pop_back(); });
  // The same rows, cut into other graphs.
  expect_other([](GraphBlock& b) {
    b.num_nodes = {{2, 3}};
    b.columns[0].sizes = {2, 3};
    b.columns[1].rows = Bytes<int64_t>({0, 1, 1, 0, 1, 0});
  });
}

TEST(FingerprintTest, StringsCountWithTheirBorders) {
  const auto with = [](std::vector<std::string> strings) {
    GraphBlock block = TwoGraphs();
    ColumnBlock column = Column("name", DType::kString, {}, {}, "");
    column.strings = std::move(strings);
    block.columns.push_back(std::move(column));
    return FingerprintOf({block});
  };
  EXPECT_EQ(with({"ab", "c"}), with({"ab", "c"}));
  EXPECT_NE(with({"ab", "c"}), with({"a", "bc"}));
  EXPECT_NE(with({"ab", "c"}), with({"ab", "d"}));
}

// Pinned: servers of different builds must agree. A change needs a new format version.
TEST(FingerprintTest, IsStable) {
  EXPECT_EQ(DigestHex(FingerprintOf({TwoGraphs()})), "cd6ff325c9d844077993d367fb726000");
}

}  // namespace
}  // namespace graphfeed
