#ifndef GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_
#define GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace graphfeed {

// Names a chunk: columns are cut into numbered chunks; uids are never used twice.
struct ChunkKey {
  uint64_t column = 0;
  uint32_t chunk = 0;

  friend auto operator<=>(const ChunkKey&, const ChunkKey&) = default;
};

// Writes the chunks of one column in ascending order (where the store is shared, without gaps from
// 0 on). Nothing is readable before Finish; a writer that is destroyed without it leaves at most
// garbage that the next sweep removes.
class ChunkWriter {
 public:
  virtual ~ChunkWriter() = default;
  virtual absl::Status Add(uint32_t chunk, absl::string_view value) = 0;
  virtual absl::Status Finish() = 0;
  // What the writer holds, an estimate.
  virtual int64_t memory_bytes() const = 0;
};

// A column of which chunks exist: those with the numbers 0 to num_chunks - 1, or with gaps.
struct ColumnChunks {
  uint64_t column = 0;
  int64_t num_chunks = 0;

  friend bool operator==(const ColumnChunks&, const ColumnChunks&) = default;
};

// Small named records: manifests, counters.
using RecordMap = std::map<std::string, std::string, std::less<>>;

// What becomes of a record: the value that was read and the one that it gets, nullopt where there
// is none. Where both are the same, the others are changed only if this one still is as it was.
struct RecordChange {
  std::string key;
  std::optional<std::string> before;
  std::optional<std::string> after;
};

// Copies a store into a folder, for engines that can.
class SnapshotMaker {
 public:
  // Called with the folder in which the copy is made; unless it is OK, there will be no copy.
  using Check = absl::FunctionRef<absl::Status(const std::string& folder)>;

  virtual ~SnapshotMaker() = default;
  // A copy of everything, as it is at one moment, in the folder `to`, which does not exist yet and
  // is there whole or not at all. Opened as a store it is one like any other.
  virtual absl::Status Snapshot(const std::string& to, Check check) = 0;
};

// Ends when it is destroyed, which waits for a call that is running; before the store.
class RecordsWatch {
 public:
  virtual ~RecordsWatch() = default;
};

// Which engine keeps a store, and in which format of its own (docs/storage_format.md).
struct EngineInfo {
  std::string engine = "other";
  int format = 0;
};

// What a store tells for metrics.
struct StoreStats {
  // A number that the engine counts of itself; `name` is in Prometheus' terms: "reads_total".
  struct Count {
    std::string name;
    std::string help;
    bool counter = false;  // else a gauge
    double value = 0;
  };

  // Of the medium: what this process may still write, and its size; nullopt where that is not
  // known.
  std::optional<int64_t> free_bytes;
  std::optional<int64_t> total_bytes;
  std::vector<Count> counts;

  // Of a cache on the local disk (disk_cache.h); counts are since its start.
  struct DiskCache {
    int64_t hits = 0;     // chunks
    int64_t misses = 0;   // chunks that were read from the store
    int64_t dropped = 0;  // chunks that were not kept since writing could not keep pace
    int64_t damaged = 0;  // chunks that were not what had been written: misses too
    int64_t errors = 0;   // reads and writes that failed
    int64_t bytes = 0;    // on disk
    int64_t capacity_bytes = 0;
    int64_t index_bytes = 0;  // in memory
    bool filling = false;     // false: writing failed last, and is tried again after a while
    std::string why;          // it is not filling
  };
  std::optional<DiskCache> disk_cache;
};

// The narrow seam under storage: an engine that keeps chunks and records. Nothing above it may
// assume that a chunk is local, that reading one cannot fail or take milliseconds, or, where it is
// shared, that nobody else writes. Thread-safe, after StartWriting.
//
// A store opens for reading: until StartWriting nothing in it is changed, removed or tidied up, so
// that its user can first see whether all is there.
class ChunkStore {
 public:
  using ChunkVisitor = absl::FunctionRef<void(size_t index, absl::StatusOr<absl::string_view>)>;

  virtual ~ChunkStore() = default;

  // Whether other processes may write to the store while this one has it open.
  virtual bool shared() const = 0;
  // Whether it was opened to be read only, or could be opened no other way.
  virtual bool read_only() const = 0;

  // Makes the store ready for what changes it; everything below that does so fails without it,
  // with FAILED_PRECONDITION, and always if the store is read only. Removes what a crash left
  // behind. After an error nothing is left to do but to destroy the store.
  virtual absl::Status StartWriting() = 0;

  // OK, or why nothing can be stored any more, for good: the data folder was moved or removed.
  virtual absl::Status Health() = 0;
  // OK, or UNAVAILABLE and why nothing can be read or written now: what keeps the chunks has not
  // answered for long. It may answer again. Asks nobody.
  virtual absl::Status Reachable() { return absl::OkStatus(); }

  // Calls `visitor` once for each key, in any order, with the value (valid during the call) or why
  // it cannot be read: NOT_FOUND, DATA_LOSS for a failed checksum of the engine's. A chunk with a
  // checksum of its own (format.h) may come without the engine's having been compared: OpenChunk
  // must see it. Keys that ascend are read fastest.
  virtual void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) = 0;

  // Every chunk of the column but the last will have `chunk_bytes`, and the last no more; 0: any.
  virtual absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column,
                                                                 int64_t chunk_bytes) = 0;

  // What ListColumns reads, for messages.
  virtual std::string ListingName() = 0;

  // Columns of which any chunk exists, ascending, and those that a writer elsewhere has begun or
  // has left when it died: they have num_chunks 0. No chunk is read.
  virtual absl::StatusOr<std::vector<ColumnChunks>> ListColumns() = 0;
  // Where other processes may be reading them, they go when those have gone, by a later Tidy.
  virtual absl::Status DeleteColumns(absl::Span<const uint64_t> columns) = 0;
  // Nobody in this process will read these any more: what it keeps of them can go.
  virtual void ForgetColumns(absl::Span<const uint64_t> /*columns*/) {}
  // Does what had to wait for other processes, if it can be done now.
  virtual void Tidy() {}

  // The records as they are now. They are kept such that no fault of the medium makes them fewer:
  // it is DATA_LOSS when they are read.
  virtual absl::StatusOr<RecordMap> ListRecords() = 0;
  // Makes all changes or none, durably when it returns OK. ABORTED, naming the record, and nothing
  // is changed, when one is not `before`. After another error they may have been made, or may still
  // be, until a later call is OK or ABORTED.
  virtual absl::Status ChangeRecords(absl::Span<const RecordChange> changes) = 0;

  // Where others share the store: the function is called, on a thread of its own, one call at
  // a time, soon after another process has called Announce. Now and then it is called for nothing,
  // and not for what was lost on the way, so who must know reads the records at intervals too.
  // Null: the engine has nothing of the kind.
  virtual std::unique_ptr<RecordsWatch> WatchRecords(std::function<void()>) {  // NOLINT: it is kept
    return nullptr;
  }
  // Tells those who watch that records have changed that they should see at once. Waits for nobody.
  virtual void Announce() {}

  // Null for an engine that makes no snapshots.
  virtual SnapshotMaker* snapshots() { return nullptr; }

  // Bytes stored, for metrics.
  virtual int64_t StoredBytes() = 0;
  virtual StoreStats Stats() { return {}; }
  // Of a store that is being written, the format that it is written in.
  virtual EngineInfo kind() { return {}; }
};

enum class StoreAccess {
  kReadWrite,
  kReadOnly,     // others may read it too, and it may be one that nobody can write
  kBeside,       // as kReadOnly, as it is now, while another process may write to it
  kAsPermitted,  // to be written, or read only where this process may do no more
};

struct ChunkStoreOptions {
  StoreAccess access = StoreAccess::kReadWrite;
  bool create = true;  // where there is none, and it is to be written; else that is NOT_FOUND
};

// A folder of chunks in an embedded RocksDB and records in a file beside it. FAILED_PRECONDITION
// when another process holds it; DATA_LOSS, naming the file, when anything but chunks is damaged or
// missing (that of chunks is found when they are read); RESOURCE_EXHAUSTED when there are too few
// descriptors.
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRocksDbChunkStore(
    const std::string& dir, const ChunkStoreOptions& options = {});

// A namespace of a pool of Ceph RADOS, POOL[/NAMESPACE][?conf=FILE][&id=USER], which servers share.
// INVALID_ARGUMENT for what is no such place, NOT_FOUND: no such pool, PERMISSION_DENIED: the user
// is unknown, or may not write what is to be written, UNAVAILABLE: the cluster does not answer,
// FAILED_PRECONDITION: no librados on this machine, or a store of another format.
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRadosChunkStore(
    const std::string& place, const ChunkStoreOptions& options = {});

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_
