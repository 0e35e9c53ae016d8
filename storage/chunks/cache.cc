#include "storage/chunks/cache.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "storage/base/check.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/table.h"

namespace graphfeed {
namespace {

constexpr int64_t kLineBytes = 64;
// A long gather leaves and enters the guard after so many bytes, so that eviction can go on, and
// reads its missing pieces in groups of so many.
constexpr int64_t kGuardBytes = int64_t{1} << 20;
constexpr size_t kMaxMissing = 4096;
// Rows are asked for in groups of so many bytes of lines before the first of a group is visited:
// nothing else waits for memory meanwhile, so as many lines are on their way at once as the
// processor has places for. Into its second cache, of which a group may take a quarter to a half.
constexpr int64_t kGroupBytes = int64_t{256} << 10;
// One new chunk in so many enters behind the clock's hand, the others under it.
constexpr uint64_t kLinksPerStep = 8;
// The share of the budget that holes may take before a block is cleared.
constexpr int64_t kHoleShare = 8;

}  // namespace

ChunkCache::Chunk* ChunkCache::ChunkOf(const std::byte* rows) {
  return reinterpret_cast<Chunk*>(const_cast<std::byte*>(rows) - sizeof(Chunk));
}

ChunkCache::ChunkCache(ChunkStore& store, int64_t budget_bytes)
    : store_(store), budget_bytes_(budget_bytes), memory_(budget_bytes) {}

ChunkCache::~ChunkCache() {
  MutexLock lock(&mu_);
  for (Chunk* chunk : clock_) memory_.Free(chunk->memory(), chunk->bytes);
  for (const Retired& retired : retired_) {
    memory_.Free(retired.chunk->memory(), retired.chunk->bytes);
  }
}

std::shared_ptr<ChunkCache::Column> ChunkCache::Open(const ColumnStorage& storage) {
  MutexLock lock(&mu_);
  std::shared_ptr<Column>& column = columns_[storage.uid];
  if (column == nullptr) {
    column = std::make_shared<Column>(storage);
    memory_.Charge(column->table_bytes());
    table_bytes_ += column->table_bytes();
    while (memory_.over_limit(retired_bytes_) && EvictEmptiestBlock(/*or_another=*/true)) Reclaim();
  }
  return column;
}

void ChunkCache::Forget(uint64_t uid) {
  MutexLock lock(&mu_);
  const auto it = columns_.find(uid);
  if (it == columns_.end()) return;
  for (const std::atomic<const std::byte*>& rows : it->second->chunks) {
    if (const std::byte* const found = rows.load(std::memory_order_relaxed)) Retire(ChunkOf(found));
  }
  memory_.Charge(-it->second->table_bytes());
  table_bytes_ -= it->second->table_bytes();
  columns_.erase(it);
  Reclaim();
}

// Asks for the lines of the rows of ranges that are in memory, from `begin` on, until they are a
// group; nothing for what cannot be or is not there. Returns where the next group begins.
size_t ChunkCache::PrefetchGroup(const Column& column, absl::Span<const RowRange> ranges,
                                 size_t begin) {
  const ColumnStorage& storage = column.storage;
  if (storage.row_bytes == 0) return ranges.size();
  int64_t bytes = 0;
  size_t r = begin;
  for (; r < ranges.size() && bytes < kGroupBytes; ++r) {
    const RowRange& range = ranges[r];
    if (range.first < 0 || range.first >= storage.num_rows || range.count <= 0) continue;
    const std::byte* const rows =
        column.chunks[range.first >> column.shift].load(std::memory_order_relaxed);
    if (rows == nullptr) continue;
    const int64_t first = range.first & column.mask;
    const int64_t count = std::min(range.count, storage.rows_per_chunk - first);
    const std::byte* line = rows + first * storage.row_bytes;
    const std::byte* const end = line + std::min(count * storage.row_bytes, kGroupBytes - bytes);
    line -= reinterpret_cast<uintptr_t>(line) % kLineBytes;
    for (; line < end; line += kLineBytes, bytes += kLineBytes) __builtin_prefetch(line, 0, 1);
  }
  return r;
}

absl::Status ChunkCache::VisitRows(Column& column, absl::Span<const RowRange> ranges,
                                   RowVisitor visitor) {
  const ColumnStorage& storage = column.storage;
  alignas(kLineBytes) static constexpr std::byte kNoRows[kLineBytes] = {};
  absl::InlinedVector<Piece, 8> missing;
  int64_t hits = 0;
  int64_t guarded_bytes = 0;
  ReclaimDomain::Guard guard = epochs_.Enter();

  size_t fetched = 0;
  for (size_t r = 0; r < ranges.size(); ++r) {
    if (r == fetched) fetched = PrefetchGroup(column, ranges, r);
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
        if (absl::Status status = CheckWanted(); !status.ok()) return status;
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

std::byte* ChunkCache::MakeRoom(int64_t bytes) {
  Reclaim();
  for (;;) {
    if (std::byte* const memory = memory_.Allocate(bytes)) return memory;
    if (clock_.empty() || retired_bytes_ >= bytes) return nullptr;
    if (memory_.hole_bytes() <= budget_bytes_ / kHoleShare ||
        !EvictEmptiestBlock(/*or_another=*/false)) {
      EvictOne();
    }
    Reclaim();
  }
}

bool ChunkCache::Link(Chunk* chunk) {
  std::atomic<const std::byte*>& link = chunk->column->chunks[chunk->number];
  if (link.load(std::memory_order_relaxed) != nullptr) return false;
  // Behind the hand, which comes here last; or under it, first to go unless it is read again. The
  // place comes first: when there is no memory for it, nothing has changed.
  clock_.push_back(nullptr);
  chunk->column->marks[chunk->number].store(false, std::memory_order_relaxed);
  link.store(chunk->rows());
  Place(clock_[hand_] == nullptr ? chunk : clock_[hand_], clock_.size() - 1);
  Place(chunk, hand_);
  if (++links_ % kLinksPerStep == 0) ++hand_;
  return true;
}

void ChunkCache::EvictOne() {
  for (;;) {
    if (hand_ >= clock_.size()) hand_ = 0;
    Chunk* chunk = clock_[hand_];
    if (chunk->column->marks[chunk->number].exchange(false, std::memory_order_relaxed)) {
      ++hand_;
      continue;
    }
    Retire(chunk);
    evictions_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
}

bool ChunkCache::EvictEmptiestBlock(bool or_another) {
  std::vector<Chunk*> linked;
  memory_.VisitBlocks(
      [&linked](std::byte* buffer) {
        auto* const chunk = reinterpret_cast<Chunk*>(buffer);
        if (chunk->place != Chunk::kNowhere) linked.push_back(chunk);
        return chunk->bytes;
      },
      [&] { return or_another && linked.empty(); });
  for (Chunk* chunk : linked) Retire(chunk);
  evictions_.fetch_add(std::ssize(linked), std::memory_order_relaxed);
  return !linked.empty();
}

void ChunkCache::Place(Chunk* chunk, size_t place) {
  clock_[place] = chunk;
  chunk->place = place;
}

void ChunkCache::Retire(Chunk* chunk) {
  GF_DCHECK(clock_[chunk->place] == chunk);
  chunk->column->chunks[chunk->number].store(nullptr);
  // Another one takes its place, on the same side of the hand.
  size_t place = chunk->place;
  if (place < hand_) {
    Place(clock_[--hand_], place);
    place = hand_;
  }
  if (place + 1 < clock_.size()) Place(clock_.back(), place);
  clock_.pop_back();
  chunk->place = Chunk::kNowhere;
  retired_bytes_ += chunk->bytes;
  retired_.push_back({chunk, epochs_.Retire()});
}

void ChunkCache::Reclaim() {
  if (retired_.empty()) return;
  const uint64_t oldest = epochs_.OldestGuard();
  while (!retired_.empty() && retired_.front().epoch < oldest) {
    Chunk* const chunk = retired_.front().chunk;
    retired_.pop_front();
    retired_bytes_ -= chunk->bytes;
    memory_.Free(chunk->memory(), chunk->bytes);
  }
}

ChunkCache::Stats ChunkCache::stats() const {
  Stats stats{.budget_bytes = budget_bytes_,
              .hits = hits_.load(std::memory_order_relaxed),
              .misses = misses_.load(std::memory_order_relaxed),
              .evictions = evictions_.load(std::memory_order_relaxed),
              .read_bytes = read_bytes_.load(std::memory_order_relaxed)};
  MutexLock lock(&mu_);
  stats.cached_bytes = memory_.held_bytes();
  stats.table_bytes = table_bytes_;
  return stats;
}

}  // namespace graphfeed
