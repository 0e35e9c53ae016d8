#ifndef GRAPHFEED_STORAGE_CHUNKS_CACHE_SEGMENT_H_
#define GRAPHFEED_STORAGE_CHUNKS_CACHE_SEGMENT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// A file of a DiskCache. One thread appends, others read what has been appended, also when its name
// is gone.
class CacheSegment {
 public:
  // The name of segment `id` in the folder, and whether a name is one.
  static std::string NameOf(uint32_t id);
  static bool IsName(absl::string_view name);

  // A new file in a folder that stays open for longer.
  static absl::StatusOr<std::unique_ptr<CacheSegment>> Create(int folder_fd, uint32_t id);
  ~CacheSegment();
  CacheSegment(const CacheSegment&) = delete;
  CacheSegment& operator=(const CacheSegment&) = delete;

  // Its room is free when it is destroyed, too.
  void Unlink() const;

  uint32_t id() const { return id_; }
  int64_t bytes() const { return bytes_; }
  // The keys of what was appended; of the thread that appends.
  int64_t num_chunks() const { return static_cast<int64_t>(chunks_.size()); }
  ChunkKey chunk(int64_t i) const;
  void AddChunk(ChunkKey key);

  // RESOURCE_EXHAUSTED: the disk is full; after an error the next bytes take the place of these.
  absl::Status Append(absl::string_view bytes);
  // Has the system fetch these bytes soon. Waits for nothing.
  void WillRead(int64_t offset, int64_t bytes) const;
  // How many bytes there are, fewer at the end of the file.
  absl::StatusOr<size_t> Read(int64_t offset, size_t bytes, char* to) const;

 private:
  struct __attribute__((packed)) PackedKey {  // 12 bytes, of which there are many
    uint64_t column;
    uint32_t chunk;
  };

  CacheSegment(int folder_fd, int fd, uint32_t id) : folder_fd_(folder_fd), fd_(fd), id_(id) {}

  const int folder_fd_;
  const int fd_;
  const uint32_t id_;
  std::atomic<int64_t> bytes_{0};
  std::vector<PackedKey> chunks_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_CACHE_SEGMENT_H_
