#include "storage/chunks/disk_cache.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <system_error>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/format.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

// Chunks so close to each other are read by one call, up to so much.
constexpr int64_t kMaxGap = 4096;
constexpr int64_t kMaxRunBytes = 256 << 10;
// Runs that the system is told of ahead, so that a disk has many at once.
constexpr size_t kRunsAhead = 64;
// Entries that are looked up under one lock.
constexpr size_t kEntriesPerLock = 1024;
constexpr int64_t kMaxSegmentBytes = int64_t{1} << 30;

absl::Status FolderError(const std::string& dir, const std::error_code& error) {
  return absl::InvalidArgumentError(absl::StrCat("\"", dir, "\": ", error.message()));
}

uint64_t NewMask() {
  std::random_device random;
  return (uint64_t{random()} << 32 | random()) | 1;
}

// Removes what another cache has left; FAILED_PRECONDITION for anything else.
absl::Status EmptyFolder(const FolderLock& lock) {
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator entry(lock.path(), error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == "lost+found") continue;  // of a file system of its own
    if (!CacheSegment::IsName(name)) {
      return absl::FailedPreconditionError(absl::StrCat("\"", lock.folder(), "\" holds \"", name,
                                                        "\"; a cache takes an empty folder"));
    }
    left.push_back(entry->path());
  }
  for (const fs::path& path : left) {
    if (!error) fs::remove(path, error);
  }
  return error ? FolderError(lock.folder(), error) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskCache>> DiskCache::Open(const DiskCacheOptions& options) {
  if (options.capacity_bytes < kMinCapacity) {
    return absl::InvalidArgumentError(absl::StrCat("a cache of ", options.capacity_bytes,
                                                   " bytes; it has at least ", kMinCapacity));
  }
  std::error_code error;
  fs::create_directories(options.dir, error);
  if (error) return FolderError(options.dir, error);
  GF_ASSIGN_OR_RETURN(std::unique_ptr<FolderLock> lock,
                      FolderLock::Acquire(options.dir, FolderLock::Kind::kExclusive));
  GF_RETURN_IF_ERROR(EmptyFolder(*lock));
  std::unique_ptr<DiskCache> cache(new DiskCache(std::move(lock), options));
  cache->thread_ = std::thread([writer = cache.get()] { writer->Write(); });
  return cache;
}

DiskCache::DiskCache(std::unique_ptr<FolderLock> lock, const DiskCacheOptions& options)
    : lock_(std::move(lock)),
      options_(options),
      segment_bytes_(std::min(options.capacity_bytes / kSegments, kMaxSegmentBytes)),
      max_entries_(std::max<int64_t>(1, options.index_bytes / kEntryBytes)),
      mask_(NewMask()),
      segments_(std::make_shared<const Segments>()) {}

DiskCache::~DiskCache() {
  {
    MutexLock lock(&mu_);
    closing_ = true;
    queue_.clear();
    queued_.SignalAll();
  }
  thread_.join();
  MutexLock lock(&mu_);
  for (const auto& segment : *segments_) segment->Unlink();
}

void DiskCache::Batch::Add(ChunkKey key, absl::string_view value) {
  entries.push_back({.key = key, .bytes = static_cast<uint32_t>(value.size())});
  values.append(value.data(), value.size());
}

std::vector<DiskCache::Hit> DiskCache::Look(absl::Span<const ChunkKey> keys,
                                            std::shared_ptr<const Segments>& segments,
                                            std::vector<size_t>& missing) const {
  std::vector<Hit> hits;
  for (size_t first = 0; first < keys.size(); first += kEntriesPerLock) {
    const size_t end = std::min(keys.size(), first + kEntriesPerLock);
    MutexLock lock(&mu_);
    segments = segments_;  // has all that was found before, or it was dropped meanwhile
    auto column = index_.end();
    uint64_t uid = 0;
    for (size_t i = first; i < end; ++i) {
      if (i == first || keys[i].column != uid) {
        uid = keys[i].column;
        column = index_.find(uid);
      }
      if (column != index_.end()) {
        const auto chunk = column->second.find(keys[i].chunk);
        if (chunk != column->second.end()) {
          hits.push_back({.index = i, .place = chunk->second});
          continue;
        }
      }
      missing.push_back(i);
    }
  }
  std::sort(hits.begin(), hits.end(), [](const Hit& a, const Hit& b) {
    return std::tie(a.place.segment, a.place.offset) < std::tie(b.place.segment, b.place.offset);
  });
  return hits;
}

void DiskCache::Read(absl::Span<const ChunkKey> keys,
                     absl::FunctionRef<void(size_t index, absl::string_view value)> visitor,
                     std::vector<size_t>& missing) {
  const size_t missing_before = missing.size();
  std::shared_ptr<const Segments> segments;
  const std::vector<Hit> hits = Look(keys, segments, missing);
  struct Run {
    CacheSegment* segment;
    size_t first;
    size_t end;
  };
  std::vector<Run> runs;
  int64_t run_begin = 0;
  int64_t run_end = 0;
  for (size_t i = 0; i < hits.size(); ++i) {
    const Place& place = hits[i].place;
    const int64_t end = int64_t{place.offset} + place.bytes;
    if (!runs.empty() && runs.back().segment->id() == place.segment &&
        place.offset - run_end <= kMaxGap && end - run_begin <= kMaxRunBytes) {
      runs.back().end = i + 1;
    } else {
      const auto segment =
          std::lower_bound(segments->begin(), segments->end(), place.segment,
                           [](const auto& candidate, uint32_t id) { return candidate->id() < id; });
      if (segment == segments->end() || (*segment)->id() != place.segment) {
        missing.push_back(hits[i].index);
        continue;
      }
      runs.push_back({.segment = segment->get(), .first = i, .end = i + 1});
      run_begin = place.offset;
    }
    run_end = end;
  }
  const auto tell = [&](size_t i) {
    if (i >= runs.size() || runs.size() == 1) return;
    const Place& first = hits[runs[i].first].place;
    const Place& last = hits[runs[i].end - 1].place;
    runs[i].segment->WillRead(first.offset, int64_t{last.offset} + last.bytes - first.offset);
  };
  for (size_t i = 0; i < kRunsAhead; ++i) tell(i);
  bool wanted = true;
  for (size_t i = 0; i < runs.size(); ++i) {
    tell(i + kRunsAhead);
    if (i % kRunsAhead == 0) wanted = wanted && CheckWanted().ok();
    const auto run = absl::MakeConstSpan(hits).subspan(runs[i].first, runs[i].end - runs[i].first);
    if (wanted) {
      ReadRun(*runs[i].segment, keys, run, visitor, missing);
    } else {  // the store says so
      for (const Hit& hit : run) missing.push_back(hit.index);
    }
  }
  std::sort(missing.begin() + static_cast<std::ptrdiff_t>(missing_before), missing.end());
  const auto missed = static_cast<int64_t>(missing.size() - missing_before);
  misses_.fetch_add(missed, std::memory_order_relaxed);
  hits_.fetch_add(static_cast<int64_t>(keys.size()) - missed, std::memory_order_relaxed);
}

void DiskCache::ReadRun(CacheSegment& segment, absl::Span<const ChunkKey> keys,
                        absl::Span<const Hit> run,
                        absl::FunctionRef<void(size_t index, absl::string_view value)> visitor,
                        std::vector<size_t>& missing) {
  const int64_t begin = run.front().place.offset;
  const auto bytes =
      static_cast<size_t>(int64_t{run.back().place.offset} + run.back().place.bytes - begin);
  const auto buffer = std::make_unique_for_overwrite<char[]>(bytes);
  const absl::StatusOr<size_t> read = segment.Read(begin, bytes, buffer.get());
  if (!read.ok()) ++errors_;
  for (const Hit& hit : run) {
    const auto offset = static_cast<size_t>(hit.place.offset - begin);
    const absl::string_view value(buffer.get() + offset, hit.place.bytes);
    if (read.ok() && offset + value.size() <= *read) {
      MaskChunk(mask_, buffer.get() + offset);
      const bool is_chunk = IsChunk(keys[hit.index], value);
      if (is_chunk) visitor(hit.index, value);
      MaskChunk(mask_, buffer.get() + offset);  // a key may come twice
      if (is_chunk) continue;
    }
    if (read.ok()) ++damaged_;
    ForgetChunk(keys[hit.index], hit.place);
    missing.push_back(hit.index);
  }
}

void DiskCache::ForgetChunk(ChunkKey key, const Place& place) {
  MutexLock lock(&mu_);
  const auto column = index_.find(key.column);
  if (column == index_.end()) return;
  const auto chunk = column->second.find(key.chunk);
  if (chunk == column->second.end() || chunk->second != place) return;
  column->second.erase(chunk);
  if (column->second.empty()) index_.erase(column);
}

void DiskCache::Forget(absl::Span<const uint64_t> columns) {
  MutexLock lock(&mu_);
  for (const uint64_t column : columns) index_.erase(column);
}

void DiskCache::Keep(Batch batch) {
  if (batch.entries.empty()) return;
  const auto bytes = static_cast<int64_t>(batch.values.size());
  MutexLock lock(&mu_);
  if (closing_ || queued_bytes_ + bytes > kQueueBytes ||
      (!failed_.ok() && absl::Now() < retry_at_)) {
    dropped_ += static_cast<int64_t>(batch.entries.size());
    return;
  }
  queued_bytes_ += bytes;
  queue_.push_back(std::move(batch));
  queued_.Signal();
}

StoreStats::DiskCache DiskCache::stats() const {
  StoreStats::DiskCache stats;
  stats.hits = hits_;
  stats.misses = misses_;
  stats.dropped = dropped_;
  stats.damaged = damaged_;
  stats.errors = errors_;
  stats.capacity_bytes = options_.capacity_bytes;
  MutexLock lock(&mu_);
  for (const auto& segment : *segments_) stats.bytes += segment->bytes();
  stats.index_bytes = num_entries_ * kEntryBytes;
  stats.filling = failed_.ok();
  stats.why = std::string(failed_.message());
  return stats;
}

void DiskCache::WaitUntilWritten() {
  MutexLock lock(&mu_);
  while (writing_ || !queue_.empty()) written_.Wait(&mu_);
}

}  // namespace graphfeed
