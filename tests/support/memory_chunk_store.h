#ifndef GRAPHFEED_TESTS_SUPPORT_MEMORY_CHUNK_STORE_H_
#define GRAPHFEED_TESTS_SUPPORT_MEMORY_CHUNK_STORE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/record_change.h"

namespace graphfeed {

// What a MemoryChunkStore keeps. Shared with the test, so that it outlives the store like a disk
// outlives a process, can be looked into and damaged, and made to fail. Thread-safe.
class MemoryDisk {
 public:
  // Called before each operation; what they return instead of OK is the operation's result.
  // Set them while nobody uses the store.
  std::function<absl::Status(ChunkKey)> on_read = [](ChunkKey) { return absl::OkStatus(); };
  std::function<absl::Status(ChunkKey)> on_add = [](ChunkKey) { return absl::OkStatus(); };
  std::function<absl::Status()> on_delete_columns = [] { return absl::OkStatus(); };
  std::function<absl::Status(absl::string_view key)> on_put_record = [](absl::string_view) {
    return absl::OkStatus();
  };
  std::function<absl::Status(absl::string_view key)> on_delete_record = [](absl::string_view) {
    return absl::OkStatus();
  };

  RecordMap records() const {
    MutexLock lock(&mu_);
    return records_;
  }
  std::vector<ChunkKey> chunk_keys() const {
    MutexLock lock(&mu_);
    std::vector<ChunkKey> keys;
    for (const auto& [key, value] : chunks_) keys.push_back(key);
    return keys;
  }
  int64_t num_read_calls() const {
    MutexLock lock(&mu_);
    return num_read_calls_;
  }
  // Changes a stored chunk. The chunk must exist.
  void Edit(ChunkKey key, const std::function<void(std::string&)>& edit) {
    MutexLock lock(&mu_);
    edit(chunks_.at(key));
  }
  void EditRecord(const std::string& key, const std::function<void(std::string&)>& edit) {
    MutexLock lock(&mu_);
    edit(records_.at(key));
  }
  void Erase(ChunkKey key) {
    MutexLock lock(&mu_);
    chunks_.erase(key);
  }

 private:
  friend class MemoryChunkStore;
  friend class MemoryChunkWriter;

  mutable Mutex mu_;
  std::map<ChunkKey, std::string> chunks_ ABSL_GUARDED_BY(mu_);
  RecordMap records_ ABSL_GUARDED_BY(mu_);
  int64_t num_read_calls_ ABSL_GUARDED_BY(mu_) = 0;
};

class MemoryChunkWriter : public ChunkWriter {
 public:
  MemoryChunkWriter(std::shared_ptr<MemoryDisk> disk, std::shared_ptr<std::atomic<bool>> dead,
                    uint64_t column, int64_t chunk_bytes)
      : disk_(std::move(disk)),
        dead_(std::move(dead)),
        column_(column),
        chunk_bytes_(chunk_bytes) {}

  absl::Status Add(uint32_t chunk, absl::string_view value) override {
    const ChunkKey key{column_, chunk};
    if (absl::Status status = disk_->on_add(key); !status.ok()) return status;
    if (!chunks_.empty() && !(chunks_.rbegin()->first < key)) {
      return absl::InvalidArgumentError(absl::StrCat("chunk ", chunk, " is out of order"));
    }
    const auto full = static_cast<size_t>(chunk_bytes_);
    if (full > 0 &&
        (value.size() > full || (!chunks_.empty() && chunks_.rbegin()->second.size() != full))) {
      return absl::InternalError(
          absl::StrCat("chunks of \"", column_, "\" are not of ", full, " bytes, as was promised"));
    }
    chunks_.emplace(key, std::string(value));
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    if (*dead_) return absl::UnavailableError("the process is dead");
    MutexLock lock(&disk_->mu_);
    disk_->chunks_.merge(chunks_);
    return absl::OkStatus();
  }
  // What it has is the disk's.
  int64_t memory_bytes() const override { return 0; }

 private:
  const std::shared_ptr<MemoryDisk> disk_;
  const std::shared_ptr<std::atomic<bool>> dead_;
  const uint64_t column_;
  const int64_t chunk_bytes_;
  std::map<ChunkKey, std::string> chunks_;
};

// A ChunkStore in memory. Answers reads in the opposite order, which it may, and from buffers that
// are misaligned and overwritten after the visit, so that nobody relies on more than is promised.
class MemoryChunkStore : public ChunkStore {
 public:
  // Others may have a `shared` disk open at the same time.
  explicit MemoryChunkStore(std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(),
                            bool shared = false)
      : disk_(std::move(disk)), shared_(shared) {}

  // As if its process were: from now on nothing changes the disk, whatever is still called.
  void Die() { *dead_ = true; }

  bool shared() const override { return shared_; }
  bool read_only() const override { return false; }
  absl::Status StartWriting() override { return absl::OkStatus(); }
  absl::Status Health() override { return absl::OkStatus(); }

  void ReadChunks(absl::Span<const ChunkKey> keys, ChunkVisitor visitor) override {
    {
      MutexLock lock(&disk_->mu_);
      ++disk_->num_read_calls_;
    }
    for (size_t i = keys.size(); i-- > 0;) {
      if (absl::Status status = disk_->on_read(keys[i]); !status.ok()) {
        visitor(i, status);
        continue;
      }
      std::string value = "?";
      {
        MutexLock lock(&disk_->mu_);
        const auto it = disk_->chunks_.find(keys[i]);
        if (it != disk_->chunks_.end()) value += it->second;
      }
      if (value.size() == 1) {
        visitor(i, absl::NotFoundError("no such chunk"));
      } else {
        visitor(i, absl::string_view(value).substr(1));
      }
      std::fill(value.begin(), value.end(), '\xee');
    }
  }

  absl::StatusOr<std::unique_ptr<ChunkWriter>> NewWriter(uint64_t column,
                                                         int64_t chunk_bytes) override {
    return std::make_unique<MemoryChunkWriter>(disk_, dead_, column, chunk_bytes);
  }

  std::string ListingName() override { return "the memory"; }
  absl::StatusOr<std::vector<ColumnChunks>> ListColumns() override {
    MutexLock lock(&disk_->mu_);
    std::vector<ColumnChunks> columns;
    for (const auto& [key, value] : disk_->chunks_) {
      if (columns.empty() || columns.back().column != key.column) {
        columns.push_back({.column = key.column, .num_chunks = 0});
      }
      columns.back().num_chunks = int64_t{key.chunk} + 1;
    }
    return columns;
  }

  absl::Status DeleteColumns(absl::Span<const uint64_t> columns) override {
    if (*dead_) return absl::UnavailableError("the process is dead");
    if (absl::Status status = disk_->on_delete_columns(); !status.ok()) return status;
    MutexLock lock(&disk_->mu_);
    for (const uint64_t column : columns) {
      disk_->chunks_.erase(disk_->chunks_.lower_bound({column, 0}),
                           disk_->chunks_.lower_bound({column + 1, 0}));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RecordMap> ListRecords() override {
    MutexLock lock(&disk_->mu_);
    return disk_->records_;
  }

  absl::Status ChangeRecords(absl::Span<const RecordChange> changes) override {
    if (*dead_) return absl::UnavailableError("the process is dead");
    for (const RecordChange& change : changes) {
      if (change.after.has_value() && change.after == change.before) continue;
      const absl::Status status = change.after.has_value() ? disk_->on_put_record(change.key)
                                                           : disk_->on_delete_record(change.key);
      if (!status.ok()) return status;
    }
    MutexLock lock(&disk_->mu_);
    return ApplyChanges(changes, disk_->records_);
  }

  EngineInfo kind() override { return {.engine = "memory", .format = 2}; }
  int64_t StoredBytes() override {
    MutexLock lock(&disk_->mu_);
    int64_t bytes = 0;
    for (const auto& [key, value] : disk_->chunks_) bytes += static_cast<int64_t>(value.size());
    for (const auto& [key, value] : disk_->records_) bytes += static_cast<int64_t>(value.size());
    return bytes;
  }

 private:
  const std::shared_ptr<MemoryDisk> disk_;
  const bool shared_;
  const std::shared_ptr<std::atomic<bool>> dead_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_MEMORY_CHUNK_STORE_H_
