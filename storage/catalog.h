#ifndef GRAPHFEED_STORAGE_CATALOG_H_
#define GRAPHFEED_STORAGE_CATALOG_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/base/stop_flag.h"
#include "storage/chunks/chunk_store.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/graph_sink.h"
#include "storage/graph/graph_store.h"

namespace graphfeed {

struct CatalogOptions {
  int64_t memory_budget_bytes = int64_t{1} << 30;    // of cached chunks
  int64_t ingest_memory_bytes = int64_t{256} << 20;  // of each running ingest
  int64_t chunk_bytes = 16 << 10;  // rows per chunk: the largest power of two that fits, at least 1
  // Columns that no version uses at a start are kept for so long after they were first seen so.
  absl::Duration sweep_after = absl::Hours(1);
  // The store is only read, as it is where it permits no more: changes are FAILED_PRECONDITION.
  bool read_only = false;
  // In a store that servers share: who is not heard of for so long is taken for dead.
  absl::Duration lease = absl::Seconds(10);
  // In such a store: the catalog calls KeepUp by itself, on a thread of its own.
  bool keeps_up = false;
  // In such a store: what others publish or delete is known as soon as they say so, where the
  // engine passes that on, and not with the next KeepUp.
  bool listens = false;
  // What leases are measured by.
  std::function<std::chrono::steady_clock::time_point()> clock = std::chrono::steady_clock::now;
};

// An open, immutable version: its description and its rows. Kept readable while referenced, also
// after the version has been deleted. Thread-safe.
class Dataset : public FeatureStore {
 public:
  virtual const DatasetInfo& info() const = 0;
  // Valid while the dataset is.
  virtual const GraphOffsets& offsets() const = 0;
  // The strings of these rows of a string column, one range after the other.
  virtual absl::StatusOr<std::vector<std::string>> ReadStrings(
      int column, absl::Span<const RowRange> ranges) = 0;
  // How many bytes each of these strings has.
  virtual absl::StatusOr<std::vector<int64_t>> StringSizes(int column, const RowRange& range) = 0;
  // The in-neighbour lists of a single graph, valid while the dataset is; null for collections.
  virtual GraphStore* graph() = 0;
  // Reads every chunk, recomputes the fingerprint and compares in-neighbour lists with the edges;
  // DATA_LOSS names what differs.
  virtual absl::Status Verify() = 0;
};

struct StorageStats {
  int64_t cached_bytes = 0;       // chunks in memory, within the budget
  int64_t chunk_table_bytes = 0;  // of the columns of open datasets, within the budget too
  int64_t memory_budget_bytes = 0;
  int64_t offsets_bytes = 0;  // of open datasets
  int64_t ingest_bytes = 0;   // buffered by running ingests
  int64_t stored_bytes = 0;   // on disk
  int64_t chunk_hits = 0;     // since start
  int64_t chunk_misses = 0;
  int64_t chunk_evictions = 0;
  int64_t chunk_read_bytes = 0;
  int64_t set_aside_columns = 0;  // that no version used at a start, not removed yet
  int64_t datasets = 0;           // names of which there is a version
  int64_t versions = 0;           // published
  StoreStats store;
};

// A version, and what tells whether it may go.
struct VersionAge {
  std::string name;
  int64_t version = 0;
  Fingerprint fingerprint{};
  // In this store, by the clock of then; nullopt: by a program that did not say.
  std::optional<absl::Time> published;
};

class CatalogEngine;

// All datasets of one store. Thread-safe.
class Catalog {
 public:
  // Opening looks first whether all that the records speak of is there: DATA_LOSS if not, and
  // nothing is changed. Then what unfinished ingests and deleted versions left is set aside, and
  // what has been set aside for long enough is removed.
  static absl::StatusOr<std::unique_ptr<Catalog>> Open(std::unique_ptr<ChunkStore> store,
                                                       const CatalogOptions& options);
  ~Catalog();

  // Published versions by name, then version.
  std::vector<DatasetInfo> List() const;
  // The same, as what may go one day.
  std::vector<VersionAge> Ages() const;
  // "name" is the newest version, "name@3" that one. NOT_FOUND says which versions there are.
  absl::StatusOr<DatasetInfo> Get(absl::string_view name) const;
  absl::StatusOr<std::shared_ptr<Dataset>> OpenDataset(absl::string_view name);
  absl::StatusOr<std::unique_ptr<GraphSink>> StartIngest(IngestSpec spec);
  // Publishes a new version that is `name` (as for Get) and one more node column of integers; all
  // else is shared with it, neither copied nor read. The block holds the whole column; its level
  // may be left out. INVALID_ARGUMENT for a column that does not fit or exists already.
  absl::StatusOr<DatasetInfo> AddColumn(absl::string_view name, const ColumnBlock& column);
  // The same for a version that this catalog opened, also if it has been deleted meanwhile.
  absl::StatusOr<DatasetInfo> AddColumn(const Dataset& base, const ColumnBlock& column);
  // Immediate for new readers; chunks go when nobody uses them any more, soon after the last reader
  // of the version and on a thread of the catalog.
  absl::Status Delete(absl::string_view name, int64_t version);
  // The same, unless this process has the version open, or has had it within the last
  // `unused_for` (or published it, or started, since): FAILED_PRECONDITION.
  absl::Status DeleteUnused(absl::string_view name, int64_t version, absl::Duration unused_for);
  // Copies all versions, as they are at one moment, into the new folder `to`, which is a data
  // folder like any other, and lists them. ALREADY_EXISTS when the folder exists; UNIMPLEMENTED for
  // a store that makes no snapshots. It is there whole, and with `check` (see SnapshotMaker) only
  // if that is OK, or not at all.
  absl::StatusOr<std::vector<DatasetInfo>> Snapshot(const std::string& to,
                                                    SnapshotMaker::Check check);
  absl::StatusOr<std::vector<DatasetInfo>> Snapshot(const std::string& to) {
    return Snapshot(to, [](const std::string&) { return absl::OkStatus(); });
  }
  // The fingerprints of versions that were deleted, by whomever, and are open here all the same:
  // they keep what they use as long as they are.
  std::vector<Fingerprint> DeletedButOpen();
  // Removes what has been set aside for long enough by now and nobody uses; in a store that servers
  // share, sets aside first what the dead had begun. CANCELLED within a
  // WorkScope whose work nobody wants any more; the next sweep, or that of another, goes on.
  absl::Status Sweep();
  // What reading a version that is open has failed with; NOT_FOUND instead of DATA_LOSS if it was
  // deleted: a server that was silent for long may not have heard of that, nor others of the
  // server. Reads the records, unless that was less than a second ago. What OpenDataset fails with
  // has been asked so.
  absl::Status WhyNotRead(const DatasetInfo& info, absl::Status status);
  // To be called every second, unless the catalog does (`keeps_up`). In a store that servers share:
  // reads what others have changed, shows them that this one is alive and what it uses, and ends
  // the leases of the dead. Asks for records alone, so no other part of the store holds it up.
  absl::Status KeepUp();
  // OK, or why nothing can be stored any more (ChunkStore::Health).
  absl::Status Health() const;
  // OK, or why nothing can be read or stored now (ChunkStore::Reachable).
  absl::Status Reachable() const;
  StorageStats stats() const;
  EngineInfo store_kind() const;

 private:
  explicit Catalog(std::shared_ptr<CatalogEngine> engine);

  const std::shared_ptr<CatalogEngine> engine_;  // shared with running ingests and open datasets
  std::unique_ptr<RecordsWatch> listener_;
  StopFlag stop_;
  std::thread keeper_;  // calls KeepUp, if the catalog is to
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CATALOG_H_
