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

// The narrow seam under storage: an engine that keeps chunks and manifests. Nothing above it may
// assume that a chunk is local or that reading one cannot fail or take milliseconds. Thread-safe.
class ChunkStore {
 public:
  using ChunkVisitor = absl::FunctionRef<void(size_t index, absl::StatusOr<absl::string_view>)>;

  virtual ~ChunkStore() = default;

  // Calls `visitor` once for each key, in any order, with the value (valid during the call) or why
  // it cannot be read: NOT_FOUND, DATA_LOSS for a failed checksum.
  virtual void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) = 0;

  virtual absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column) = 0;

  // Columns of which any chunk exists.
  virtual absl::StatusOr<std::vector<uint64_t>> ListColumns() = 0;
  virtual absl::Status DeleteColumns(absl::Span<const uint64_t> columns) = 0;

  // Small named records (manifests, counters). A put is atomic and durable when it returns.
  virtual absl::Status PutRecord(absl::string_view key, absl::string_view value) = 0;
  virtual absl::Status DeleteRecord(absl::string_view key) = 0;
  virtual absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ListRecords() = 0;

  // A copy of everything, as it is at one moment, in the folder `to`, which does not exist yet and
  // is there whole or not at all. Opened as a store it is one like any other.
  virtual absl::Status Snapshot(const std::string& to) = 0;

  // Bytes on disk, for metrics.
  virtual int64_t StoredBytes() = 0;
};

// An embedded RocksDB in `dir`, created if missing. FAILED_PRECONDITION when another process holds
// it. Removes bulk files that a crash left behind.
absl::StatusOr<std::unique_ptr<ChunkStore>> OpenRocksDbChunkStore(const std::string& dir);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_CHUNK_STORE_H_
