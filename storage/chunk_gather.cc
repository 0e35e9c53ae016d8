// The gathers of ChunkCache: many rows of a column at once, from all over it.

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/chunk_cache.h"
#include "storage/chunk_table.h"
#include "storage/graph/status_macros.h"

namespace graphfeed {
namespace {

// Rows asked for in one group: what a group misses is fetched in one call.
constexpr size_t kGroupRows = size_t{1} << 18;
// Numbers looked up under one guard, so that eviction can go on.
constexpr size_t kGuardedInts = 4096;
constexpr int64_t kGuardedBytes = int64_t{1} << 20;
// Numbers whose lines are on their way from memory while one is used. A line fill takes some
// hundred nanoseconds and a step of the loop a few.
constexpr size_t kIntsAhead = 24;
// Bytes of rows likewise, and how much of a long row is fetched ahead: the processor sees the rest
// coming by itself.
constexpr int64_t kBytesAhead = 4096;
constexpr int64_t kMaxFetchedBytes = 1024;
constexpr int64_t kLineBytes = 64;

absl::Status RowError(int64_t row, int64_t num_rows) {
  return absl::InvalidArgumentError(absl::StrCat("row ", row, " of a column of ", num_rows));
}

// Fetches the line of a chunk's byte; null chunks too, which does nothing.
inline void FetchLine(const std::byte* chunk, int64_t offset) {
  // Integers, since null has no offsets. NOLINTNEXTLINE(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(chunk) +
                                                   static_cast<uintptr_t>(offset)));
}

uint64_t Wanted(int64_t chunk, size_t place) {
  return static_cast<uint64_t>(chunk) << 32 | static_cast<uint64_t>(place);
}

template <typename T>
T Load(const std::byte* chunk, int64_t row) {
  T value;
  std::memcpy(&value, chunk + row * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

}  // namespace

absl::Status ChunkCache::ReadWanted(
    Column& column, std::vector<uint64_t>& wanted,
    absl::FunctionRef<void(uint32_t place, const std::byte* rows)> use) {
  if (wanted.empty()) return absl::OkStatus();
  std::sort(wanted.begin(), wanted.end());
  std::vector<uint32_t> numbers;
  std::vector<size_t> first;  // of each chunk, in wanted
  for (size_t i = 0; i < wanted.size(); ++i) {
    const auto number = static_cast<uint32_t>(wanted[i] >> 32);
    if (!numbers.empty() && number == numbers.back()) continue;
    numbers.push_back(number);
    first.push_back(i);
  }
  first.push_back(wanted.size());
  return ReadChunks(column, numbers, [&](size_t k, const std::byte* rows) {
    for (size_t i = first[k]; i < first[k + 1]; ++i) use(static_cast<uint32_t>(wanted[i]), rows);
  });
}

template <typename Fetch, typename Use>
absl::Status ChunkCache::Gather(Column& column, absl::Span<const int64_t> rows, size_t ahead,
                                size_t guarded_rows, Fetch fetch, Use use) {
  const int64_t num_rows = column.storage.num_rows;
  const std::atomic<const std::byte*>* const chunks = column.chunks.data();
  const int shift = column.shift;
  const int64_t mask = column.mask;
  std::vector<uint64_t> wanted;
  for (size_t begin = 0; begin < rows.size(); begin += kGroupRows) {
    const absl::Span<const int64_t> group = rows.subspan(begin, kGroupRows);
    const size_t size = group.size();
    // Every row is checked when it is fetched, before anything else is done with it.
    const auto look = [&](size_t i) {
      const int64_t row = group[i];
      if (static_cast<uint64_t>(row) >= static_cast<uint64_t>(num_rows)) return false;
      fetch(chunks[row >> shift].load(std::memory_order_relaxed), row & mask);
      return true;
    };
    for (size_t i = 0; i < std::min(ahead, size); ++i) {
      if (!look(i)) return RowError(group[i], num_rows);
    }
    wanted.clear();
    for (size_t first = 0; first < size; first += guarded_rows) {
      const size_t end = std::min(first + guarded_rows, size);
      const EpochDomain::Guard guard = epochs_.Enter();
      for (size_t i = first; i < end; ++i) {
        if (i + ahead < size && !look(i + ahead)) return RowError(group[i + ahead], num_rows);
        const int64_t row = group[i];
        const int64_t number = row >> shift;
        const std::byte* const chunk = chunks[number].load();
        if (chunk == nullptr) {
          wanted.push_back(Wanted(number, i));
          continue;
        }
        column.Mark(static_cast<size_t>(number));
        use(begin + i, chunk, row & mask);
      }
    }
    hits_.fetch_add(static_cast<int64_t>(size - wanted.size()), std::memory_order_relaxed);
    GF_RETURN_IF_ERROR(ReadWanted(column, wanted, [&](uint32_t place, const std::byte* chunk) {
      use(begin + place, chunk, group[place] & mask);
    }));
  }
  return absl::OkStatus();
}

absl::Status ChunkCache::GatherInts(Column& column, absl::Span<const int64_t> rows,
                                    absl::Span<int64_t> values) {
  assert(rows.size() == values.size());
  const auto gather = [&](auto type) {
    using T = decltype(type);
    return Gather(
        column, rows, kIntsAhead, kGuardedInts,
        [](const std::byte* chunk, int64_t row) {
          FetchLine(chunk, row * static_cast<int64_t>(sizeof(T)));
        },
        [out = values.data()](size_t i, const std::byte* chunk, int64_t row) {
          out[i] = Load<T>(chunk, row);
        });
  };
  assert(column.storage.row_bytes == sizeof(int32_t) ||
         column.storage.row_bytes == sizeof(int64_t));
  return column.storage.row_bytes == sizeof(int32_t) ? gather(int32_t{}) : gather(int64_t{});
}

absl::Status ChunkCache::GatherRuns(Column& column, absl::Span<const int64_t> rows,
                                    absl::Span<InRun> runs) {
  assert(rows.size() == runs.size());
  assert(column.storage.row_bytes == sizeof(int64_t));
  for (size_t begin = 0; begin < rows.size(); begin += kGroupRows) {
    GF_RETURN_IF_ERROR(GatherRunsOfGroup(column, rows.subspan(begin, kGroupRows),
                                         runs.subspan(begin, kGroupRows)));
  }
  return absl::OkStatus();
}

// Both ends of a run nearly always lie in one chunk, often in one line. Until all is read, `count`
// holds the end of a run of which a part was missing.
absl::Status ChunkCache::GatherRunsOfGroup(Column& column, absl::Span<const int64_t> rows,
                                           absl::Span<InRun> runs) {
  const int64_t num_runs = column.storage.num_rows - 1;
  const std::atomic<const std::byte*>* const chunks = column.chunks.data();
  const int shift = column.shift;
  const int64_t mask = column.mask;
  const size_t size = rows.size();
  const auto look = [&](size_t i) {
    const int64_t row = rows[i];
    if (row < 0 || row >= num_runs) return false;
    FetchLine(chunks[row >> shift].load(std::memory_order_relaxed),
              (row & mask) * static_cast<int64_t>(sizeof(int64_t)));
    return true;
  };
  for (size_t i = 0; i < std::min(kIntsAhead, size); ++i) {
    if (!look(i)) return RowError(rows[i], num_runs);
  }
  std::vector<uint64_t> wanted;  // place 2 * i: where run i begins; 2 * i + 1: where it ends
  std::vector<size_t> incomplete;
  for (size_t first = 0; first < size; first += kGuardedInts) {
    const size_t end = std::min(first + kGuardedInts, size);
    const EpochDomain::Guard guard = epochs_.Enter();
    for (size_t i = first; i < end; ++i) {
      if (i + kIntsAhead < size && !look(i + kIntsAhead)) {
        return RowError(rows[i + kIntsAhead], num_runs);
      }
      const int64_t row = rows[i];
      const int64_t number = row >> shift;
      const bool split = (row & mask) == mask;
      const std::byte* const chunk = chunks[number].load();
      const std::byte* const next = split ? chunks[number + 1].load() : chunk;
      if (chunk != nullptr) column.Mark(static_cast<size_t>(number));
      if (chunk == nullptr || next == nullptr) {
        incomplete.push_back(i);
        if (chunk == nullptr) wanted.push_back(Wanted(number, 2 * i));
        if (next == nullptr) wanted.push_back(Wanted(number + split, 2 * i + 1));
      }
      const int64_t from = chunk == nullptr ? 0 : Load<int64_t>(chunk, row & mask);
      const int64_t to = next == nullptr ? 0 : Load<int64_t>(next, (row + 1) & mask);
      runs[i] = {from, chunk == nullptr || next == nullptr ? to : to - from};
    }
  }
  hits_.fetch_add(static_cast<int64_t>(size - incomplete.size()), std::memory_order_relaxed);
  GF_RETURN_IF_ERROR(ReadWanted(column, wanted, [&](uint32_t place, const std::byte* chunk) {
    const size_t i = place / 2;
    if (place % 2 == 0) {
      runs[i].begin = Load<int64_t>(chunk, rows[i] & mask);
    } else {
      runs[i].count = Load<int64_t>(chunk, (rows[i] + 1) & mask);
    }
  }));
  for (const size_t i : incomplete) runs[i].count -= runs[i].begin;
  return absl::OkStatus();
}

// kRowBytes 0: any.
template <size_t kRowBytes>
absl::Status ChunkCache::GatherFixedRows(Column& column, absl::Span<const int64_t> rows,
                                         std::byte* dst) {
  const int64_t row_bytes =
      kRowBytes > 0 ? static_cast<int64_t>(kRowBytes) : column.storage.row_bytes;
  const int64_t fetched = std::min(row_bytes, kMaxFetchedBytes);
  // Chunks begin with a line; other rows may end in one line more than they fill.
  const bool straddles = row_bytes % kLineBytes != 0 && kLineBytes % row_bytes != 0;
  const auto ahead = static_cast<size_t>(
      std::clamp<int64_t>(kBytesAhead / fetched, 2, static_cast<int64_t>(kIntsAhead)));
  const auto guarded_rows = static_cast<size_t>(
      std::clamp<int64_t>(kGuardedBytes / row_bytes, 1, static_cast<int64_t>(kGuardedInts)));
  return Gather(
      column, rows, ahead, guarded_rows,
      [=](const std::byte* chunk, int64_t row) {
        const int64_t offset = row * row_bytes;
        for (int64_t line = 0; line < fetched; line += kLineBytes) FetchLine(chunk, offset + line);
        if (straddles) FetchLine(chunk, offset + fetched - 1);
      },
      [=](size_t i, const std::byte* chunk, int64_t row) {
        const std::byte* const from = chunk + row * row_bytes;
        std::byte* const to = dst + static_cast<int64_t>(i) * row_bytes;
        std::memcpy(to, from, kRowBytes > 0 ? kRowBytes : static_cast<size_t>(row_bytes));
      });
}

absl::Status ChunkCache::GatherRows(Column& column, absl::Span<const int64_t> rows,
                                    std::byte* dst) {
  const int64_t num_rows = column.storage.num_rows;
  switch (column.storage.row_bytes) {
    case 0:
      for (const int64_t row : rows) {
        if (row < 0 || row >= num_rows) return RowError(row, num_rows);
      }
      return absl::OkStatus();
    case 4:
      return GatherFixedRows<4>(column, rows, dst);
    case 8:
      return GatherFixedRows<8>(column, rows, dst);
    case 16:
      return GatherFixedRows<16>(column, rows, dst);
    case 64:
      return GatherFixedRows<64>(column, rows, dst);
    case 128:
      return GatherFixedRows<128>(column, rows, dst);
    default:
      return GatherFixedRows<0>(column, rows, dst);
  }
}

}  // namespace graphfeed
