#include "server/core.h"

#include <algorithm>
#include <cstdint>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/frame/server_info.h"
#include "proto/passage/passage.h"
#include "server/readings.h"
#include "server/rpc/methods.h"
#include "server/serving/retention.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/cached_store.h"
#include "storage/chunks/open_store.h"

namespace graphfeed {
namespace {

// A thread that builds waits for the rows that it has asked for. Where they come over a network,
// others use the processor meanwhile (measured: docs/scale_out.md).
constexpr int kBuildThreadsOverNetwork = 4;

int BuildThreads(const ServerConfig& config) {
  if (config.build_threads > 0) return static_cast<int>(config.build_threads);
  const int processors = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return config.store.empty() ? processors : processors * kBuildThreadsOverNetwork;
}

// Plans, estimates and recipes compete with frames for the processors, so there are no more of them
// than are needed: two, so that an estimate of a thousand batches does not stand before the plan of
// a stream's next epoch.
constexpr int kPlanningThreads = 2;

// 0: for ever.
StreamLimits::Duration Limit(absl::Duration time) {
  return time == absl::ZeroDuration() ? StreamLimits::Duration::max()
                                      : absl::ToChronoNanoseconds(time);
}

// Answers are read at once, but for long ones over slow connections.
absl::Duration UnreadAnswers(const ServerConfig& config) {
  constexpr absl::Duration kLongest = absl::Minutes(10);
  const absl::Duration idle = config.stream_idle_timeout;
  return idle == absl::ZeroDuration() ? kLongest : std::min(idle, kLongest);
}

StreamLimits Limits(const ServerConfig& config) {
  return {.max_age = Limit(config.stream_max_age), .max_idle = Limit(config.stream_idle_timeout)};
}

// Why clients change nothing here; empty: they may.
std::string ReplicaFlag(const ServerConfig& config) {
  if (!config.follow.empty()) return absl::StrCat("--follow ", config.follow);
  return config.read_only ? "--read-only on" : "";
}

ServerInfo Info(const ServerConfig& config, const Catalog& catalog, bool read_only) {
  const EngineInfo kind = catalog.store_kind();
  ServerInfo info;
  info.version = ServerVersion();
  info.store = kind.engine;
  info.storage_format = static_cast<uint32_t>(kind.format);
  if (config.shared_memory && passage::SocketOf(config.listen).has_value()) {
    info.features.emplace_back("shared_memory");
  }
  if (!config.snapshot_dir.empty()) info.features.emplace_back("snapshots");
  if (read_only || !ReplicaFlag(config).empty()) info.features.emplace_back("read_only");
  return info;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ServerCore>> ServerCore::Open(const ServerConfig& config,
                                                             const ChunkStoreOptions& store,
                                                             StreamFilter filter, TaskGate* gate,
                                                             EventLog* log) {
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> opened, OpenStore(StorePlace(config), store));
  const bool read_only = opened->read_only();
  const int64_t index_bytes = DiskCacheIndexBytes(config);
  if (!config.cache_dir.empty()) {
    GF_ASSIGN_OR_RETURN(opened,
                        WithDiskCache(std::move(opened), {.dir = config.cache_dir,
                                                          .capacity_bytes = config.cache_disk,
                                                          .index_bytes = index_bytes}));
  }
  GF_ASSIGN_OR_RETURN(
      std::unique_ptr<Catalog> catalog,
      Catalog::Open(std::move(opened), {.memory_budget_bytes = config.memory_budget - index_bytes,
                                        .ingest_memory_bytes = config.ingest_memory,
                                        .sweep_after = config.sweep_after,
                                        .listens = true}));
  std::unique_ptr<ServerCore> core(
      new ServerCore(config, std::move(catalog), read_only, std::move(filter), gate, log));
  GF_RETURN_IF_ERROR(core->access.Reload());
  core->NameSeries();
  return core;
}

ServerCore::ServerCore(ServerConfig server_config, std::unique_ptr<Catalog> open_catalog,
                       bool is_read_only, StreamFilter filter, TaskGate* gate, EventLog* event_log)
    : config(std::move(server_config)),
      log(event_log),
      catalog(std::move(open_catalog)),
      read_only(is_read_only),
      access(config.access),
      metrics({.methods = GraphFeedMethods(),
               .version = ServerVersion(),
               .storage_format = catalog->store_kind().format}),
      rules({.replica = ReplicaFlag(config),
             .data_dir = config.data_dir,
             .pins = ParsePins(config.pin).value_or(std::vector<std::string>()),
             .min_free_bytes = config.store.empty() ? config.min_free_disk : 0}),
      admission("streams", config.slab_memory, config.max_streams, "slab-memory", "max-streams"),
      ingest_admission("ingests", 0, config.max_ingests, "slab-memory", "max-ingests"),
      export_admission("exports", 0, config.max_ingests, "slab-memory", "max-ingests"),
      maker(*catalog, metrics, admission, config.max_frame_bytes, config.plan_memory,
            BuildThreads(config) + kPlanningThreads, log, config.slow_build),
      build_pool(std::make_unique<ThreadPool>(BuildThreads(config), gate)),
      planning_pool(std::make_unique<ThreadPool>(kPlanningThreads, gate)),
      tenants(*build_pool, *planning_pool),
      calls(metrics, access, tenants, config.request_memory,
            config.max_streams + 2 * config.max_ingests + kOtherCalls, log),
      timer(std::make_unique<Timer>(gate)),
      room(admission, *timer, *planning_pool,
           {.wait = absl::ToChronoNanoseconds(config.stream_wait),
            .streams = [this] { return calls.streams(); },
            .on_waited = [this](Timer::Clock::duration time) { metrics.StreamWaited(time); }}),
      workers({.max_workers = config.max_workers,
               .forget_after = config.forget_workers_after,
               .on_advance =
                   [this](const WorkerReport& difference) { metrics.WorkerAdvanced(difference); }}),
      handlers(*catalog, maker, admission, *build_pool, workers, rules,
               {.snapshot_dir = config.snapshot_dir,
                .partition_memory = config.partition_memory,
                .partition_program = config.partition_program,
                .unread_answers = UnreadAnswers(config),
                .info = Info(config, *catalog, read_only),
                .load =
                    [this] {
                      return ServerLoad{.streams = calls.num_streams(),
                                        .max_streams = config.max_streams,
                                        .waiting = room.num_waiting()};
                    }}),
      ingest_pool(std::make_unique<ThreadPool>(static_cast<int>(config.ingest_threads), gate)),
      partition_pool(std::make_unique<ThreadPool>(1, gate)),
      streams{.calls = calls,
              .maker = maker,
              .room = room,
              .prefetch = {.default_frames = static_cast<uint32_t>(config.default_prefetch),
                           .max_frames = static_cast<uint32_t>(config.max_prefetch)},
              .filter = std::move(filter),
              .limits = Limits(config)},
      ingests{.calls = calls,
              .pool = *ingest_pool,
              .catalog = *catalog,
              .admission = ingest_admission,
              .idle_timeout = config.ingest_idle_timeout,
              .rules = &rules,
              .max_message_bytes = config.ingest_memory},
      exports{.calls = calls,
              .pool = *build_pool,
              .catalog = *catalog,
              .admission = export_admission,
              .idle_timeout = config.ingest_idle_timeout} {
  metrics.AddReadings([this]() -> std::vector<Metrics::Reading> {
    return ReadAll({.config = config,
                    .catalog = *catalog,
                    .rules = rules,
                    .slabs = admission,
                    .room = room,
                    .maker = maker,
                    .calls = calls,
                    .handlers = handlers,
                    .workers = workers,
                    .build_pool = build_pool.get(),
                    .planning_pool = planning_pool.get(),
                    .build_threads = BuildThreads(config)});
  });
  if (log == nullptr) return;
  metrics.AddReadings([this]() -> std::vector<Metrics::Reading> {
    return {{.name = "graphfeed_log_dropped_lines_total",
             .help = "Lines of the log that nobody read in time.",
             .counter = true,
             .label = "",
             .values = {{"", static_cast<double>(log->dropped())}}}};
  });
}

void ServerCore::NameSeries() {
  for (const std::string& name : access.names()) metrics.tenants().Of(name);
  for (const DatasetInfo& info : catalog->List()) metrics.datasets().Of(info.name);
}

void ServerCore::AccessChanged() {
  NameSeries();
  calls.EndStreamsOfChangedCallers();
}

void ServerCore::ForgetDeleted() {
  for (const Fingerprint& gone : catalog->DeletedButOpen()) maker.Forget(gone);
}

void ServerCore::EndIdleStreams() {
  const absl::Duration timeout = config.stream_idle_timeout;
  if (timeout == absl::ZeroDuration()) return;
  const absl::Duration pause =
      std::clamp(timeout / 10, absl::Milliseconds(10), absl::Duration(absl::Seconds(10)));
  timer->After(absl::ToChronoNanoseconds(pause), [this] {
    for (const std::shared_ptr<FrameStream>& stream : calls.streams()) stream->EndIfIdle();
    EndIdleStreams();
  });
}

void ServerCore::StopPools() {
  room.Close();
  timer->Stop();  // it stays for tasks that are just running, and ask for more
  planning_pool.reset();
  build_pool.reset();
  ingest_pool.reset();
  partition_pool.reset();
}

}  // namespace graphfeed
