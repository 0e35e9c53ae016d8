#include "server/readings.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/exposition/process_stats.h"
#include "proto/frame/slab.h"
#include "server/sharing/slab_ring.h"
#include "storage/chunks/disk_errors.h"

namespace graphfeed {
namespace {

using Readings = std::vector<Metrics::Reading>;

Metrics::Reading Single(std::string name, std::string help, bool counter, double value) {
  return {.name = std::move(name),
          .help = std::move(help),
          .counter = counter,
          .label = "",
          .values = {{"", value}}};
}

Metrics::Reading Counter(std::string name, std::string help, int64_t value) {
  return Single(std::move(name), std::move(help), true, static_cast<double>(value));
}

Metrics::Reading Gauge(std::string name, std::string help, int64_t value) {
  return Single(std::move(name), std::move(help), false, static_cast<double>(value));
}

// Memory that one flag, or none, bounds.
struct MemoryUse {
  const char* use;
  int64_t used = 0;
  int64_t reserved = 0;  // what is promised, and used or not
  int64_t limit = -1;    // -1: none
};

void AddMemory(const ReadingSources& of, const StorageStats& stats, Readings& readings) {
  const int64_t chunks = stats.cached_bytes + stats.chunk_table_bytes;
  const int64_t slabs = SlabPool::TotalBytes();
  const int64_t seeds = of.maker.seed_bytes();
  const int64_t tables = of.maker.sampler_table_bytes();
  const int64_t plans = of.maker.plan_bytes();
  const int64_t partition = of.handlers.partition_bytes();
  const int64_t requests = of.calls.request_bytes();
  std::vector<MemoryUse> uses = {
      {"chunks", chunks, chunks, stats.memory_budget_bytes},
      {"frames", slabs + seeds + tables, of.slabs.reserved_bytes(), of.slabs.capacity_bytes()},
      {"plans", plans, plans, of.config.plan_memory},
      {"offsets", stats.offsets_bytes, stats.offsets_bytes},
      {"ingest", stats.ingest_bytes, stats.ingest_bytes,
       of.config.ingest_memory * of.config.max_ingests},
      {"partition", partition, partition, of.config.partition_memory},
      {"requests", requests, requests, of.calls.request_capacity_bytes()},
  };
  if (stats.store.disk_cache.has_value()) {
    const int64_t index = stats.store.disk_cache->index_bytes;
    uses.push_back({"disk_cache", index, index, DiskCacheIndexBytes(of.config)});
  }
  const auto family = [](const char* name, const char* help) {
    return Metrics::Reading{
        .name = name, .help = help, .counter = false, .label = "use", .values = {}};
  };
  Metrics::Reading used =
      family("graphfeed_memory_used_bytes", "Memory in use; no byte is in two uses.");
  Metrics::Reading reserved =
      family("graphfeed_memory_reserved_bytes",
             "Memory that has been promised, in use or not; where nothing is promised, in use.");
  Metrics::Reading limit =
      family("graphfeed_memory_limit_bytes", "What may be reserved; offsets have no limit.");
  for (const MemoryUse& use : uses) {
    used.values.emplace_back(use.use, static_cast<double>(use.used));
    reserved.values.emplace_back(use.use, static_cast<double>(use.reserved));
    if (use.limit >= 0) limit.values.emplace_back(use.use, static_cast<double>(use.limit));
  }
  readings.push_back(std::move(used));
  readings.push_back(std::move(reserved));
  readings.push_back(std::move(limit));
  readings.push_back({.name = "graphfeed_memory_part_bytes",
                      .help = "Parts of what graphfeed_memory_used_bytes counts for chunks (the "
                              "first two) and frames; slabs_kept is within slabs.",
                      .counter = false,
                      .label = "part",
                      .values = {{"chunk_cache", static_cast<double>(stats.cached_bytes)},
                                 {"chunk_tables", static_cast<double>(stats.chunk_table_bytes)},
                                 {"slabs", static_cast<double>(slabs)},
                                 {"slabs_kept", static_cast<double>(SlabRing::KeptBytes())},
                                 {"seeds", static_cast<double>(seeds)},
                                 {"sampler_tables", static_cast<double>(tables)}}});
}

void AddStorage(const ReadingSources& of, const StorageStats& stats, Readings& readings) {
  readings.push_back(Gauge("graphfeed_datasets", "Names of datasets.", stats.datasets));
  readings.push_back(
      Gauge("graphfeed_dataset_versions", "Versions of all datasets.", stats.versions));
  readings.push_back(Gauge("graphfeed_stored_bytes", "Bytes on disk.", stats.stored_bytes));
  if (stats.store.free_bytes.has_value()) {
    readings.push_back(Gauge("graphfeed_disk_free_bytes",
                             "Room on the data folder's file system for this process.",
                             *stats.store.free_bytes));
  }
  if (stats.store.total_bytes.has_value()) {
    readings.push_back(Gauge("graphfeed_disk_size_bytes", "Size of the data folder's file system.",
                             *stats.store.total_bytes));
  }
  readings.push_back(Gauge("graphfeed_set_aside_columns",
                           "Columns that no version uses, until they are removed.",
                           stats.set_aside_columns));
  readings.push_back(Counter("graphfeed_disk_full_total",
                             "Writes to the data folder that failed: it was full.",
                             DiskFullErrors()));
  readings.push_back(Gauge("graphfeed_min_free_disk_bytes",
                           "Free disk below which nothing that takes room is begun; 0: none.",
                           of.rules.min_free_bytes()));
  readings.push_back(Counter("graphfeed_disk_low_refusals_total",
                             "What was refused or ended because less than that was free.",
                             of.rules.refusals()));
  readings.push_back(
      Counter("graphfeed_chunk_hits_total", "Chunks found in memory.", stats.chunk_hits));
  readings.push_back(
      Counter("graphfeed_chunk_misses_total", "Chunks read from the store.", stats.chunk_misses));
  readings.push_back(Counter("graphfeed_chunk_evictions_total",
                             "Chunks dropped from memory for others.", stats.chunk_evictions));
  readings.push_back(Counter("graphfeed_chunk_read_bytes_total",
                             "Bytes of chunks read from the store.", stats.chunk_read_bytes));
  const std::string engine = of.catalog.store_kind().engine;
  for (const StoreStats::Count& count : stats.store.counts) {
    readings.push_back(Single(absl::StrCat("graphfeed_", engine, "_", count.name), count.help,
                              count.counter, count.value));
  }
}

void AddDiskCache(const StoreStats::DiskCache& cache, Readings& readings) {
  const auto count = [&](const char* name, const char* help, int64_t value) {
    readings.push_back(Counter(absl::StrCat("graphfeed_disk_cache_", name), help, value));
  };
  const auto gauge = [&](const char* name, const char* help, int64_t value) {
    readings.push_back(Gauge(absl::StrCat("graphfeed_disk_cache_", name), help, value));
  };
  count("hits_total", "Chunks, not in memory, that were found on the local disk.", cache.hits);
  count("misses_total", "Chunks that were found neither in memory nor on it.", cache.misses);
  count("dropped_chunks_total", "Chunks that were not kept there: writing did not keep pace.",
        cache.dropped);
  count("damaged_chunks_total", "Chunks there that were not what had been written; misses too.",
        cache.damaged);
  count("errors_total", "Reads and writes there that failed.", cache.errors);
  gauge("bytes", "Bytes of chunks there.", cache.bytes);
  gauge("capacity_bytes", "What --cache-disk allows.", cache.capacity_bytes);
  gauge("filling", "1, or 0 while nothing more is kept there: the last write failed.",
        cache.filling ? 1 : 0);
}

int64_t QueueLength(const ThreadPool* pool) {
  return pool == nullptr ? 0 : static_cast<int64_t>(pool->queue_length());
}

}  // namespace

int64_t DiskCacheIndexBytes(const ServerConfig& config) {
  return config.cache_dir.empty() ? 0 : config.memory_budget / 8;
}

std::vector<Metrics::Reading> ReadAll(const ReadingSources& sources) {
  const StorageStats stats = sources.catalog.stats();
  const WorkerRegistry::Count workers = sources.workers.Size();
  Readings readings;
  AddMemory(sources, stats, readings);
  AddStorage(sources, stats, readings);
  if (stats.store.disk_cache.has_value()) AddDiskCache(*stats.store.disk_cache, readings);
  readings.push_back(Gauge("graphfeed_max_streams", "Streams beyond which more are refused.",
                           sources.config.max_streams));
  readings.push_back(Gauge("graphfeed_streams_waiting", "New streams that wait for room.",
                           sources.room.num_waiting()));
  readings.push_back(
      Gauge("graphfeed_build_threads", "Threads that build frames.", sources.build_threads));
  readings.push_back(Gauge("graphfeed_build_queue_length", "Tasks that wait for a build thread.",
                           QueueLength(sources.build_pool)));
  readings.push_back(Gauge("graphfeed_planning_queue_length",
                           "Tasks that wait for a planning thread.",
                           QueueLength(sources.planning_pool)));
  readings.push_back({.name = "graphfeed_workers",
                      .help = "Workers that report, and those that have stopped and are not "
                              "forgotten yet.",
                      .counter = false,
                      .label = "state",
                      .values = {{"alive", static_cast<double>(workers.alive)},
                                 {"gone", static_cast<double>(workers.gone)}}});
  for (const ProcessStat& stat : ProcessStats()) {
    readings.push_back(Single(stat.name, stat.help, stat.counter, stat.value));
  }
  return readings;
}

}  // namespace graphfeed
