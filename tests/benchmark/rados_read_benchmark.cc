// Rows of 512 bytes read at random from a store in RADOS, in JSON lines; in turns in one run:
//   bare    librados alone: operations of 256 ranges of an object, 16 of them in flight
//   store   the same rows through ChunkStore::ReadChunks, with the chunks' checksums verified
//   gather  as a server does it, through a ChunkCache of a quarter of the rows
// --store names the place, which must be empty; what was written there is removed.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/cache.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/column_writer.h"
#include "storage/chunks/format.h"
#include "storage/chunks/open_store.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/column_entry.h"
#include "storage/chunks/rados/location.h"

ABSL_FLAG(std::string, store, "", "rados://POOL/NAMESPACE?conf=FILE&id=USER");
ABSL_FLAG(int, rows, 400'000, "in the store");
ABSL_FLAG(int, reads, 200'000, "rows read in each measurement");
ABSL_FLAG(int, rounds, 3, "measurements of each kind, in turns");

namespace graphfeed {
namespace {

constexpr int64_t kRowBytes = 512;
constexpr size_t kRanges = 256;
constexpr size_t kInFlight = 16;
constexpr size_t kGatherRows = 16'384;
constexpr size_t kChunkBytes = kChunkHeaderBytes + kRowBytes;
constexpr uint64_t kChunksPerObject = kObjectBytes / kChunkBytes;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::Status ReadBare(const RadosPool& pool, std::mt19937_64& rng) {
  const auto num_rows = static_cast<uint64_t>(absl::GetFlag(FLAGS_rows));
  const uint64_t num_objects = num_rows / kChunksPerObject;  // the whole ones
  std::vector<std::string> buffers(kInFlight, std::string(kRanges * kChunkBytes, '\0'));
  std::vector<std::vector<size_t>> read(kInFlight, std::vector<size_t>(kRanges));
  std::vector<std::vector<int>> results(kInFlight, std::vector<int>(kRanges));
  RadosCalls calls(pool);
  const auto start = [&](size_t slot) {
    ReadOp op = NewReadOp(pool);
    for (size_t i = 0; i < kRanges; ++i) {
      pool.api().rados_read_op_read(op.get(), rng() % kChunksPerObject * kChunkBytes, kChunkBytes,
                                    buffers[slot].data() + i * kChunkBytes, &read[slot][i],
                                    &results[slot][i]);
    }
    calls.Start(std::move(op), ObjectName(1, static_cast<int64_t>(rng() % num_objects)), slot);
  };
  auto left = static_cast<int64_t>(absl::GetFlag(FLAGS_reads) / kRanges);
  for (size_t slot = 0; slot < kInFlight && left > 0; ++slot, --left) start(slot);
  while (calls.in_flight() > 0) {
    const RadosCalls::Done done = calls.Next();
    GF_RETURN_IF_ERROR(done.status);
    if (left-- > 0) start(done.token);
  }
  return absl::OkStatus();
}

std::vector<int64_t> RandomRows(std::mt19937_64& rng) {
  std::vector<int64_t> rows(kGatherRows);
  for (int64_t& row : rows) row = static_cast<int64_t>(rng() % absl::GetFlag(FLAGS_rows));
  return rows;
}

absl::Status ReadStore(ChunkStore& store, std::mt19937_64& rng) {
  absl::Status status;
  for (size_t done = 0; done < static_cast<size_t>(absl::GetFlag(FLAGS_reads));
       done += kGatherRows) {
    std::vector<int64_t> rows = RandomRows(rng);
    std::sort(rows.begin(), rows.end());
    std::vector<ChunkKey> keys;
    keys.reserve(rows.size());
    for (const int64_t row : rows) keys.push_back({1, static_cast<uint32_t>(row)});
    store.ReadChunks(keys, [&](size_t i, absl::StatusOr<absl::string_view> value) {
      if (value.ok()) value = OpenChunk(keys[i], 1, kRowBytes, *value);
      status.Update(value.status());
    });
  }
  return status;
}

absl::Status Gather(ChunkCache& cache, ChunkCache::Column& column, std::mt19937_64& rng) {
  std::vector<std::byte> out(kGatherRows * kRowBytes);
  for (size_t done = 0; done < static_cast<size_t>(absl::GetFlag(FLAGS_reads));
       done += kGatherRows) {
    GF_RETURN_IF_ERROR(cache.GatherRows(column, RandomRows(rng), out.data()));
  }
  return absl::OkStatus();
}

absl::Status Run(const std::string& place) {
  GF_ASSIGN_OR_RETURN(const auto store, OpenStore(place));
  GF_RETURN_IF_ERROR(store->StartWriting());
  GF_ASSIGN_OR_RETURN(const RadosLocation location,
                      ParseRadosLocation(absl::StripPrefix(place, "rados://")));
  GF_ASSIGN_OR_RETURN(const auto pool, RadosPool::Connect(location, "records"));
  std::mt19937_64 rng(1);
  ColumnWriter writer(*store, 1, kRowBytes, kRowBytes);
  std::string row(kRowBytes, '\0');
  for (int i = 0; i < absl::GetFlag(FLAGS_rows); ++i) {
    for (size_t k = 0; k < row.size(); k += 2) row[k] = static_cast<char>(rng());
    GF_RETURN_IF_ERROR(writer.Append(1, row));
  }
  GF_RETURN_IF_ERROR(writer.Finish());
  ChunkCache cache(*store, int64_t{absl::GetFlag(FLAGS_rows)} * kRowBytes / 4);
  const auto column = cache.Open(writer.stored().storage);
  GF_RETURN_IF_ERROR(Gather(cache, *column, rng));  // fills it
  for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
    for (const char* kind : {"bare", "store", "gather"}) {
      const int64_t misses = cache.stats().misses;
      const double cpu = CpuSeconds();
      const auto begin = std::chrono::steady_clock::now();
      GF_RETURN_IF_ERROR(*kind == 'b'   ? ReadBare(*pool, rng)
                         : *kind == 's' ? ReadStore(*store, rng)
                                        : Gather(cache, *column, rng));
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
      const auto reads = static_cast<double>(absl::GetFlag(FLAGS_reads));
      absl::PrintF(
          "{\"benchmark\": \"rados_reads\", \"kind\": \"%s\", \"round\": %d, "
          "\"rows_per_s\": %.4g, \"client_cpu_us_per_row\": %.3f, \"missed_share\": %.3f}\n",
          kind, round, reads / seconds.count(), 1e6 * (CpuSeconds() - cpu) / reads,
          *kind == 'g' ? static_cast<double>(cache.stats().misses - misses) / reads : 1.0);
      std::fflush(stdout);
    }
  }
  return store->DeleteColumns({1});
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = graphfeed::Run(absl::GetFlag(FLAGS_store));
  if (!status.ok()) absl::FPrintF(stderr, "%s\n", status.ToString());
  return status.ok() ? 0 : 1;
}
