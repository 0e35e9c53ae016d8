#include "storage/manifest/manifest.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "storage/catalog.h"
#include "tests/storage/graph_blocks.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {
namespace {

// The record that an ingest of all kinds of columns leaves.
std::string Record() {
  const auto disk = std::make_shared<MemoryDisk>();
  auto catalog = Catalog::Open(std::make_unique<MemoryChunkStore>(disk), {});
  EXPECT_TRUE(catalog.ok());
  EXPECT_TRUE(Ingest(**catalog, {.name = "d", .transforms = {}}, {RandomGraphs(1, 20)}).ok());
  std::string record;
  disk->EditRecord("manifest/d@1", [&](std::string& value) { record = value; });
  return record;
}

TEST(ManifestTest, EncodingIsRestoredExactly) {
  const std::string record = Record();
  const auto manifest = DecodeManifest(record);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(EncodeManifest(*manifest), record);
  EXPECT_EQ(manifest->info.name, "d");
  EXPECT_EQ(manifest->info.num_graphs, 20);
  EXPECT_EQ(manifest->info.fingerprint, ComputeFingerprint(*manifest));
  EXPECT_EQ(manifest->info.raw_bytes, RawBytes(*manifest));
}

TEST(ManifestTest, AnyChangedByteIsFound) {
  const std::string record = Record();
  for (size_t i = 0; i < record.size(); ++i) {
    std::string damaged = record;
    damaged[i] ^= 0x10;
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(damaged).status())) << "byte " << i;
  }
}

TEST(ManifestTest, AnyTruncationIsFound) {
  const std::string record = Record();
  for (size_t size = 0; size < record.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(record.substr(0, size)).status())) << size;
  }
}

TEST(ManifestTest, PartsThatDoNotBelongTogetherAreFound) {
  const Manifest good = *DecodeManifest(Record());
  const auto expect_damaged = [&](auto&& edit) {
    Manifest manifest = good;
    edit(manifest);
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest(EncodeManifest(manifest)).status()));
  };
  expect_damaged([](Manifest& m) {
    m.columns.pop_back();
    m.info.columns.pop_back();
  });
  expect_damaged([](Manifest& m) { m.columns[0].rows.storage.row_bytes += 4; });
  expect_damaged([](Manifest& m) { m.columns[0].rows.storage.num_rows += 1; });
  expect_damaged([](Manifest& m) { m.columns[0].rows.storage.rows_per_chunk = 3; });
  expect_damaged([](Manifest& m) { m.node_offsets[0].storage.num_rows -= 1; });
  expect_damaged([](Manifest& m) { m.info.num_graphs += 1; });
  expect_damaged([](Manifest& m) { m.info.num_nodes.clear(); });
  expect_damaged([](Manifest& m) { m.columns[0].string_offsets = m.node_offsets[0]; });
}

}  // namespace
}  // namespace graphfeed
