// What ChunkCache does about chunks that are not in memory: reads them, all of a gather's in one
// call, lends their rows, and offers them to the table, many at a time.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "storage/base/aligned_memory.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/column_reader.h"
#include "storage/chunks/table.h"

namespace graphfeed {

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

}  // namespace graphfeed
