#ifndef GRAPHFEED_STORAGE_CHUNKS_DISK_CACHE_H_
#define GRAPHFEED_STORAGE_CHUNKS_DISK_CACHE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/cache_segment.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/folder_lock.h"

namespace graphfeed {

struct DiskCacheOptions {
  std::string dir;  // made if it is missing
  int64_t capacity_bytes = 0;
  int64_t index_bytes = int64_t{1} << 40;         // of memory, at most
  absl::Duration retry_after = absl::Minutes(1);  // when writing failed
};

// Chunks of a store that is far away, in files on the local disk.
//
// Files are segments of a 64th of the capacity, which are written one after the other, chunks end
// to end as they come; for a new one the oldest goes, whatever is in it. An index in memory says
// where each chunk lies. Chunks are written by a thread of the cache, off the way of who has read
// them: as many as it cannot keep pace with are dropped. No fault of the disk is an error for
// anybody: a chunk that cannot be read, or is not what was written (by the chunk's own checksum,
// which names column and chunk), is not there, and when writing fails the cache is filled no
// further for a while.
//
// It is empty at the start, and what it writes nobody else takes for a chunk: where two have one
// folder after all (locks do not reach over every network), or files are put into another's, no
// column is mistaken for one of another store. Thread-safe.
class DiskCache {
 public:
  static constexpr int64_t kMinCapacity = int64_t{1} << 20;
  static constexpr int64_t kSegments = 64;
  // Of an entry: in the index, as full as hash tables are on average, and in its segment.
  static constexpr int64_t kEntryBytes = 40;
  static constexpr int64_t kQueueBytes = int64_t{16} << 20;

  // Takes the folder for itself and removes what another cache has left in it. FAILED_PRECONDITION:
  // another process has it, or it holds anything else, which is named; INVALID_ARGUMENT: it cannot
  // be made, or the capacity is less than kMinCapacity.
  static absl::StatusOr<std::unique_ptr<DiskCache>> Open(const DiskCacheOptions& options);
  ~DiskCache();
  DiskCache(const DiskCache&) = delete;
  DiskCache& operator=(const DiskCache&) = delete;

  // Calls `visitor` for the chunks that are here, in any order; the indexes of all others are
  // added to `missing`, ascending.
  void Read(absl::Span<const ChunkKey> keys,
            absl::FunctionRef<void(size_t index, absl::string_view value)> visitor,
            std::vector<size_t>& missing);

  // Chunks to be kept, as they were read.
  struct Batch {
    struct Entry {
      ChunkKey key;
      uint32_t bytes = 0;
    };
    std::vector<Entry> entries;
    std::string values;  // end to end

    void Add(ChunkKey key, absl::string_view value);
  };
  // What does not fit into the queue is dropped, and all for a while after writing has failed.
  void Keep(Batch batch);

  // Nobody asks for these columns any more.
  void Forget(absl::Span<const uint64_t> columns);

  StoreStats::DiskCache stats() const;
  // Until all that was to be kept is, for tests.
  void WaitUntilWritten();

 private:
  struct Place {
    uint32_t segment = 0;
    uint32_t offset = 0;
    uint32_t bytes = 0;

    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Hit {
    size_t index = 0;
    Place place;
  };
  using Segments = std::vector<std::shared_ptr<CacheSegment>>;  // ascending ids

  DiskCache(std::unique_ptr<FolderLock> lock, const DiskCacheOptions& options);

  // Those of `keys` that are in the index, by place, and the others.
  std::vector<Hit> Look(absl::Span<const ChunkKey> keys, std::shared_ptr<const Segments>& segments,
                        std::vector<size_t>& missing) const;
  // Reads hits that lie close to each other in one segment.
  void ReadRun(CacheSegment& segment, absl::Span<const ChunkKey> keys, absl::Span<const Hit> run,
               absl::FunctionRef<void(size_t index, absl::string_view value)> visitor,
               std::vector<size_t>& missing);
  void ForgetChunk(ChunkKey key, const Place& place);

  void Write();
  void WriteBatch(const Batch& batch);
  // Writes what is collected to the last segment, and finds it from now on.
  absl::Status Flush(std::string& bytes, std::vector<std::pair<ChunkKey, Place>>& entries);
  struct Room {
    int64_t bytes = 0;     // in the last segment
    int64_t entries = 0;   // in the index
    int64_t segments = 0;  // beside those that there are
  };
  Room RoomLeft() const;
  // For so many bytes and one entry, in a new segment if need be; the oldest may have to go.
  absl::Status MakeRoom(int64_t bytes);
  void DropOldest();
  void Failed(const absl::Status& status);
  bool Contains(ChunkKey key) const;

  const std::unique_ptr<FolderLock> lock_;
  const DiskCacheOptions options_;
  const int64_t segment_bytes_;
  const int64_t max_entries_;
  const uint64_t mask_;  // of chunks in files, not zero

  mutable Mutex mu_;
  absl::flat_hash_map<uint64_t, absl::flat_hash_map<uint32_t, Place>> index_ ABSL_GUARDED_BY(mu_);
  int64_t num_entries_ ABSL_GUARDED_BY(mu_) = 0;  // of segments, forgotten ones too
  std::shared_ptr<const Segments> segments_ ABSL_GUARDED_BY(mu_);
  std::deque<Batch> queue_ ABSL_GUARDED_BY(mu_);
  int64_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool closing_ ABSL_GUARDED_BY(mu_) = false;
  CondVar queued_;
  CondVar written_;
  absl::Status failed_ ABSL_GUARDED_BY(mu_);  // of the last write
  absl::Time retry_at_ ABSL_GUARDED_BY(mu_);

  std::atomic<int64_t> hits_{0};
  std::atomic<int64_t> misses_{0};
  std::atomic<int64_t> dropped_{0};
  std::atomic<int64_t> damaged_{0};
  std::atomic<int64_t> errors_{0};

  uint32_t next_segment_ = 0;  // of the thread
  std::thread thread_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_DISK_CACHE_H_
