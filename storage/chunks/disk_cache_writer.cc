// What the thread of a DiskCache does.

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/disk_cache.h"
#include "storage/chunks/format.h"

namespace graphfeed {
namespace {

constexpr size_t kWriteBytes = size_t{1} << 20;
constexpr int64_t kRemovedPerLock = 4096;

}  // namespace

void DiskCache::Write() {
  while (true) {
    Batch batch;
    {
      MutexLock lock(&mu_);
      writing_ = false;
      if (queue_.empty()) written_.SignalAll();
      while (queue_.empty() && !closing_) queued_.Wait(&mu_);
      if (closing_) return;
      batch = std::move(queue_.front());
      queue_.pop_front();
      writing_ = true;
    }
    WriteBatch(batch);
    MutexLock lock(&mu_);
    queued_bytes_ -= static_cast<int64_t>(batch.values.size());
  }
}

bool DiskCache::Contains(ChunkKey key) const {
  MutexLock lock(&mu_);
  const auto column = index_.find(key.column);
  return column != index_.end() && column->second.contains(key.chunk);
}

void DiskCache::WriteBatch(const Batch& batch) {
  std::string bytes;  // that come next in the last segment
  std::vector<std::pair<ChunkKey, Place>> entries;
  size_t begin = 0;
  for (const Batch::Entry& entry : batch.entries) {
    const absl::string_view value = absl::string_view(batch.values).substr(begin, entry.bytes);
    begin += entry.bytes;
    // What was damaged when it came is no business of ours, and others may have read it as well.
    if (!IsChunk(entry.key, value) || Contains(entry.key)) continue;
    const auto size = static_cast<int64_t>(value.size());
    if (size > segment_bytes_) {
      ++dropped_;
      continue;
    }
    const Room room = RoomLeft();
    if (bytes.size() >= kWriteBytes || room.bytes < static_cast<int64_t>(bytes.size()) + size ||
        room.entries <= static_cast<int64_t>(entries.size())) {
      absl::Status status = Flush(bytes, entries);
      if (status.ok()) status = MakeRoom(size);
      if (!status.ok()) return Failed(status);
    }
    Place place;
    place.bytes = entry.bytes;
    place.offset = static_cast<uint32_t>(bytes.size());  // from where these are written
    bytes.append(value.data(), value.size());
    MaskChunk(mask_, bytes.data() + place.offset);
    entries.emplace_back(entry.key, place);
  }
  const absl::Status status = Flush(bytes, entries);
  if (!status.ok()) Failed(status);
}

absl::Status DiskCache::Flush(std::string& bytes,
                              std::vector<std::pair<ChunkKey, Place>>& entries) {
  if (entries.empty()) return absl::OkStatus();
  std::shared_ptr<CacheSegment> segment;
  {
    MutexLock lock(&mu_);
    segment = segments_->back();
  }
  const auto begin = static_cast<uint32_t>(segment->bytes());
  GF_RETURN_IF_ERROR(segment->Append(bytes));
  for (const auto& [key, place] : entries) segment->AddChunk(key);
  MutexLock lock(&mu_);
  failed_ = absl::OkStatus();
  num_entries_ += static_cast<int64_t>(entries.size());
  for (auto& [key, place] : entries) {
    place.segment = segment->id();
    place.offset += begin;
    index_[key.column].insert_or_assign(key.chunk, place);
  }
  bytes.clear();
  entries.clear();
  return absl::OkStatus();
}

DiskCache::Room DiskCache::RoomLeft() const {
  MutexLock lock(&mu_);
  return {.bytes = segments_->empty() ? 0 : segment_bytes_ - segments_->back()->bytes(),
          .entries = max_entries_ - num_entries_,
          .segments =
              options_.capacity_bytes / segment_bytes_ - static_cast<int64_t>(segments_->size())};
}

absl::Status DiskCache::MakeRoom(int64_t bytes) {
  while (RoomLeft().entries <= 0) DropOldest();
  if (RoomLeft().bytes >= bytes) return absl::OkStatus();
  while (RoomLeft().segments <= 0) DropOldest();
  GF_ASSIGN_OR_RETURN(std::unique_ptr<CacheSegment> segment,
                      CacheSegment::Create(lock_->fd(), next_segment_++));
  MutexLock lock(&mu_);
  auto segments = std::make_shared<Segments>(*segments_);
  segments->push_back(std::move(segment));
  segments_ = std::move(segments);
  return absl::OkStatus();
}

void DiskCache::DropOldest() {
  std::shared_ptr<CacheSegment> oldest;
  {
    MutexLock lock(&mu_);
    if (segments_->empty()) return;
    oldest = segments_->front();
    segments_ = std::make_shared<const Segments>(segments_->begin() + 1, segments_->end());
    num_entries_ -= oldest->num_chunks();
  }
  oldest->Unlink();
  for (int64_t i = 0; i < oldest->num_chunks();) {
    MutexLock lock(&mu_);
    for (const int64_t end = std::min(oldest->num_chunks(), i + kRemovedPerLock); i < end; ++i) {
      const ChunkKey key = oldest->chunk(i);
      const auto column = index_.find(key.column);
      if (column == index_.end()) continue;
      const auto chunk = column->second.find(key.chunk);
      if (chunk == column->second.end() || chunk->second.segment != oldest->id()) continue;
      column->second.erase(chunk);
      if (column->second.empty()) index_.erase(column);
    }
  }
}

void DiskCache::Failed(const absl::Status& status) {
  ++errors_;
  MutexLock lock(&mu_);
  failed_ = status;
  retry_at_ = absl::Now() + options_.retry_after;
}

}  // namespace graphfeed
