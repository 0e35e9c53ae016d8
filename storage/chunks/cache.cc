#include "storage/chunks/cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "storage/base/aligned_memory.h"
#include "storage/base/check.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/column_reader.h"
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

// Rows in memory, after this header of one line.
struct alignas(ChunkMemory::kAlignment) ChunkCache::Chunk {
  static constexpr size_t kNowhere = ~size_t{0};

  Column* column;
  uint32_t number;
  int64_t bytes;            // with the header
  size_t place = kNowhere;  // in the clock; kNowhere before it is linked and after it is retired

  std::byte* memory() { return reinterpret_cast<std::byte*>(this); }
  std::byte* rows() { return memory() + sizeof(Chunk); }
};

ChunkCache::Chunk* ChunkCache::ChunkOf(const std::byte* rows) {
  return reinterpret_cast<Chunk*>(const_cast<std::byte*>(rows) - sizeof(Chunk));
}

// A part of a range that lies in one chunk.
struct ChunkCache::Piece {
  int64_t chunk;
  size_t range;
  int64_t offset;  // in the range
  int64_t first;   // row in the chunk
  int64_t count;
};

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

// Memory for the chunks that one reader fills, taken and linked some at a time. Of one size: the
// last chunk of a column, which may be smaller, has its own.
class ChunkCache::NewChunks {
 public:
  NewChunks(ChunkCache& cache, Column& column, int64_t row_bytes, size_t count)
      : cache_(cache),
        column_(column),
        bytes_(row_bytes + static_cast<int64_t>(sizeof(Chunk))),
        at_once_(static_cast<size_t>(std::clamp<int64_t>(
            std::min(kNewBytes, cache.budget_bytes_ / kNewShare) / bytes_, 1, kMaxNew))),
        to_come_(count) {}
  // What was filled when an error came stays; what was not goes back.
  ~NewChunks() {
    if (free_.empty() && filled_.empty()) return;
    MutexLock lock(&cache_.mu_);
    try {
      LinkFilled();
      while (!free_.empty()) {
        Chunk* const chunk = free_.back();
        free_.pop_back();
        cache_.memory_.Free(chunk->memory(), bytes_);
      }
    } catch (const std::bad_alloc&) {  // the rest is lost to the cache, which is better than an end
    }
  }
  NewChunks(const NewChunks&) = delete;
  NewChunks& operator=(const NewChunks&) = delete;

  // Memory for this chunk, kept here until it is Filled(); nullptr when there is no room or another
  // thread has linked it.
  Chunk* Take(uint32_t number) {
    const size_t wanted = std::min(at_once_, std::max<size_t>(to_come_, 1));
    if (to_come_ > 0) --to_come_;
    if (bytes_ > cache_.budget_bytes_) return nullptr;
    if (column_.chunks[number].load(std::memory_order_relaxed) != nullptr) return nullptr;
    if (free_.empty()) {
      MutexLock lock(&cache_.mu_);
      LinkFilled();
      while (free_.size() < wanted) {
        std::byte* const memory = cache_.MakeRoom(bytes_);
        if (memory == nullptr) break;
        // At once: whoever clears a block finds its way by the chunks in it.
        free_.push_back(new (memory) Chunk{.column = &column_, .number = number, .bytes = bytes_});
      }
    }
    if (free_.empty()) return nullptr;
    free_.back()->number = number;
    return free_.back();
  }
  // The chunk that was taken last.
  void Filled() {
    filled_.push_back(free_.back());
    free_.pop_back();
  }
  void Finish() {
    if (filled_.empty()) return;
    MutexLock lock(&cache_.mu_);
    LinkFilled();
  }

 private:
  static constexpr int64_t kNewBytes = int64_t{64} << 10;
  static constexpr int64_t kNewShare = 16;  // of the budget at most, if that is more than a chunk
  static constexpr int64_t kMaxNew = 64;

  // A chunk that cannot be linked for want of memory is still among them.
  void LinkFilled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_.mu_) {
    while (!filled_.empty()) {
      Chunk* const chunk = filled_.back();
      const bool linked = cache_.Link(chunk);
      filled_.pop_back();
      if (!linked) cache_.memory_.Free(chunk->memory(), bytes_);
    }
  }

  ChunkCache& cache_;
  Column& column_;
  const int64_t bytes_;
  const size_t at_once_;
  size_t to_come_;
  // Together no more than at_once_, so that neither allocates.
  absl::InlinedVector<Chunk*, kMaxNew> free_;
  absl::InlinedVector<Chunk*, kMaxNew> filled_;
};

absl::Status ChunkCache::ReadChunks(Column& column, absl::Span<const uint32_t> numbers,
                                    absl::FunctionRef<void(size_t i, const std::byte* rows)> use) {
  const ColumnStorage& storage = column.storage;
  std::vector<ChunkKey> keys;
  keys.reserve(numbers.size());
  for (const uint32_t number : numbers) keys.push_back({storage.uid, number});
  misses_.fetch_add(static_cast<int64_t>(keys.size()), std::memory_order_relaxed);

  absl::Status status;
  size_t num_read = 0;
  struct FreeBuffer {
    void operator()(std::byte* buffer) const { std::free(buffer); }
  };
  std::unique_ptr<std::byte, FreeBuffer> homeless;  // a chunk at a time for which there is no room
  const auto bytes_of = [&](uint32_t number) {
    return storage.rows_in_chunk(number) * storage.row_bytes;
  };
  const auto last_number = static_cast<uint32_t>(storage.num_chunks() - 1);
  const size_t has_last = numbers.back() == last_number ? 1 : 0;
  NewChunks whole(*this, column, bytes_of(0), numbers.size() - has_last);
  NewChunks last(*this, column, bytes_of(last_number), has_last);
  store_.ReadChunks(keys, [&](size_t k, absl::StatusOr<absl::string_view> value) {
    if (status.ok()) status = CheckWanted();
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
    NewChunks& chunks = key.chunk == last_number ? last : whole;
    Chunk* const chunk = chunks.Take(key.chunk);
    if (chunk == nullptr && homeless == nullptr) {
      homeless.reset(static_cast<std::byte*>(AllocateAligned(static_cast<size_t>(bytes_of(0)))));
      if (homeless == nullptr) throw std::bad_alloc();
    }
    std::byte* const buffer = chunk != nullptr ? chunk->rows() : homeless.get();
    std::memcpy(buffer, rows->data(), rows->size());
    use(k, buffer);
    if (chunk != nullptr) chunks.Filled();
  });
  whole.Finish();
  last.Finish();
  if (status.ok() && num_read != keys.size()) {
    return absl::InternalError(
        absl::StrCat("the chunk store answered ", num_read, " of ", keys.size(), " reads"));
  }
  return status;
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
