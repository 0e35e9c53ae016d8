// Damage on disk is DATA_LOSS that names what is damaged, never a wrong row.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "storage/chunks/format.h"
#include "tests/storage/graph_blocks.h"
#include "tests/storage/test_stores.h"

namespace graphfeed {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class DamageTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_),
                                {.memory_budget_bytes = 0, .chunk_bytes = 16});
    catalog_ = *std::move(opened);
    ASSERT_TRUE(Ingest(*catalog_, {.name = "mutag"}, {TwoGraphs()}).ok());
    dataset_ = *catalog_->OpenDataset("mutag");
  }
  // The uid of x, the first column that was written after the offsets.
  uint64_t XUid() {
    std::map<uint64_t, int> chunks;
    for (const ChunkKey& key : disk_->chunk_keys()) ++chunks[key.column];
    return std::next(chunks.begin(), 2)->first;
  }

  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
  std::unique_ptr<Catalog> catalog_;
  std::shared_ptr<Dataset> dataset_;
};

TEST_F(DamageTest, EveryFlippedBitOfAChunkIsDataLossThatNamesIt) {
  const ChunkKey key{XUid(), 1};
  for (size_t bit = 0; bit < 8 * (kChunkHeaderBytes + 16); ++bit) {
    const auto flip = [&](std::string& value) {
      value[bit / 8] = static_cast<char>(value[bit / 8] ^ (1 << bit % 8));
    };
    disk_->Edit(key, flip);
    const auto rows = ReadRows(*dataset_, 0, {{2, 2}});
    ASSERT_TRUE(absl::IsDataLoss(rows.status())) << "bit " << bit;
    EXPECT_THAT(std::string(rows.status().message()),
                HasSubstr("dataset \"mutag@1\", column \"x\", chunk 1: "));
    EXPECT_TRUE(ReadRows(*dataset_, 0, {{0, 2}}).ok());  // the chunk before
    disk_->Edit(key, flip);
  }
  EXPECT_TRUE(ReadRows(*dataset_, 0, {{2, 2}}).ok());
}

TEST_F(DamageTest, VerifyNamesTheColumn) {
  EXPECT_TRUE(dataset_->Verify().ok()) << dataset_->Verify();
  disk_->Edit({XUid(), 2}, [](std::string& value) { value.back() ^= 1; });
  const absl::Status status = dataset_->Verify();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("column \"x\", chunk 2"));
}

// A chunk that was replaced by a valid one with other rows: only the digest of the column tells.
TEST_F(DamageTest, VerifyFindsRowsThatWereExchangedWithTheirChecksum) {
  const ChunkKey key{XUid(), 0};
  disk_->Edit(key, [&](std::string& value) {
    value.back() ^= 1;
    SealChunk(key, 2, value);
  });
  EXPECT_TRUE(ReadRows(*dataset_, 0, {{0, 2}}).ok());
  const absl::Status status = dataset_->Verify();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("dataset \"mutag@1\", column \"x\""), HasSubstr("hash to")));
}

TEST_F(DamageTest, DamagedOffsetsAreNamedWhenTheDatasetIsOpened) {
  dataset_.reset();
  disk_->Edit(disk_->chunk_keys()[0], [](std::string& value) { value.back() ^= 1; });
  const absl::Status status = catalog_->OpenDataset("mutag").status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"mutag@1\", node offsets, chunk 0: "));
  EXPECT_EQ(catalog_->stats().offsets_bytes, 0);
}

TEST_F(DamageTest, OffsetsThatDoNotAscendAreRefused) {
  dataset_.reset();
  const ChunkKey key = disk_->chunk_keys()[0];  // offsets 0 and 3
  disk_->Edit(key, [&](std::string& value) {
    value[kChunkHeaderBytes + 8] = 9;
    SealChunk(key, 2, value);
  });
  const absl::Status status = catalog_->OpenDataset("mutag").status();
  EXPECT_TRUE(absl::IsDataLoss(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("do not ascend from 0 to 5"));
}

TEST_F(DamageTest, ADamagedManifestIsNamedAtTheStartAndNothingIsSwept) {
  dataset_.reset();
  catalog_.reset();
  disk_->EditRecord("manifest/mutag@1", [](std::string& value) { value.back() ^= 1; });
  const auto before = disk_->chunk_keys();
  const auto opened = Catalog::Open(std::make_unique<MemoryChunkStore>(disk_), {});
  EXPECT_TRUE(absl::IsDataLoss(opened.status()));
  EXPECT_THAT(std::string(opened.status().message()), HasSubstr("dataset \"mutag@1\""));
  EXPECT_EQ(disk_->chunk_keys(), before);
}

TEST_F(DamageTest, AReadErrorKeepsItsCodeAndIsNotRemembered) {
  disk_->on_read = [](ChunkKey) { return absl::UnavailableError("the disk is away"); };
  const auto rows = ReadRows(*dataset_, 2, {{0, 1}});
  EXPECT_EQ(rows.status(),
            absl::UnavailableError("dataset \"mutag@1\", column \"y\", chunk 0: the disk is away"));
  disk_->on_read = [](ChunkKey) { return absl::OkStatus(); };
  EXPECT_TRUE(ReadRows(*dataset_, 2, {{0, 1}}).ok());
}

// Flips bytes of RocksDB's own chunk files, every region of them, and starts anew each time. The
// data folder always opens, the damaged dataset reads right or says DATA_LOSS, and the other one
// is served.
TEST(RocksDbDamageTest, AFlippedByteOfAFileHarmsOnlyItsDataset) {
  const TestFolder folder;
  const auto open = [&]() -> absl::StatusOr<std::unique_ptr<Catalog>> {
    auto store = OpenRocksDbChunkStore(folder.path().string());
    if (!store.ok()) return store.status();
    return Catalog::Open(*std::move(store), {});
  };
  const auto files = [&] {
    std::set<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      if (entry.path().extension() == ".sst") paths.insert(entry.path());
    }
    return paths;
  };
  const GraphBlock graphs = RandomGraphs(5, 200);
  std::set<std::filesystem::path> of_damaged;
  {
    auto catalog = open();
    ASSERT_TRUE(catalog.ok()) << catalog.status();
    ASSERT_TRUE(Ingest(**catalog, {.name = "good"}, {graphs}).ok());
    const auto before = files();
    const auto session = *(*catalog)->StartIngest({.name = "damaged"});
    ASSERT_TRUE(session->Append(graphs).ok());
    ASSERT_TRUE(session->Commit().ok());
    for (const auto& path : files()) {
      if (!before.contains(path) && std::filesystem::file_size(path) > 4096) {
        of_damaged.insert(path);
      }
    }
  }
  ASSERT_GE(of_damaged.size(), 3u);

  int losses = 0;
  for (const auto& path : of_damaged) {
    const auto size = static_cast<int64_t>(std::filesystem::file_size(path));
    for (const int64_t position :
         {int64_t{0}, size / 3, size / 2, size - 700, size - 200, size - 50, size - 20, size - 3}) {
      SCOPED_TRACE(absl::StrCat(path.filename().string(), " of ", size, " at ", position));
      const auto flip = [&] {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekg(position);
        const char c = static_cast<char>(file.get());
        file.seekp(position);
        file.put(static_cast<char>(c ^ 0x20));
      };
      flip();
      {
        auto catalog = open();
        ASSERT_TRUE(catalog.ok()) << catalog.status();
        EXPECT_TRUE((*(*catalog)->OpenDataset("good"))->Verify().ok());
        const auto dataset = (*catalog)->OpenDataset("damaged");
        absl::Status status = dataset.status();
        for (size_t c = 0; status.ok() && c < graphs.columns.size(); ++c) {
          if (graphs.columns[c].dtype == DType::kString) continue;
          const auto rows = ReadColumnRows(**dataset, static_cast<int>(c));
          status = rows.status();
          if (rows.ok()) {
            EXPECT_TRUE(*rows == graphs.columns[c].rows);
          }
        }
        if (!status.ok()) {
          ++losses;
          EXPECT_TRUE(absl::IsDataLoss(status)) << status;
          EXPECT_THAT(std::string(status.message()),
                      AllOf(HasSubstr("dataset \"damaged@1\""), HasSubstr(", chunk ")));
        }
      }
      flip();
    }
  }
  EXPECT_GT(losses, 10);
  auto catalog = open();
  ASSERT_TRUE(catalog.ok()) << catalog.status();
  EXPECT_TRUE((*(*catalog)->OpenDataset("damaged"))->Verify().ok());
}

}  // namespace
}  // namespace graphfeed
