#ifndef GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_
#define GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
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

// Writes the chunks of one column in ascending order. Nothing is readable before Finish; a writer
// that is destroyed without it leaves at most garbage that the next sweep removes.
class ChunkWriter {
 public:
  virtual ~ChunkWriter() = default;
  virtual absl::Status Add(uint32_t chunk, absl::string_view value) = 0;
  virtual absl::Status Finish() = 0;
};

// A column of which chunks exist: those with the numbers 0 to num_chunks - 1, or with gaps.
struct ColumnChunks {
  uint64_t column = 0;
  int64_t num_chunks = 0;

  friend bool operator==(const ColumnChunks&, const ColumnChunks&) = default;
};

// The narrow seam under storage: an engine that keeps chunks and manifests. Nothing above it may
// assume that a chunk is local or that reading one cannot fail or take milliseconds. Thread-safe,
// after StartWriting.
//
// A store opens for reading: until StartWriting nothing in it is changed, removed or tidied up, so
// that its user can first see whether all is there.
class ChunkStore {
 public:
  using ChunkVisitor = absl::FunctionRef<void(size_t index, absl::StatusOr<absl::string_view>)>;

  virtual ~ChunkStore() = default;

  // Makes the store ready for what changes it; everything below that does so fails without it,
  // with FAILED_PRECONDITION, and always if the store was opened to be read only. Removes what a
  // crash left behind. After an error nothing is left to do but to destroy the store.
  virtual absl::Status StartWriting() = 0;

  // OK, or why nothing can be stored any more, for good: the data folder was moved or removed.
  virtual absl::Status Health() = 0;

  // Calls `visitor` once for each key, in any order, with the value (valid during the call) or why
  // it cannot be read: NOT_FOUND, DATA_LOSS for a failed checksum.
  virtual void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) = 0;

  virtual absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column) = 0;

  // What ListColumns reads, for messages.
  virtual std::string ListingName() = 0;

  // Columns of which any chunk exists, ascending. No chunk is read.
  virtual absl::StatusOr<std::vector<ColumnChunks>> ListColumns() = 0;
  virtual absl::Status DeleteColumns(absl::Span<const uint64_t> columns) = 0;

  // Small named records (manifests, counters). A put is atomic and durable when it returns. They
  // are kept such that no fault of the medium makes them fewer: it is DATA_LOSS when they are read.
  virtual absl::Status PutRecord(absl::string_view key, absl::string_view value) = 0;
  virtual absl::Status DeleteRecord(absl::string_view key) = 0;
  virtual absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListRecords() = 0;

  // A copy of everything, as it is at one moment, in the folder `to`, which does not exist yet and
  // is there whole or not at all. Opened as a store it is one like any other. `check` is called
  // with the folder in which the copy is made; unless it is OK, there will be no copy.
  using SnapshotCheck = absl::FunctionRef<absl::Status(const std::string& folder)>;
  virtual absl::Status Snapshot(const std::string& to, SnapshotCheck check) = 0;

  // Bytes on disk, for metrics.
  virtual int64_t StoredBytes() = 0;
};

struct ChunkStoreOptions {
  bool read_only =
      false;           // others may read the folder too, and it may be one that nobody can write
  bool create = true;  // where there is none, and read_only is not set; else that is NOT_FOUND
};

// Whether the folder exists and this process may not write to it.
bool IsReadOnlyFolder(const std::string& dir);

// A folder of chunks in an embedded RocksDB and records in a file beside it. FAILED_PRECONDITION
// when another process holds it; DATA_LOSS, naming the file, when anything but chunks is damaged or
// missing (that of chunks is found when they are read); RESOURCE_EXHAUSTED when there are too few
// descriptors.
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRocksDbChunkStore(
    const std::string& dir, const ChunkStoreOptions& options = {});

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_
