#ifndef GRAPHFEED_STORAGE_CATALOG_ENGINE_H_
#define GRAPHFEED_STORAGE_CATALOG_ENGINE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
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
#include "storage/records.h"
#include "storage/servers.h"
#include "storage/set_aside.h"
#include "storage/sweeper.h"

namespace graphfeed {

// Everything behind the catalog. Owned by it, by running ingests and by open datasets together, so
// that each may go in any order.
class CatalogEngine : public IngestHost, public std::enable_shared_from_this<CatalogEngine> {
 public:
  CatalogEngine(std::unique_ptr<ChunkStore> store, const CatalogOptions& options);
  ~CatalogEngine() override;

  // Before anything else, once (Catalog::Open); in catalog_load.cc.
  absl::Status Load();

  std::vector<DatasetInfo> List() const;
  std::vector<VersionAge> Ages() const;
  absl::StatusOr<DatasetInfo> Get(absl::string_view reference) const;
  absl::StatusOr<std::shared_ptr<Dataset>> OpenDataset(absl::string_view reference);
  absl::StatusOr<DatasetInfo> AddColumn(absl::string_view reference, const ColumnBlock& column);
  absl::StatusOr<DatasetInfo> AddColumn(const Dataset& base, const ColumnBlock& column);
  // With `unused_for` only a version that has not been used for so long.
  absl::Status Delete(absl::string_view name, int64_t version,
                      std::optional<absl::Duration> unused_for = std::nullopt);
  absl::StatusOr<std::vector<DatasetInfo>> Snapshot(const std::string& to,
                                                    SnapshotMaker::Check check);
  absl::Status Health() const { return store_->Health(); }
  absl::Status Reachable() const { return store_->Reachable(); }
  bool shared() const { return store_->shared(); }
  // Reads the records whenever others announce that they have changed them. The engine must outlive
  // it. In catalog_load.cc.
  std::unique_ptr<RecordsWatch> Listen();
  absl::StatusOr<std::unique_ptr<GraphSink>> StartIngest(IngestSpec spec);
  StorageStats stats() const;
  EngineInfo store_kind() const { return store_->kind(); }

  // In catalog_sharing.cc.
  absl::Status Sweep();
  absl::Status KeepUp();
  std::vector<Fingerprint> DeletedButOpen();
  absl::Status WhyNotRead(const DatasetInfo& info, absl::Status status);
  absl::StatusOr<uint64_t> NewColumn() override;

  ChunkStore& store() override { return *store_; }
  absl::StatusOr<DatasetInfo> Publish(Manifest manifest) override;
  void Discard(absl::Span<const uint64_t> columns) override;
  void AddIngestBytes(int64_t change) override { ingest_bytes_ += change; }

 private:
  struct Version {
    std::shared_ptr<const Manifest> manifest;
    std::weak_ptr<Dataset> open;                 // so that all who have it open share one
    std::chrono::steady_clock::time_point used;  // last, when it is not open
  };
  using Versions = std::map<int64_t, Version>;
  struct DeletedVersion {
    Fingerprint fingerprint;
    std::weak_ptr<Dataset> open;
  };

  // What is known becomes what the records say; in catalog_load.cc.
  absl::Status Apply(const RecordMap& records, absl::Span<const RecordChange> changes);
  // DATA_LOSS names a dataset of which a column is missing, or has fewer chunks than it should.
  // `earlier` are the records before the columns were listed.
  absl::Status CheckColumns(const RecordMap& earlier, absl::Span<const ColumnChunks> stored);
  absl::Status SetUnusedAside(const RecordMap& earlier, absl::Span<const ColumnChunks> stored);

  // Records::Refresh and Update, and discards what nobody uses any more.
  absl::Status Refresh();
  absl::Status Update(Records::Edit edit);
  void DiscardUnused();
  // What cannot be deleted now the next sweep tries again, and the next start finds; in
  // catalog_sharing.cc.
  absl::Status DeleteOrKeepAsGarbage(std::vector<uint64_t> columns);

  absl::Status CheckWritable() const;
  // ALREADY_EXISTS for a version that is there.
  absl::Status CheckUnused(const DatasetInfo& info) const;
  // Gives the manifest its number, if it has none, or says that it is in use.
  absl::Status Number(const RecordMap& records, DatasetInfo& info) const;
  // Publishes `base`, whose columns are referenced, and the column.
  absl::StatusOr<DatasetInfo> PublishWithColumn(const Manifest& base, const ColumnBlock& column);
  // Discards the columns of a manifest that nobody will know.
  void Drop(const Manifest& manifest);
  absl::StatusOr<Version*> Find(absl::string_view name, std::optional<int64_t> version) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Reference(const Manifest& manifest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Returns the columns that nobody uses any more.
  std::vector<uint64_t> Unreference(const Manifest& manifest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A version was opened, published or closed now.
  void NoteUse(const DatasetInfo& info);
  // Unreferences, and discards what nobody uses any more.
  void Release(const Manifest& manifest);
  // The same without waiting for the store.
  void ReleaseSoon(const Manifest& manifest);

  // Of a store that servers share; in catalog_sharing.cc.
  absl::Status ReserveColumns();
  // Makes a change fail unless the columns that are set aside are those that these records say:
  // for changes of this server's record, so that all can rely on its having seen them.
  static RecordEdit SetAsideSeen(const RecordMap& records);
  // The record of this server.
  ServerRecord OwnRecord(const SetAsideColumns& set_aside) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Deletes a version that is there.
  absl::StatusOr<std::vector<RecordEdit>> DeletionEdits(const Manifest& manifest,
                                                        const RecordMap& records) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Afterwards a manifest is not published, though it may have been for a moment.
  absl::Status Undo(const Manifest& manifest);
  // Of manifests of which it is certain by now whether they are published: discards what those have
  // written that are not.
  absl::Status Settle(absl::Span<const Manifest> manifests);
  // What the dead have begun belongs to nobody now.
  absl::Status SetOrphansAside();
  // Adds to the edits that publish a manifest what makes them fail if any of its columns is, or
  // will be, removed by another server.
  absl::Status HoldColumns(const Manifest& manifest, const RecordMap& records,
                           std::vector<RecordEdit>& edits);
  // The columns that only this version has.
  std::vector<uint64_t> ColumnsOfNoOther(const Manifest& manifest) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes back what this server may have reserved: others take it for dead.
  void LoseLease() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const CatalogOptions options_;
  const std::unique_ptr<ChunkStore> store_;
  const bool read_only_;
  const std::string server_key_;  // empty unless servers share the store
  ChunkCache cache_;
  std::atomic<int64_t> ingest_bytes_{0};
  std::atomic<int64_t> offsets_bytes_{0};
  std::atomic<int64_t> set_aside_columns_{0};

  // Held while versions come and go; before the lock of records_, which is before mu_.
  Mutex publish_mu_;
  Records records_;
  mutable Mutex mu_;
  mutable std::map<std::string, Versions, std::less<>> datasets_ ABSL_GUARDED_BY(mu_);
  // Versions and open datasets that use a column. A column without any is swept.
  absl::flat_hash_map<uint64_t, int> references_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> unused_ ABSL_GUARDED_BY(mu_);         // found so by Apply
  std::vector<uint64_t> garbage_ ABSL_GUARDED_BY(mu_);        // could not be deleted yet
  std::vector<DeletedVersion> deleted_ ABSL_GUARDED_BY(mu_);  // and were open then

  Mutex reserve_mu_;  // before the lock of records_
  uint64_t next_column_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t reserved_columns_ ABSL_GUARDED_BY(mu_) = 0;  // the first not reserved
  ColumnRange reserving_ ABSL_GUARDED_BY(mu_);          // while that is done: what comes next
  // Of a store that servers share: what this one has given out and nobody has published yet.
  absl::flat_hash_set<uint64_t> writing_ ABSL_GUARDED_BY(mu_);
  // Whose publishing failed, and could not be undone.
  std::vector<Manifest> unsettled_ ABSL_GUARDED_BY(mu_);
  uint64_t beat_ ABSL_GUARDED_BY(mu_) = 0;

  Mutex keep_up_mu_;
  // Records of servers. What nobody could see, since the store did not answer, is no silence.
  Unchanged others_ ABSL_GUARDED_BY(keep_up_mu_){options_.lease / 4};
  KnownAside aside_ ABSL_GUARDED_BY(keep_up_mu_);
  // Columns may belong to nobody: servers were found dead, and what they had begun has not been set
  // aside yet; or a sweep does not know whether they still are.
  bool orphans_ ABSL_GUARDED_BY(keep_up_mu_) = false;

  Mutex asking_mu_;  // before the lock of records_
  std::optional<std::chrono::steady_clock::time_point> asked_ ABSL_GUARDED_BY(asking_mu_);

  Sweeper sweeper_{[this](const std::vector<uint64_t>& columns) { Discard(columns); }};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CATALOG_ENGINE_H_
