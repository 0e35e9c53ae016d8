#include "storage/chunks/cached_store.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Chunks of one call are offered to the cache in batches, so that a long one does not hold them
// all.
constexpr size_t kBatchBytes = size_t{1} << 20;

// All but reading is the store's own.
class CachedChunkStore : public ChunkStore {
 public:
  CachedChunkStore(std::unique_ptr<ChunkStore> store, std::shared_ptr<DiskCache> cache)
      : store_(std::move(store)), cache_(std::move(cache)) {}

  void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) override {
    std::vector<size_t> missing;
    cache_->Read(
        keys, [&](size_t index, absl::string_view value) { visitor(index, value); }, missing);
    if (missing.empty()) return;
    std::vector<ChunkKey> missing_keys;
    missing_keys.reserve(missing.size());
    for (const size_t index : missing) missing_keys.push_back(keys[index]);
    DiskCache::Batch batch;
    store_->ReadChunks(missing_keys, [&](size_t i, absl::StatusOr<absl::string_view> value) {
      if (value.ok()) batch.Add(missing_keys[i], *value);
      visitor(missing[i], std::move(value));
      if (batch.values.size() >= kBatchBytes) cache_->Keep(std::exchange(batch, {}));
    });
    cache_->Keep(std::move(batch));
  }
  absl::Status DeleteColumns(absl::Span<const uint64_t> columns) override {
    cache_->Forget(columns);
    return store_->DeleteColumns(columns);
  }
  void ForgetColumns(absl::Span<const uint64_t> columns) override {
    cache_->Forget(columns);
    store_->ForgetColumns(columns);
  }
  StoreStats Stats() override {
    StoreStats stats = store_->Stats();
    stats.disk_cache = cache_->stats();
    return stats;
  }

  bool shared() const override { return store_->shared(); }
  bool read_only() const override { return store_->read_only(); }
  absl::Status StartWriting() override { return store_->StartWriting(); }
  absl::Status Health() override { return store_->Health(); }
  absl::Status Reachable() override { return store_->Reachable(); }
  absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column,
                                                         int64_t chunk_bytes) override {
    return store_->NewWriter(column, chunk_bytes);
  }
  std::string ListingName() override { return store_->ListingName(); }
  absl::StatusOr<std::vector<ColumnChunks>> ListColumns() override { return store_->ListColumns(); }
  void Tidy() override { store_->Tidy(); }
  absl::StatusOr<RecordMap> ListRecords() override { return store_->ListRecords(); }
  absl::Status ChangeRecords(absl::Span<const RecordChange> changes) override {
    return store_->ChangeRecords(changes);
  }
  std::unique_ptr<RecordsWatch> WatchRecords(std::function<void()> on_change) override {
    return store_->WatchRecords(std::move(on_change));
  }
  void Announce() override { store_->Announce(); }
  SnapshotMaker* snapshots() override { return store_->snapshots(); }
  int64_t StoredBytes() override { return store_->StoredBytes(); }
  EngineInfo kind() override { return store_->kind(); }

 private:
  const std::unique_ptr<ChunkStore> store_;
  const std::shared_ptr<DiskCache> cache_;  // shared with tests
};

}  // namespace

std::unique_ptr<ChunkStore> WithDiskCache(std::unique_ptr<ChunkStore> store,
                                          std::shared_ptr<DiskCache> cache) {
  return std::make_unique<CachedChunkStore>(std::move(store), std::move(cache));
}

absl::StatusOr<std::unique_ptr<ChunkStore>> WithDiskCache(std::unique_ptr<ChunkStore> store,
                                                          const DiskCacheOptions& options) {
  GF_ASSIGN_OR_RETURN(std::shared_ptr<DiskCache> cache, DiskCache::Open(options));
  return WithDiskCache(std::move(store), std::move(cache));
}

}  // namespace graphfeed
