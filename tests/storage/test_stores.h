#ifndef GRAPHFEED_TESTS_STORAGE_TEST_STORES_H_
#define GRAPHFEED_TESTS_STORAGE_TEST_STORES_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/catalog.h"
#include "storage/chunks/cached_store.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/open_store.h"
#include "storage/records.h"
#include "tests/support/memory_chunk_store.h"

namespace graphfeed {

// An empty folder of the running test's own, removed with it.
class TestFolder {
 public:
  TestFolder() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = std::string(info->test_suite_name()) + "." + info->name();
    for (char& c : name) {
      if (c == '/') c = '_';
    }
    // The same test may run from two builds at once.
    name += "." + std::to_string(getpid());
    path_ = std::filesystem::path(testing::TempDir()) / name;
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The store in a folder, ready to be written.
inline absl::StatusOr<std::unique_ptr<ChunkStore>> OpenToWrite(
    const std::filesystem::path& folder) {
  absl::StatusOr<std::unique_ptr<ChunkStore>> store = OpenRocksDbChunkStore(folder.string());
  if (!store.ok()) return store;
  if (absl::Status status = (*store)->StartWriting(); !status.ok()) return status;
  return store;
}

// The uids of the columns in a store.
inline std::vector<uint64_t> ColumnUids(ChunkStore& store) {
  const auto columns = store.ListColumns();
  EXPECT_TRUE(columns.ok()) << columns.status();
  std::vector<uint64_t> uids;
  if (columns.ok()) {
    for (const ColumnChunks& column : *columns) uids.push_back(column.column);
  }
  return uids;
}

// Gives a record a value, whatever it had; nullopt removes it.
inline absl::Status ChangeRecord(ChunkStore& store, const std::string& key,
                                 const std::optional<std::string>& value) {
  const auto records = store.ListRecords();
  if (!records.ok()) return records.status();
  return store.ChangeRecords({{key, FindRecord(*records, key), value}});
}

// The folder of the Ceph cluster that tests may use (tests/support/ceph_cluster.py); null: there is
// none.
inline const char* CephFolder() { return std::getenv("GRAPHFEED_TEST_CEPH"); }

// A store in the cluster's pool, in a namespace.
inline std::string RadosPlace(const std::string& name_space, const std::string& user = "feed") {
  return "rados://graphfeed/" + name_space + "?conf=" + CephFolder() + "/ceph.conf&id=" + user;
}

enum class StoreKind { kMemory, kSharedMemory, kCachedMemory, kRocksDb, kRados };

// These, and RADOS where there is a cluster.
inline std::vector<StoreKind> AndRados(std::vector<StoreKind> kinds) {
  if (CephFolder() != nullptr) kinds.push_back(StoreKind::kRados);
  return kinds;
}

// What tests of a store have it in: open it as often as it may be open at once, and again.
class StoreUnderTest {
 public:
  explicit StoreUnderTest(StoreKind kind) : kind_(kind) {}

  std::unique_ptr<ChunkStore> Open() {
    if (kind_ == StoreKind::kMemory || kind_ == StoreKind::kSharedMemory) {
      return std::make_unique<MemoryChunkStore>(disk_, kind_ == StoreKind::kSharedMemory);
    }
    const std::string path = folder_.path().string();
    if (kind_ == StoreKind::kCachedMemory) {  // with a cache on disk
      auto cached = WithDiskCache(std::make_unique<MemoryChunkStore>(disk_),
                                  {.dir = path, .capacity_bytes = 64 << 20});
      EXPECT_TRUE(cached.ok()) << cached.status();
      return cached.ok() ? *std::move(cached) : nullptr;
    }
    auto store = OpenStore(
        kind_ == StoreKind::kRados ? RadosPlace(folder_.path().filename().string()) : path);
    EXPECT_TRUE(store.ok()) << store.status();
    if (!store.ok()) return nullptr;
    const absl::Status started = (*store)->StartWriting();
    EXPECT_TRUE(started.ok()) << started;
    return *std::move(store);
  }

 private:
  const StoreKind kind_;
  TestFolder folder_;
  std::shared_ptr<MemoryDisk> disk_ = std::make_shared<MemoryDisk>();
};

// Tests that run over every ChunkStore. Open may be called again when the last store is gone, and
// finds what it left.
class EveryStore : public testing::TestWithParam<StoreKind> {
 protected:
  std::unique_ptr<ChunkStore> Open() { return store_.Open(); }
  std::unique_ptr<Catalog> OpenCatalog(const CatalogOptions& options = {}) {
    auto catalog = Catalog::Open(Open(), options);
    EXPECT_TRUE(catalog.ok()) << catalog.status();
    return catalog.ok() ? *std::move(catalog) : nullptr;
  }

 private:
  StoreUnderTest store_{GetParam()};
};

inline std::string StoreKindName(const testing::TestParamInfo<StoreKind>& info) {
  switch (info.param) {
    case StoreKind::kMemory:
      return "Memory";
    case StoreKind::kSharedMemory:
      return "SharedMemory";
    case StoreKind::kCachedMemory:
      return "CachedMemory";
    case StoreKind::kRocksDb:
      return "RocksDb";
    case StoreKind::kRados:
      return "Rados";
  }
  return "";
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_STORAGE_TEST_STORES_H_
