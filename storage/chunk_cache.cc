#include "storage/chunk_cache.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "storage/chunk_table.h"
#include "storage/column_reader.h"

namespace graphfeed {
namespace {

constexpr size_t kAlignment = 64;
constexpr int64_t kLineBytes = 64;
// A long gather leaves and enters the guard after so many bytes, so that eviction can go on, and
// reads its missing pieces in groups of so many.
constexpr int64_t kGuardBytes = int64_t{1} << 20;
constexpr size_t kMaxMissing = 4096;
// Ranges ahead of the one that is visited, and lines of each that are asked for: what follows them,
// the processor's own prefetcher asks for.
constexpr size_t kRangesAhead = 4;
constexpr int64_t kLinesAhead = 4;

}  // namespace

// Rows in memory. The rows begin at an aligned address within the allocation: plain new and
// an own round-up rather than an aligned one, which cannot reuse a hole of the very size it needs.
struct ChunkCache::Chunk {
  static std::unique_ptr<Chunk> Create(Column& column, uint32_t number, absl::string_view rows) {
    auto chunk = std::make_unique<Chunk>();
    chunk->column = &column;
    chunk->number = number;
    chunk->bytes = static_cast<int64_t>(rows.size() + kAlignment + sizeof(Chunk));
    chunk->memory = static_cast<std::byte*>(::operator new(rows.size() + kAlignment));
    const auto address = reinterpret_cast<uintptr_t>(chunk->memory);
    chunk->rows = chunk->memory + (-address % kAlignment);
    std::memcpy(chunk->rows, rows.data(), rows.size());
    return chunk;
  }
  ~Chunk() { ::operator delete(memory); }

  Column* column = nullptr;
  uint32_t number = 0;
  int64_t bytes = 0;
  std::byte* memory = nullptr;
  std::byte* rows = nullptr;
};

// A part of a range that lies in one chunk.
struct ChunkCache::Piece {
  int64_t chunk;
  size_t range;
  int64_t offset;  // in the range
  int64_t first;   // row in the chunk
  int64_t count;
};

ChunkCache::ChunkCache(ChunkStore& store, int64_t budget_bytes)
    : store_(store), budget_bytes_(budget_bytes) {}

ChunkCache::~ChunkCache() {
  MutexLock lock(&mu_);
  for (Chunk* chunk : clock_) delete chunk;
}

std::shared_ptr<ChunkCache::Column> ChunkCache::Open(const ColumnStorage& storage) {
  MutexLock lock(&mu_);
  std::shared_ptr<Column>& column = columns_[storage.uid];
  if (column == nullptr) column = std::make_shared<Column>(storage);
  return column;
}

void ChunkCache::Forget(uint64_t uid) {
  std::vector<std::unique_ptr<Chunk>> freed;
  MutexLock lock(&mu_);
  const auto it = columns_.find(uid);
  if (it == columns_.end()) return;
  const Column* column = it->second.get();
  size_t kept = 0;
  for (Chunk* chunk : clock_) {
    if (chunk->column == column) {
      Retire(chunk);
    } else {
      clock_[kept++] = chunk;
    }
  }
  clock_.resize(kept);
  columns_.erase(it);
  freed = Reclaim();
}

// The first lines of a range that is in memory; nothing for one that cannot be.
void ChunkCache::Prefetch(const Column& column, const RowRange& range) {
  const ColumnStorage& storage = column.storage;
  const bool rows_lie_there = range.first >= 0 && range.first < storage.num_rows && range.count > 0;
  if (!rows_lie_there || storage.row_bytes == 0) return;
  const std::byte* rows = column.chunks[range.first >> column.shift].load();
  if (rows == nullptr) return;
  const int64_t first = range.first & column.mask;
  const int64_t count = std::min(range.count, storage.rows_per_chunk - first);
  const std::byte* line = rows + first * storage.row_bytes;
  const std::byte* end = line + std::min(count * storage.row_bytes, kLinesAhead * kLineBytes);
  for (; line < end; line += kLineBytes) __builtin_prefetch(line);
}

absl::Status ChunkCache::VisitRows(Column& column, absl::Span<const RowRange> ranges,
                                   RowVisitor visitor) {
  const ColumnStorage& storage = column.storage;
  alignas(kAlignment) static constexpr std::byte kNoRows[kAlignment] = {};
  absl::InlinedVector<Piece, 8> missing;
  int64_t hits = 0;
  int64_t guarded_bytes = 0;
  EpochDomain::Guard guard = epochs_.Enter();

  for (size_t r = 0; r < ranges.size(); ++r) {
    if (r + kRangesAhead < ranges.size()) Prefetch(column, ranges[r + kRangesAhead]);
    const RowRange range = ranges[r];
    if (range.first < 0 || range.count < 0 || range.first > storage.num_rows - range.count) {
      return absl::InvalidArgumentError(absl::StrCat(range.count, " rows from ", range.first,
                                                     " on, of a column of ", storage.num_rows));
    }
    if (storage.row_bytes == 0) {
      if (range.count > 0) visitor(r, 0, range.count, kNoRows);
      continue;
    }
    for (int64_t offset = 0; offset < range.count;) {
      const int64_t row = range.first + offset;
      const int64_t number = row >> column.shift;
      const int64_t first = row & column.mask;
      const int64_t count = std::min(range.count - offset, storage.rows_per_chunk - first);
      if (const std::byte* rows = column.chunks[number].load()) {
        column.Mark(static_cast<size_t>(number));
        visitor(r, offset, count, rows + first * storage.row_bytes);
        ++hits;
        guarded_bytes += count * storage.row_bytes;
      } else {
        missing.push_back({number, r, offset, first, count});
      }
      offset += count;
      if (missing.size() == kMaxMissing) {
        guard.End();
        absl::Status status = VisitMissing(column, absl::MakeSpan(missing), visitor);
        if (!status.ok()) return status;
        missing.clear();
        guard = epochs_.Enter();
      } else if (guarded_bytes > kGuardBytes) {
        guard.End();
        guarded_bytes = 0;
        guard = epochs_.Enter();
      }
    }
  }
  guard.End();
  hits_.fetch_add(hits, std::memory_order_relaxed);
  return missing.empty() ? absl::OkStatus()
                         : VisitMissing(column, absl::MakeSpan(missing), visitor);
}

absl::Status ChunkCache::VisitMissing(Column& column, absl::Span<Piece> pieces,
                                      RowVisitor visitor) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.chunk < b.chunk; });
  std::vector<uint32_t> numbers;
  std::vector<size_t> first_piece;  // of each chunk
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (i > 0 && pieces[i].chunk == pieces[i - 1].chunk) continue;
    numbers.push_back(static_cast<uint32_t>(pieces[i].chunk));
    first_piece.push_back(i);
  }
  first_piece.push_back(pieces.size());
  return ReadChunks(column, numbers, [&](size_t k, const std::byte* rows) {
    for (size_t i = first_piece[k]; i < first_piece[k + 1]; ++i) {
      const Piece& piece = pieces[i];
      visitor(piece.range, piece.offset, piece.count,
              rows + piece.first * column.storage.row_bytes);
    }
  });
}

absl::Status ChunkCache::ReadChunks(Column& column, absl::Span<const uint32_t> numbers,
                                    absl::FunctionRef<void(size_t i, const std::byte* rows)> use) {
  const ColumnStorage& storage = column.storage;
  std::vector<ChunkKey> keys;
  keys.reserve(numbers.size());
  for (const uint32_t number : numbers) keys.push_back({storage.uid, number});
  misses_.fetch_add(static_cast<int64_t>(keys.size()), std::memory_order_relaxed);

  absl::Status status;
  size_t num_read = 0;
  store_.ReadChunks(keys, [&](size_t k, absl::StatusOr<absl::string_view> value) {
    if (!status.ok()) return;
    ++num_read;
    const ChunkKey key = keys[k];
    absl::StatusOr<absl::string_view> rows = std::move(value);
    if (rows.ok()) {
      read_bytes_.fetch_add(static_cast<int64_t>(rows->size()), std::memory_order_relaxed);
      rows = OpenChunk(key, storage.rows_in_chunk(key.chunk), storage.row_bytes, *rows);
    }
    if (!rows.ok()) {
      status = ChunkError(key.chunk, rows.status());
      return;
    }
    std::unique_ptr<Chunk> chunk = Chunk::Create(column, key.chunk, *rows);
    use(k, chunk->rows);
    Insert(std::move(chunk));
  });
  if (status.ok() && num_read != keys.size()) {
    return absl::InternalError(
        absl::StrCat("the chunk store answered ", num_read, " of ", keys.size(), " reads"));
  }
  return status;
}

void ChunkCache::Insert(std::unique_ptr<Chunk> chunk) {
  if (chunk->bytes > budget_bytes_) return;
  std::vector<std::unique_ptr<Chunk>> freed;  // after the lock is released
  MutexLock lock(&mu_);
  std::atomic<const std::byte*>& link = chunk->column->chunks[chunk->number];
  if (link.load(std::memory_order_relaxed) != nullptr) return;  // another thread was faster
  while (linked_bytes_ + chunk->bytes > budget_bytes_) EvictOne();
  freed = Reclaim();
  if (linked_bytes_ + retired_bytes_ + chunk->bytes > budget_bytes_) return;
  linked_bytes_ += chunk->bytes;
  chunk->column->marks[chunk->number].store(false, std::memory_order_relaxed);
  link.store(chunk->rows);
  // Behind the hand, which comes here last.
  clock_.push_back(chunk.release());
  if (hand_ + 1 < clock_.size()) {
    std::swap(clock_[hand_], clock_.back());
    ++hand_;
  }
}

void ChunkCache::EvictOne() {
  for (;;) {
    if (hand_ >= clock_.size()) hand_ = 0;
    Chunk* chunk = clock_[hand_];
    if (chunk->column->marks[chunk->number].exchange(false, std::memory_order_relaxed)) {
      ++hand_;
      continue;
    }
    clock_[hand_] = clock_.back();
    clock_.pop_back();
    Retire(chunk);
    evictions_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
}

void ChunkCache::Retire(Chunk* chunk) {
  chunk->column->chunks[chunk->number].store(nullptr);
  linked_bytes_ -= chunk->bytes;
  retired_bytes_ += chunk->bytes;
  retired_.push_back({std::unique_ptr<Chunk>(chunk), epochs_.Retire()});
}

std::vector<std::unique_ptr<ChunkCache::Chunk>> ChunkCache::Reclaim() {
  std::vector<std::unique_ptr<Chunk>> freed;
  if (retired_.empty()) return freed;
  const uint64_t oldest = epochs_.OldestGuard();
  while (!retired_.empty() && retired_.front().epoch < oldest) {
    retired_bytes_ -= retired_.front().chunk->bytes;
    freed.push_back(std::move(retired_.front().chunk));
    retired_.pop_front();
  }
  return freed;
}

ChunkCache::Stats ChunkCache::stats() const {
  Stats stats{.budget_bytes = budget_bytes_,
              .hits = hits_.load(std::memory_order_relaxed),
              .misses = misses_.load(std::memory_order_relaxed),
              .evictions = evictions_.load(std::memory_order_relaxed),
              .read_bytes = read_bytes_.load(std::memory_order_relaxed)};
  MutexLock lock(&mu_);
  stats.cached_bytes = linked_bytes_ + retired_bytes_;
  return stats;
}

}  // namespace graphfeed
