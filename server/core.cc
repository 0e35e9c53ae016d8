#include "server/core.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "proto/frame/slab.h"
#include "server/sharing/slab_ring.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/disk_errors.h"
#include "storage/chunks/open_store.h"

namespace graphfeed {
namespace {

int BuildThreads(const ServerConfig& config) {
  if (config.build_threads > 0) return static_cast<int>(config.build_threads);
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

// Plans, estimates and recipes compete with frames for the processors, so there are no more of them
// than are needed: two, so that an estimate of a thousand batches does not stand before the plan of
// a stream's next epoch.
constexpr int kPlanningThreads = 2;

}  // namespace

absl::StatusOr<std::unique_ptr<ServerCore>> ServerCore::Open(const ServerConfig& config,
                                                             const ChunkStoreOptions& store,
                                                             StreamFilter filter, TaskGate* gate) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> opened, OpenStore(config.data_dir, store));
  const bool read_only = opened->read_only();
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog,
                      Catalog::Open(std::move(opened), {.memory_budget_bytes = config.memory_budget,
                                                        .ingest_memory_bytes = config.ingest_memory,
                                                        .sweep_after = config.sweep_after}));
  return std::unique_ptr<ServerCore>(
      new ServerCore(config, std::move(catalog), read_only, std::move(filter), gate));
}

ServerCore::ServerCore(ServerConfig server_config, std::unique_ptr<Catalog> open_catalog,
                       bool is_read_only, StreamFilter filter, TaskGate* gate)
    : config(std::move(server_config)),
      catalog(std::move(open_catalog)),
      read_only(is_read_only),
      admission("streams", config.slab_memory, config.max_streams),
      ingest_admission("ingests", 0, config.max_ingests),
      export_admission("exports", 0, config.max_ingests),
      maker(*catalog, metrics, admission, config.max_frame_bytes, config.plan_memory,
            BuildThreads(config) + kPlanningThreads),
      calls(metrics, config.request_memory,
            config.max_streams + 2 * config.max_ingests + kOtherCalls),
      build_pool(std::make_unique<ThreadPool>(BuildThreads(config), gate)),
      planning_pool(std::make_unique<ThreadPool>(kPlanningThreads, gate)),
      workers({.max_workers = config.max_workers,
               .forget_after = config.forget_workers_after,
               .on_advance =
                   [this](const WorkerReport& difference) { metrics.WorkerAdvanced(difference); }}),
      handlers(*catalog, maker, admission, *build_pool, workers,
               {.snapshot_dir = config.snapshot_dir,
                .partition_memory = config.partition_memory,
                .partition_program = config.partition_program}),
      ingest_pool(std::make_unique<ThreadPool>(static_cast<int>(config.ingest_threads), gate)),
      partition_pool(std::make_unique<ThreadPool>(1, gate)),
      streams{.calls = calls,
              .build_pool = *build_pool,
              .planning_pool = *planning_pool,
              .maker = maker,
              .admission = admission,
              .prefetch = {.default_frames = static_cast<uint32_t>(config.default_prefetch),
                           .max_frames = static_cast<uint32_t>(config.max_prefetch)},
              .filter = std::move(filter)},
      ingests{.calls = calls,
              .pool = *ingest_pool,
              .catalog = *catalog,
              .admission = ingest_admission,
              .max_message_bytes = config.ingest_memory,
              .idle_timeout = config.ingest_idle_timeout},
      exports{
          .calls = calls, .pool = *build_pool, .catalog = *catalog, .admission = export_admission} {
  metrics.AddReadings([this] { return Readings(); });
}

void ServerCore::StopPools() {
  planning_pool.reset();
  build_pool.reset();
  ingest_pool.reset();
  partition_pool.reset();
}

std::vector<Metrics::Reading> ServerCore::Readings() {
  const StorageStats stats = catalog->stats();
  const WorkerRegistry::Count known_workers = workers.Size();
  auto counter = [](const char* name, const char* help, int64_t value) {
    return Metrics::Reading{.name = name,
                            .help = help,
                            .counter = true,
                            .label = "",
                            .values = {{"", static_cast<double>(value)}}};
  };
  auto gauge = [&](const char* name, const char* help, int64_t value) {
    Metrics::Reading reading = counter(name, help, value);
    reading.counter = false;
    return reading;
  };
  return {
      {.name = "graphfeed_memory_bytes",
       .help = "Memory by use.",
       .counter = false,
       .label = "use",
       .values = {{"chunk_cache", static_cast<double>(stats.cached_bytes)},
                  {"chunk_tables", static_cast<double>(stats.chunk_table_bytes)},
                  {"slabs", static_cast<double>(SlabPool::TotalBytes())},
                  {"slabs_reserved", static_cast<double>(admission.reserved_bytes())},
                  {"slabs_kept", static_cast<double>(SlabRing::KeptBytes())},
                  {"seeds", static_cast<double>(maker.seed_bytes())},
                  {"sampler_tables", static_cast<double>(maker.sampler_table_bytes())},
                  {"plans", static_cast<double>(maker.plan_bytes())},
                  {"offsets", static_cast<double>(stats.offsets_bytes)},
                  {"ingest", static_cast<double>(stats.ingest_bytes)},
                  {"partition", static_cast<double>(handlers.partition_bytes())},
                  {"requests", static_cast<double>(calls.request_bytes())}}},
      {.name = "graphfeed_memory_limit_bytes",
       .help = "Limits of memory by use.",
       .counter = false,
       .label = "use",
       .values = {{"chunk_cache", static_cast<double>(stats.memory_budget_bytes)},
                  {"slabs_reserved", static_cast<double>(admission.capacity_bytes())},
                  {"plans", static_cast<double>(config.plan_memory)},
                  {"partition", static_cast<double>(config.partition_memory)},
                  {"requests", static_cast<double>(calls.request_capacity_bytes())}}},
      gauge("graphfeed_stored_bytes", "Bytes on disk.", stats.stored_bytes),
      gauge("graphfeed_set_aside_columns", "Columns that no version uses, until they are removed.",
            stats.set_aside_columns),
      counter("graphfeed_disk_full_total", "Writes to the data folder that failed: it was full.",
              DiskFullErrors()),
      gauge("graphfeed_build_queue_length", "Tasks that wait for a build thread.",
            static_cast<int64_t>(build_pool == nullptr ? 0 : build_pool->queue_length())),
      gauge("graphfeed_planning_queue_length", "Tasks that wait for a planning thread.",
            static_cast<int64_t>(planning_pool == nullptr ? 0 : planning_pool->queue_length())),
      counter("graphfeed_chunk_hits_total", "Chunks found in memory.", stats.chunk_hits),
      counter("graphfeed_chunk_misses_total", "Chunks read from the store.", stats.chunk_misses),
      counter("graphfeed_chunk_evictions_total", "Chunks dropped from memory for others.",
              stats.chunk_evictions),
      counter("graphfeed_chunk_read_bytes_total", "Bytes of chunks read from the store.",
              stats.chunk_read_bytes),
      {.name = "graphfeed_workers",
       .help = "Workers that report, and those that have stopped and are not forgotten yet.",
       .counter = false,
       .label = "state",
       .values = {{"alive", static_cast<double>(known_workers.alive)},
                  {"gone", static_cast<double>(known_workers.gone)}}},
  };
}

}  // namespace graphfeed
