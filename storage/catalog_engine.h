#ifndef GRAPHFEED_STORAGE_CATALOG_ENGINE_H_
#define GRAPHFEED_STORAGE_CATALOG_ENGINE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/catalog.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/chunk_store.h"
#include "storage/ingest/host.h"
#include "storage/manifest/manifest.h"
#include "storage/set_aside.h"
#include "storage/sweeper.h"

namespace graphfeed {

// Everything behind the catalog. Owned by it, by running ingests and by open datasets together, so
// that each may go in any order.
class CatalogEngine : public IngestHost, public std::enable_shared_from_this<CatalogEngine> {
 public:
  CatalogEngine(std::unique_ptr<ChunkStore> store, const CatalogOptions& options)
      : options_(options),
        store_(std::move(store)),
        cache_(*store_, options.memory_budget_bytes),
        set_aside_(*store_) {}

  // Before anything else, once (Catalog::Open); in catalog_load.cc.
  absl::Status Load();

  std::vector<DatasetInfo> List() const;
  absl::StatusOr<DatasetInfo> Get(absl::string_view reference) const;
  absl::StatusOr<std::shared_ptr<Dataset>> OpenDataset(absl::string_view reference);
  absl::StatusOr<DatasetInfo> AddColumn(absl::string_view reference, const ColumnBlock& column);
  absl::StatusOr<DatasetInfo> AddColumn(const Dataset& base, const ColumnBlock& column);
  absl::Status Delete(absl::string_view name, int64_t version);
  absl::StatusOr<std::vector<DatasetInfo>> Snapshot(const std::string& to,
                                                    ChunkStore::SnapshotCheck check);
  absl::Status Sweep();
  absl::Status Health() const { return store_->Health(); }
  absl::StatusOr<std::unique_ptr<GraphSink>> StartIngest(IngestSpec spec);
  StorageStats stats() const;
  const CatalogOptions& options() const { return options_; }

  ChunkStore& store() override { return *store_; }
  absl::StatusOr<uint64_t> NewColumn() override;
  absl::StatusOr<DatasetInfo> Publish(Manifest manifest) override;
  void Discard(absl::Span<const uint64_t> columns) override;
  void AddIngestBytes(int64_t change) override { ingest_bytes_ += change; }

 private:
  struct Version {
    std::shared_ptr<const Manifest> manifest;
    std::weak_ptr<Dataset> open;  // so that all who have it open share one
  };
  using Versions = std::map<int64_t, Version>;

  absl::Status LoadRecord(const std::string& key, const std::string& value);
  // Publishes `base`, whose columns are referenced, and the column.
  absl::StatusOr<DatasetInfo> PublishWithColumn(const Manifest& base, const ColumnBlock& column);
  // DATA_LOSS names a dataset of which a column is missing, or has fewer chunks than it should.
  absl::Status CheckColumns(absl::Span<const ColumnChunks> stored);
  absl::Status SetUnusedAside(absl::Span<const ColumnChunks> stored);
  absl::Status CheckWritable() const;
  // Gives the manifest its number, if it has none, or says that it is in use.
  absl::Status Number(DatasetInfo& info) const;
  // Discards the columns of a manifest that nobody will know.
  void Drop(const Manifest& manifest);
  absl::StatusOr<Version*> Find(absl::string_view name, std::optional<int64_t> version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Reference(const Manifest& manifest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns the columns that nobody uses any more.
  std::vector<uint64_t> Unreference(const Manifest& manifest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Unreferences, and discards what nobody uses any more.
  void Release(const Manifest& manifest);
  // The same without waiting for the store.
  void ReleaseSoon(const Manifest& manifest);

  const CatalogOptions options_;
  const std::unique_ptr<ChunkStore> store_;
  ChunkCache cache_;
  std::atomic<int64_t> ingest_bytes_{0};
  std::atomic<int64_t> offsets_bytes_{0};

  // Held while manifests are written; before mu_.
  Mutex publish_mu_;
  mutable Mutex mu_;
  mutable std::map<std::string, Versions, std::less<>> datasets_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int64_t, std::less<>> newest_ ABSL_GUARDED_BY(mu_);
  // Versions and open datasets that use a column. A column without any is swept.
  absl::flat_hash_map<uint64_t, int> references_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> garbage_ ABSL_GUARDED_BY(mu_);  // could not be deleted yet

  SetAside set_aside_;

  Mutex columns_mu_;
  uint64_t next_column_ ABSL_GUARDED_BY(columns_mu_) = 1;
  uint64_t reserved_columns_ ABSL_GUARDED_BY(columns_mu_) = 1;  // the first not reserved

  Sweeper sweeper_{[this](const std::vector<uint64_t>& columns) { Discard(columns); }};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CATALOG_ENGINE_H_
