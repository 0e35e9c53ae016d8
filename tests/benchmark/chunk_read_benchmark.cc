// What reading chunks from the RocksDB of a data folder costs, in JSON lines; compared in turns in
// one run, in CPU seconds of the process:
//   chunk_reads   Get and MultiGet of chunks of 16 KiB, by the number of keys that are asked for
//                 together
//   chunk_misses  gathers of rows through a ChunkCache of a quarter of the data, beside bare reads
//                 of as many chunks, by the number of threads; chunks are as short as those of a
//                 single graph's wide rows
// Temporary folders are removed.

#include <rocksdb/db.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/column_writer.h"
#include "storage/chunks/folder_lock.h"
#include "storage/chunks/format.h"
#include "storage/chunks/rocksdb_database.h"

ABSL_FLAG(int, chunks, 8000, "chunks of 16 KiB in the store, or as many bytes in short ones");
ABSL_FLAG(int, reads, 30000, "chunks read in each measurement");
ABSL_FLAG(int, rounds, 3, "measurements of each kind, in turns");
ABSL_FLAG(int, batch, 32, "keys of a MultiGet at most");

namespace graphfeed {
namespace {

constexpr size_t kChunkBytes = 16 << 10;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::Status Fill(const std::string& folder, int num_chunks) {
  GF_ASSIGN_OR_RETURN(const auto store, OpenRocksDbChunkStore(folder));
  GF_RETURN_IF_ERROR(store->StartWriting());
  GF_ASSIGN_OR_RETURN(const auto writer, store->NewWriter(1, kChunkBytes));
  std::mt19937_64 rng(1);
  std::string chunk(kChunkBytes, '\0');
  for (int i = 0; i < num_chunks; ++i) {
    // As floats of features are: half of the bytes repeat.
    for (size_t k = 0; k < chunk.size(); k += 2) chunk[k] = static_cast<char>(rng());
    GF_RETURN_IF_ERROR(writer->Add(static_cast<uint32_t>(i), chunk));
  }
  return writer->Finish();
}

using Keys = std::vector<std::string>;

void ReadOneByOne(const RocksDbDatabase& database, const rocksdb::ReadOptions& options,
                  const Keys& keys, uint64_t& sum) {
  rocksdb::PinnableSlice value;
  for (const std::string& key : keys) {
    if (database.db().Get(options, database.chunks(), key, &value).ok()) sum += value.size();
    value.Reset();
  }
}

void ReadInBatches(const RocksDbDatabase& database, const rocksdb::ReadOptions& options,
                   const Keys& keys, uint64_t& sum) {
  const auto batch = static_cast<size_t>(absl::GetFlag(FLAGS_batch));
  std::vector<rocksdb::PinnableSlice> values(batch);
  std::vector<rocksdb::Status> statuses(batch);
  std::vector<rocksdb::Slice> slices;
  for (size_t first = 0; first < keys.size(); first += batch) {
    const size_t count = std::min(batch, keys.size() - first);
    slices.assign(keys.begin() + static_cast<std::ptrdiff_t>(first),
                  keys.begin() + static_cast<std::ptrdiff_t>(first + count));
    database.db().MultiGet(options, database.chunks(), count, slices.data(), values.data(),
                           statuses.data(), /*sorted_input=*/true);
    for (size_t i = 0; i < count; ++i) {
      if (statuses[i].ok()) sum += values[i].size();
      values[i].Reset();
    }
  }
}

absl::Status CompareReads(const std::string& folder) {
  const int num_chunks = absl::GetFlag(FLAGS_chunks);
  GF_ASSIGN_OR_RETURN(const auto lock, FolderLock::Acquire(folder, FolderLock::Kind::kShared));
  GF_ASSIGN_OR_RETURN(const auto database,
                      RocksDbDatabase::Open(*lock, RocksDbDatabase::Mode::kRead, -1));
  rocksdb::ReadOptions options;
  options.verify_checksums = true;
  options.fill_cache = false;
  std::mt19937_64 rng(2);
  for (const size_t keys_per_gather : {1, 4, 16, 64, 512}) {
    const size_t gathers = static_cast<size_t>(absl::GetFlag(FLAGS_reads)) / keys_per_gather;
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      double seconds[2] = {};
      uint64_t bytes[2] = {};
      for (size_t g = 0; g < gathers; ++g) {
        std::vector<uint32_t> numbers(keys_per_gather);
        for (uint32_t& number : numbers) number = static_cast<uint32_t>(rng() % num_chunks);
        std::sort(numbers.begin(), numbers.end());
        Keys keys;
        for (const uint32_t number : numbers) keys.push_back(EncodeChunkKey({1, number}));
        for (const size_t kind : {g % 2, 1 - g % 2}) {
          const double start = CpuSeconds();
          (kind == 0 ? ReadOneByOne : ReadInBatches)(*database, options, keys, bytes[kind]);
          seconds[kind] += CpuSeconds() - start;
        }
      }
      if (bytes[0] != bytes[1] || bytes[0] == 0) return absl::DataLossError("a chunk is missing");
      const double chunks = static_cast<double>(gathers * keys_per_gather);
      absl::PrintF(
          "{\"benchmark\": \"chunk_reads\", \"keys\": %d, \"round\": %d, "
          "\"get_cpu_us_per_chunk\": %.2f, \"multi_get_cpu_us_per_chunk\": %.2f, "
          "\"multi_get_ratio\": %.3f}\n",
          keys_per_gather, round, 1e6 * seconds[0] / chunks, 1e6 * seconds[1] / chunks,
          seconds[1] / seconds[0]);
    }
  }
  return absl::OkStatus();
}

// Bytes of the rows of columns of a quarter of the data each. Chunks of several sizes leave holes
// in the cache's memory.
constexpr size_t kColumns = 4;
using RowBytes = std::array<int64_t, kColumns>;
constexpr RowBytes kOneSize = {512, 512, 512, 512};
constexpr RowBytes kFourSizes = {512, 516, 3000, 4100};
constexpr int64_t kGatherRows = 2048;

absl::StatusOr<std::vector<ColumnStorage>> FillColumns(ChunkStore& store, const RowBytes& row_bytes,
                                                       int64_t bytes) {
  std::vector<ColumnStorage> columns;
  std::mt19937_64 rng(1);
  for (const int64_t width : row_bytes) {
    std::string row(static_cast<size_t>(width), '\0');
    ColumnWriter writer(store, columns.size() + 1, width, ChunkBytesOfLookups(width, kChunkBytes));
    for (int64_t r = 0; r < bytes / width; ++r) {
      for (size_t k = 0; k < row.size(); k += 2) row[k] = static_cast<char>(rng());
      GF_RETURN_IF_ERROR(writer.Append(1, row));
    }
    GF_RETURN_IF_ERROR(writer.Finish());
    columns.push_back(writer.stored().storage);
  }
  return columns;
}

// CPU seconds that `threads` threads take, each for `work(thread)`.
template <typename Work>
double Timed(int threads, Work work) {
  const double start = CpuSeconds();
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) pool.emplace_back(work, t);
  for (std::thread& thread : pool) thread.join();
  return CpuSeconds() - start;
}

absl::Status CompareMisses(const std::string& folder, const RowBytes& row_bytes) {
  GF_ASSIGN_OR_RETURN(const auto store, OpenRocksDbChunkStore(folder));
  GF_RETURN_IF_ERROR(store->StartWriting());
  const int64_t quarter = absl::GetFlag(FLAGS_chunks) * static_cast<int64_t>(kChunkBytes) / 4;
  GF_ASSIGN_OR_RETURN(const std::vector<ColumnStorage> storages,
                      FillColumns(*store, row_bytes, quarter));
  ChunkCache cache(*store, quarter);
  std::vector<std::shared_ptr<ChunkCache::Column>> columns;
  for (const ColumnStorage& storage : storages) columns.push_back(cache.Open(storage));
  const int64_t gathers = absl::GetFlag(FLAGS_reads) / kGatherRows;
  std::atomic<bool> failed{false};
  std::atomic<uint64_t> seed{0};  // the same rows once more would be in the cache
  const auto gather = [&](int) {
    std::mt19937_64 rng(++seed);
    std::vector<int64_t> rows(kGatherRows);
    std::vector<std::byte> out;
    for (int64_t g = 0; g < gathers; ++g) {
      const size_t c = static_cast<size_t>(g) % kColumns;
      for (int64_t& row : rows) {
        row = static_cast<int64_t>(rng() % static_cast<uint64_t>(storages[c].num_rows));
      }
      out.resize(rows.size() * static_cast<size_t>(row_bytes[c]));
      if (!cache.GatherRows(*columns[c], rows, out.data()).ok()) failed = true;
    }
  };
  const auto read = [&](int64_t chunks) {
    return [&failed, &seed, &store, &storages, chunks](int) {
      std::mt19937_64 rng(++seed);
      std::vector<ChunkKey> keys;
      std::string buffer(2 * kChunkBytes, '\0');
      size_t c = 0;
      for (int64_t left = chunks; left > 0; left -= std::ssize(keys)) {
        c = (c + 1) % kColumns;
        const auto num_chunks = static_cast<uint64_t>(storages[c].num_chunks());
        keys.resize(static_cast<size_t>(std::min<int64_t>(left, 512)));
        for (ChunkKey& key : keys) {
          key = {storages[c].uid, static_cast<uint32_t>(rng() % num_chunks)};
        }
        std::sort(keys.begin(), keys.end());
        store->ReadChunks(keys, [&](size_t, absl::StatusOr<absl::string_view> value) {
          if (!value.ok()) {
            failed = true;
          } else {
            value->copy(buffer.data(), value->size());
          }
        });
      }
    };
  };
  Timed(1, gather);  // the cache fills
  for (const int threads : {1, 2, 4}) {
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      const ChunkCache::Stats before = cache.stats();
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      const int64_t switches = usage.ru_nvcsw;
      const int64_t faults = usage.ru_minflt;
      const double cached = Timed(threads, gather);
      getrusage(RUSAGE_SELF, &usage);
      const int64_t misses = cache.stats().misses - before.misses;
      const double bare = Timed(threads, read(misses / threads));
      if (failed) return absl::DataLossError("a chunk could not be read");
      const auto count = static_cast<double>(misses);
      absl::PrintF(
          "{\"benchmark\": \"chunk_misses\", \"sizes\": %d, \"threads\": %d, \"round\": %d, "
          "\"misses\": %d, "
          "\"cpu_us_per_miss\": %.2f, \"bare_read_cpu_us\": %.2f, \"ratio\": %.3f, "
          "\"voluntary_switches\": %d, \"page_faults\": %d}\n",
          row_bytes == kOneSize ? 1 : kColumns, threads, round, misses, 1e6 * cached / count,
          1e6 * bare / count, cached / bare, usage.ru_nvcsw - switches, usage.ru_minflt - faults);
    }
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& folder) {
  GF_RETURN_IF_ERROR(Fill(folder + "/reads", absl::GetFlag(FLAGS_chunks)));
  GF_RETURN_IF_ERROR(CompareReads(folder + "/reads"));
  GF_RETURN_IF_ERROR(CompareMisses(folder + "/one_size", kOneSize));
  return CompareMisses(folder + "/four_sizes", kFourSizes);
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const auto folder =
      std::filesystem::temp_directory_path() / absl::StrCat("chunk_read_benchmark.", getpid());
  const absl::Status status = graphfeed::Run(folder.string());
  std::filesystem::remove_all(folder);
  if (!status.ok()) absl::FPrintF(stderr, "%s\n", status.ToString());
  return status.ok() ? 0 : 1;
}
