#ifndef GRAPHFEED_STORAGE_CHUNK_CACHE_H_
#define GRAPHFEED_STORAGE_CHUNK_CACHE_H_

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
#include "storage/chunk_format.h"
#include "storage/chunk_store.h"
#include "storage/epoch.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/graph_store.h"
#include "storage/graph/mutex.h"

namespace graphfeed {

// Chunks in memory, found through a table of pointers per column, within a budget of bytes.
//
// A chunk that is in memory is read without a lock and without allocation: an epoch guard keeps it
// from being freed. Chunks that are not are read from the store, all of a gather's in one call,
// checked, and copied once into an aligned buffer, from which the gather takes its rows before the
// buffer is offered to the cache. So a gather holds one chunk at a time however small the budget,
// and two threads that miss the same chunk merely read it twice.
//
// Eviction is a clock: a chunk enters unmarked, is marked when it is read again, and a hand that
// goes round takes the first unmarked one. Evicted chunks count in the budget until no guard can
// see them; a chunk that finds no room is dropped after its use. Thread-safe.
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
    int64_t cached_bytes = 0;
    int64_t budget_bytes = 0;
    int64_t hits = 0;  // chunks found in memory, since start
    int64_t misses = 0;
    int64_t evictions = 0;
    int64_t read_bytes = 0;
  };
  Stats stats() const;

 private:
  struct Chunk;
  struct Piece;

  static void Prefetch(const Column& column, const RowRange& range);
  // Reads chunks that are not in memory in one call and lends rows to `use`, one chunk at a time
  // and in any order, before it offers them to the cache. `numbers` ascend.
  absl::Status ReadChunks(Column& column, absl::Span<const uint32_t> numbers,
                          absl::FunctionRef<void(size_t i, const std::byte* rows)> use);
  // Reads the chunks of `pieces`, which are not in memory, and visits the pieces.
  absl::Status VisitMissing(Column& column, absl::Span<Piece> pieces, RowVisitor visitor);

  // What the gathers share: `fetch(chunk, row)` for the row some places ahead, `use(i, chunk, row)`
  // for every i, where `chunk` holds rows[i] as its row `row`.
  template <typename Fetch, typename Use>
  absl::Status Gather(Column& column, absl::Span<const int64_t> rows, size_t ahead,
                      size_t guarded_rows, Fetch fetch, Use use);
  template <size_t kRowBytes>
  absl::Status GatherFixedRows(Column& column, absl::Span<const int64_t> rows, std::byte* dst);
  absl::Status GatherRunsOfGroup(Column& column, absl::Span<const int64_t> rows,
                                 absl::Span<InRun> runs);
  // Reads the chunks that a gather misses: `wanted` holds (chunk << 32 | place) in any order, and
  // `use(place, rows of the chunk)` is called for each.
  absl::Status ReadWanted(Column& column, std::vector<uint64_t>& wanted,
                          absl::FunctionRef<void(uint32_t place, const std::byte* rows)> use);

  // Offers a chunk to the cache, which takes it or frees it.
  void Insert(std::unique_ptr<Chunk> chunk);
  // Unlinks the chunk under the clock's hand that was not read since the hand last passed.
  void EvictOne() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Retire(Chunk* chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves out the retired chunks that no guard can see any more.
  std::vector<std::unique_ptr<Chunk>> Reclaim() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  struct Retired {
    std::unique_ptr<Chunk> chunk;
    uint64_t epoch;
  };

  ChunkStore& store_;
  const int64_t budget_bytes_;
  EpochDomain epochs_;

  mutable Mutex mu_;
  std::map<uint64_t, std::shared_ptr<Column>> columns_ ABSL_GUARDED_BY(mu_);
  std::vector<Chunk*> clock_ ABSL_GUARDED_BY(mu_);  // owned; also linked in their columns
  size_t hand_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Retired> retired_ ABSL_GUARDED_BY(mu_);
  int64_t linked_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t retired_bytes_ ABSL_GUARDED_BY(mu_) = 0;

  std::atomic<int64_t> hits_{0};
  std::atomic<int64_t> misses_{0};
  std::atomic<int64_t> evictions_{0};
  std::atomic<int64_t> read_bytes_{0};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNK_CACHE_H_
