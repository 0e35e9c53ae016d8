#ifndef GRAPHFEED_STORAGE_CHUNKS_CACHE_H_
#define GRAPHFEED_STORAGE_CHUNKS_CACHE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/base/mutex.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/format.h"
#include "storage/chunks/memory.h"
#include "storage/chunks/reclaim.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/graph_store.h"

namespace graphfeed {

// Chunks in memory, found through a table of pointers per column, within a budget of bytes.
//
// A chunk that is in memory is read without a lock and without allocation: an epoch guard keeps it
// from being freed. Chunks that are not are read from the store, all of a gather's in one call,
// checked, and copied once into an aligned buffer, from which the gather takes its rows before the
// chunk is linked into its table. So a gather holds one chunk at a time however small the budget,
// of small ones up to 64 KiB and a sixteenth of the budget, so that it takes the lock once for them
// all; and two threads that miss the same chunk merely read it twice.
//
// Eviction is a clock: a chunk enters unmarked, is marked when it is read again, and a hand that
// goes round takes the first unmarked one, until the new chunk fits. Most new chunks enter under
// the hand, first to go unless they are read again by then, so that a scan takes its own room and
// not that of what is read often; one in eight enters behind the hand, so that what is read now
// takes over in the end (bimodal insertion, Qureshi et al. 2007). Evicted chunks keep their memory
// until no guard can see them; a chunk that finds no room is gone after its use.
//
// The budget is the limit of a ChunkMemory, so holes count in it; so do the tables of columns. When
// chunks of other sizes than before come in, holes that none of them fits into may take an eighth
// of it; then the chunks of the emptiest block go, and the block gives its memory back.
// Thread-safe.
class ChunkCache {
 public:
  class Column;

  // The store must outlive the cache.
  ChunkCache(ChunkStore& store, int64_t budget_bytes);
  ~ChunkCache();

  // The table of a column: the same one for all who ask, kept until Forget.
  std::shared_ptr<Column> Open(const ColumnStorage& storage);

  // Drops the column and its chunks. Nobody may be reading it.
  void Forget(uint64_t uid);

  // FeatureStore::VisitRows for one column. DATA_LOSS begins with "chunk <number>: ".
  absl::Status VisitRows(Column& column, absl::Span<const RowRange> ranges, RowVisitor visitor);

  // FeatureStore::GatherRows for one column. Here and below: what is in memory is copied in a tight
  // loop that prefetches ahead, in groups of bounded size under one guard each; what is not is
  // fetched in one call to the store for every 262,144 rows asked for.
  absl::Status GatherRows(Column& column, absl::Span<const int64_t> rows, std::byte* dst);

  // values[i] = row rows[i] of a column of int32 or int64 (by its row_bytes).
  absl::Status GatherInts(Column& column, absl::Span<const int64_t> rows,
                          absl::Span<int64_t> values);

  // runs[i] = from row rows[i] to row rows[i] + 1 of an ascending column of int64.
  absl::Status GatherRuns(Column& column, absl::Span<const int64_t> rows, absl::Span<InRun> runs);

  struct Stats {
    int64_t cached_bytes = 0;  // of memory held for chunks
    int64_t table_bytes = 0;   // of the tables of columns, part of the budget
    int64_t budget_bytes = 0;
    int64_t hits = 0;  // chunks found in memory, since start
    int64_t misses = 0;
    int64_t evictions = 0;
    int64_t read_bytes = 0;
  };
  Stats stats() const;
  int64_t misses() const { return misses_.load(std::memory_order_relaxed); }

 private:
  struct Chunk;
  struct Piece;
  class NewChunks;

  // The chunk of which these are the rows.
  static Chunk* ChunkOf(const std::byte* rows);
  static size_t PrefetchGroup(const Column& column, absl::Span<const RowRange> ranges,
                              size_t begin);
  // Reads chunks that are not in memory in one call and lends rows to `use`, one chunk at a time
  // and in any order, before it offers them to the cache. `numbers` ascend.
  absl::Status ReadChunks(Column& column, absl::Span<const uint32_t> numbers,
                          absl::FunctionRef<void(size_t i, const std::byte* rows)> use);
  // Reads the chunks of `pieces`, which are not in memory, and visits the pieces.
  absl::Status VisitMissing(Column& column, absl::Span<Piece> pieces, RowVisitor visitor);

  // What the gathers share: `fetch(chunk, row)` for the rows of a block before `use(i, chunk, row)`
  // for those of the block before it, where `chunk` holds rows[i] as its row `row`.
  template <typename Fetch, typename Use>
  absl::Status Gather(Column& column, absl::Span<const int64_t> rows, size_t block_rows,
                      size_t guarded_rows, Fetch fetch, Use use);
  template <size_t kRowBytes>
  absl::Status GatherFixedRows(Column& column, absl::Span<const int64_t> rows, std::byte* dst);
  absl::Status GatherRunsOfGroup(Column& column, absl::Span<const int64_t> rows,
                                 absl::Span<InRun> runs);
  // Reads the chunks that a gather misses: `wanted` holds (chunk << 32 | place) in any order, and
  // `use(place, rows of the chunk)` is called for each.
  absl::Status ReadWanted(Column& column, std::vector<uint64_t>& wanted,
                          absl::FunctionRef<void(uint32_t place, const std::byte* rows)> use);

  // Makes a filled chunk findable. False: another thread was faster.
  bool Link(Chunk* chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Memory for `bytes` after as many evictions as it takes; nullptr when guards keep too much of
  // what was evicted, or when there is nothing left to evict.
  std::byte* MakeRoom(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Unlinks the chunk under the clock's hand that was not read since the hand last passed.
  void EvictOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Unlinks the chunks of the block with the largest share of holes, or, if that has none that are
  // linked (they are in work, or retired), of another. False: there are none.
  bool EvictEmptiestBlock(bool or_another) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a linked chunk out of its table and out of the clock.
  void Retire(Chunk* chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Place(Chunk* chunk, size_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Frees the retired chunks that no guard can see any more.
  void Reclaim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  struct Retired {
    Chunk* chunk;
    uint64_t epoch;
  };

  ChunkStore& store_;
  const int64_t budget_bytes_;
  ReclaimDomain epochs_;

  mutable Mutex mu_;
  std::map<uint64_t, std::shared_ptr<Column>> columns_ ABSL_GUARDED_BY(mu_);
  int64_t table_bytes_ ABSL_GUARDED_BY(mu_) = 0;    // of columns_
  ChunkMemory memory_ ABSL_GUARDED_BY(mu_);         // of all chunks
  std::vector<Chunk*> clock_ ABSL_GUARDED_BY(mu_);  // those linked in their columns
  size_t hand_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t links_ ABSL_GUARDED_BY(mu_) = 0;  // chunks that entered
  std::deque<Retired> retired_ ABSL_GUARDED_BY(mu_);
  int64_t retired_bytes_ ABSL_GUARDED_BY(mu_) = 0;

  std::atomic<int64_t> hits_{0};
  std::atomic<int64_t> misses_{0};
  std::atomic<int64_t> evictions_{0};
  std::atomic<int64_t> read_bytes_{0};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_CACHE_H_
