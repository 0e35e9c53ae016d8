#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_STORE_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_STORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rados/column_entry.h"
#include "storage/chunks/rados/pool.h"
#include "storage/chunks/rados/reads.h"
#include "storage/chunks/rados/records.h"
#include "storage/chunks/rados/watch.h"

namespace graphfeed {

// A store in a namespace of a pool of Ceph RADOS, which any number of processes share. Its objects:
// "records" (records.h), "columns" (column_entry.h), and those of the columns' chunks.
class RadosChunkStore : public ChunkStore {
 public:
  // `rest` is what stands behind "rados://". Errors as of RadosPool::Connect; NOT_FOUND without
  // records where they are not to be created; FAILED_PRECONDITION for another format.
  static absl::StatusOr<std::unique_ptr<ChunkStore>> Open(const std::string& rest,
                                                          const ChunkStoreOptions& options);

  bool shared() const override { return true; }
  bool read_only() const override { return read_only_; }
  absl::Status StartWriting() override;
  absl::Status Health() override;
  absl::Status Reachable() override { return pool_->Reachable(); }
  void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) override;
  absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column,
                                                         int64_t chunk_bytes) override;
  std::string ListingName() override;
  absl::StatusOr<std::vector<ColumnChunks>> ListColumns() override;
  absl::Status DeleteColumns(absl::Span<const uint64_t> columns) override;
  void ForgetColumns(absl::Span<const uint64_t> columns) override { Forget(columns); }
  void Tidy() override;
  absl::StatusOr<RecordMap> ListRecords() override { return records_.List(); }
  absl::Status ChangeRecords(absl::Span<const RecordChange> changes) override;
  std::unique_ptr<RecordsWatch> WatchRecords(std::function<void()> on_change) override;
  void Announce() override;
  int64_t StoredBytes() override;
  StoreStats Stats() override;
  EngineInfo kind() override { return {.engine = "rados", .format = 1}; }

 private:
  using Places = std::shared_ptr<const ColumnPlaces>;  // shared by readers

  explicit RadosChunkStore(std::unique_ptr<RadosPool> pool)
      : pool_(std::move(pool)), records_(*pool_) {}

  absl::Status CheckWritable() const;
  // OK, or PERMISSION_DENIED: whether this user may change objects. Nothing is changed.
  absl::Status MayWrite() const;
  absl::StatusOr<std::map<uint64_t, ColumnEntry>> AllEntries() const;
  absl::StatusOr<std::map<uint64_t, ColumnEntry>> EntriesOf(
      absl::Span<const uint64_t> columns) const;
  // Where the chunks of columns lie, of those that are stored.
  absl::StatusOr<std::map<uint64_t, Places>> PlacesOf(const std::set<uint64_t>& columns);
  absl::StatusOr<Places> ReadPlaces(uint64_t column, const ColumnEntry& entry) const;
  void Forget(absl::Span<const uint64_t> columns);

  Mutex mu_;
  // Of watches, for callbacks that come until the pool is gone.
  std::vector<std::shared_ptr<RadosWatch::Board>> boards_ ABSL_GUARDED_BY(mu_);
  const std::unique_ptr<RadosPool> pool_;
  bool read_only_ = false;  // as it was opened
  RadosRecords records_;
  std::atomic<bool> writing_{false};

  std::map<uint64_t, Places> places_ ABSL_GUARDED_BY(mu_);
  // Of columns, as last listed, with what this process has written and removed since.
  std::atomic<int64_t> stored_bytes_{0};
  ReadCounts counts_;
  WatchCounts watch_counts_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_STORE_H_
