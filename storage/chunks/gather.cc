// The gathers of ChunkCache: many rows of a column at once, from all over it.

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/check.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/table.h"

namespace graphfeed {
namespace {

// Rows asked for in one group: what a group misses is fetched in one call.
constexpr size_t kGroupRows = size_t{1} << 18;
// Numbers looked up under one guard, so that eviction can go on.
constexpr size_t kGuardedInts = 4096;
constexpr int64_t kGuardedBytes = int64_t{1} << 20;
// Rows are fetched and used in blocks: while one is used, the lines of the next are on their way
// from memory. A line takes some hundred nanoseconds and some dozens come at once, so a block of
// numbers is so many.
constexpr size_t kBlockInts = 64;
// Of wider rows a block is so many at most, or so many bytes; and so much of a long row is fetched
// ahead: the processor sees the rest coming by itself.
constexpr size_t kMaxBlockRows = 24;
constexpr int64_t kBlockBytes = 4096;
constexpr int64_t kMaxFetchedBytes = 1024;
// Rows of at least so many bytes come in larger blocks, by way of the second cache: it has more
// places for lines on their way than the first.
constexpr int64_t kLongRowBytes = 256;
constexpr int64_t kLongBlockBytes = 64 << 10;
constexpr int64_t kLineBytes = 64;
// Pointers of tables that the processor's caches do not keep are fetched so many rows before.
constexpr size_t kPointersAhead = 64;
constexpr size_t kLargeTable = size_t{1} << 16;

absl::Status RowError(int64_t row, int64_t num_rows) {
  return absl::InvalidArgumentError(absl::StrCat("row ", row, " of a column of ", num_rows));
}

// Of __builtin_prefetch.
enum Locality : uint8_t { kSecondCache = 2, kFirstCache = 3 };

// Fetches the line of a chunk's byte; null chunks too, which does nothing.
template <Locality kLocality = kFirstCache>
inline void FetchLine(const std::byte* chunk, int64_t offset) {
  // Integers, since null has no offsets. NOLINTNEXTLINE(performance-no-int-to-ptr)
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(chunk) +
                                                   static_cast<uintptr_t>(offset)),
                     0, kLocality);
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
absl::Status ChunkCache::Gather(Column& column, absl::Span<const int64_t> rows, size_t block_rows,
                                size_t guarded_rows, Fetch fetch, Use use) {
  const int64_t num_rows = column.storage.num_rows;
  const std::atomic<const std::byte*>* const chunks = column.chunks.data();
  const int shift = column.shift;
  const int64_t mask = column.mask;
  const bool large = column.chunks.size() >= kLargeTable;
  std::vector<uint64_t> wanted;
  for (size_t begin = 0; begin < rows.size(); begin += kGroupRows) {
    GF_RETURN_IF_ERROR(CheckWanted());
    const int64_t* const group = rows.data() + begin;
    const size_t size = std::min(kGroupRows, rows.size() - begin);
    // Every row is checked when it is fetched, before anything else is done with it. Returns where
    // it stopped: at `last` or a row that does not exist.
    const auto look = [=](size_t i, size_t last) {
      for (; i < last; ++i) {
        const int64_t row = group[i];
        if (row < 0 || row >= num_rows) break;
        if (large && i + kPointersAhead < size) {
          const auto ahead = static_cast<uint64_t>(group[i + kPointersAhead]);
          if (ahead < static_cast<uint64_t>(num_rows)) __builtin_prefetch(&chunks[ahead >> shift]);
        }
        fetch(chunks[row >> shift].load(std::memory_order_relaxed), row & mask);
      }
      return i;
    };
    size_t looked = std::min(block_rows, size);
    if (const size_t i = look(0, looked); i < looked) return RowError(group[i], num_rows);
    wanted.clear();
    for (size_t first = 0; first < size;) {
      const size_t guard_end = std::min(first + guarded_rows, size);
      const ReclaimDomain::Guard guard = epochs_.Enter();
      while (first < guard_end) {
        const size_t next = std::min(looked + block_rows, size);
        if (const size_t i = look(looked, next); i < next) return RowError(group[i], num_rows);
        for (; first < looked; ++first) {
          const int64_t row = group[first];
          const int64_t number = row >> shift;
          const std::byte* const chunk = chunks[number].load();
          if (chunk == nullptr) {
            wanted.push_back(Wanted(number, first));
            continue;
          }
          column.Mark(static_cast<size_t>(number));
          use(begin + first, chunk, row & mask);
        }
        looked = next;
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
  GF_CHECK(rows.size() == values.size());
  const auto gather = [&](auto type) {
    using T = decltype(type);
    return Gather(
        column, rows, kBlockInts, kGuardedInts,
        [](const std::byte* chunk, int64_t row) {
          FetchLine(chunk, row * static_cast<int64_t>(sizeof(T)));
        },
        [out = values.data()](size_t i, const std::byte* chunk, int64_t row) {
          out[i] = Load<T>(chunk, row);
        });
  };
  GF_CHECK(column.storage.row_bytes == sizeof(int32_t) ||
           column.storage.row_bytes == sizeof(int64_t));
  return column.storage.row_bytes == sizeof(int32_t) ? gather(int32_t{}) : gather(int64_t{});
}

absl::Status ChunkCache::GatherRuns(Column& column, absl::Span<const int64_t> rows,
                                    absl::Span<InRun> runs) {
  GF_CHECK(rows.size() == runs.size());
  GF_CHECK(column.storage.row_bytes == sizeof(int64_t));
  for (size_t begin = 0; begin < rows.size(); begin += kGroupRows) {
    GF_RETURN_IF_ERROR(CheckWanted());
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
  const int64_t* const group = rows.data();
  InRun* const out = runs.data();
  const size_t size = rows.size();
  const auto look = [=](size_t i, size_t last) {
    for (; i < last; ++i) {
      const int64_t row = group[i];
      if (row < 0 || row >= num_runs) break;
      const std::byte* const chunk = chunks[row >> shift].load(std::memory_order_relaxed);
      const int64_t offset = (row & mask) * static_cast<int64_t>(sizeof(int64_t));
      FetchLine(chunk, offset);
      FetchLine(chunk, offset + static_cast<int64_t>(sizeof(int64_t)));  // often the same
    }
    return i;
  };
  size_t looked = std::min(kBlockInts, size);
  if (const size_t i = look(0, looked); i < looked) return RowError(group[i], num_runs);
  std::vector<uint64_t> wanted;  // place 2 * i: where run i begins; 2 * i + 1: where it ends
  std::vector<size_t> incomplete;
  for (size_t first = 0; first < size;) {
    const size_t guard_end = std::min(first + kGuardedInts, size);
    const ReclaimDomain::Guard guard = epochs_.Enter();
    while (first < guard_end) {
      const size_t ahead = std::min(looked + kBlockInts, size);
      if (const size_t i = look(looked, ahead); i < ahead) return RowError(group[i], num_runs);
      for (; first < looked; ++first) {
        const int64_t row = group[first];
        const int64_t number = row >> shift;
        const bool split = (row & mask) == mask;
        const std::byte* const chunk = chunks[number].load();
        const std::byte* const next = split ? chunks[number + 1].load() : chunk;
        if (chunk != nullptr) column.Mark(static_cast<size_t>(number));
        if (chunk != nullptr && next != nullptr) {
          const auto from = Load<int64_t>(chunk, row & mask);
          out[first] = {from, Load<int64_t>(next, (row + 1) & mask) - from};
          continue;
        }
        incomplete.push_back(first);
        if (chunk == nullptr) wanted.push_back(Wanted(number, 2 * first));
        if (next == nullptr) wanted.push_back(Wanted(number + split, 2 * first + 1));
        out[first] = {chunk == nullptr ? 0 : Load<int64_t>(chunk, row & mask),
                      next == nullptr ? 0 : Load<int64_t>(next, (row + 1) & mask)};
      }
      looked = ahead;
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
  const bool is_long = row_bytes >= kLongRowBytes;
  const auto block_rows = static_cast<size_t>(
      is_long ? std::clamp<int64_t>(kGuardedBytes / row_bytes, 2, kLongBlockBytes / fetched)
              : std::clamp<int64_t>(kBlockBytes / fetched, 2, static_cast<int64_t>(kMaxBlockRows)));
  const auto guarded_rows = static_cast<size_t>(
      std::clamp<int64_t>(kGuardedBytes / row_bytes, 1, static_cast<int64_t>(kGuardedInts)));
  return Gather(
      column, rows, block_rows, guarded_rows,
      [=](const std::byte* chunk, int64_t row) {
        const int64_t offset = row * row_bytes;
        if (is_long) {
          for (int64_t line = 0; line < fetched; line += kLineBytes) {
            FetchLine<kSecondCache>(chunk, offset + line);
          }
          if (straddles) FetchLine<kSecondCache>(chunk, offset + fetched - 1);
          return;
        }
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
