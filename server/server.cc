#include "server/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "grpc/grpc.h"
#include "grpc/support/log.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "proto/frame/server_info.h"
#include "proto/passage/passage.h"
#include "proto/wire/limits.h"
#include "server/health.h"
#include "server/metrics/metrics.h"
#include "server/readings.h"
#include "server/rpc/call.h"
#include "server/rpc/handlers.h"
#include "server/rpc/service.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "server/serving/task_queue.h"
#include "server/serving/worker_registry.h"
#include "server/sharing/slab_socket.h"
#include "server/store_watch.h"
#include "storage/base/status_macros.h"
#include "storage/catalog.h"
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

// Calls beside streams, ingests and exports.
constexpr int64_t kOtherCalls = 1000;

// What gRPC may hold of messages that are still coming in; beyond it gRPC ends calls. Calls and
// connections take some of it, too.
constexpr int64_t kReceiveBaseBytes = int64_t{64} << 20;
// Reflection is gRPC's own: a call of it holds a thread.
constexpr int kMaxReflectionThreads = 16;

int MaxMessageBytes(const ServerConfig& config) {
  return static_cast<int>(std::min<int64_t>(
      wire::kMaxMessageBytes, std::max(config.ingest_memory, wire::kMaxRequestBytes)));
}

void BoundReceivedMemory(const ServerConfig& config, grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("graphfeed");
  quota.Resize(static_cast<size_t>(kReceiveBaseBytes + config.request_memory +
                                   config.max_ingests * MaxMessageBytes(config)));
  quota.SetMaxThreads(kMaxReflectionThreads);
  builder.SetResourceQuota(quota);
}

void ConfigureChannels(const ServerConfig& config, grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(MaxMessageBytes(config));
  builder.SetMaxSendMessageSize(-1);  // frames are bounded by the request
  BoundReceivedMemory(config, builder);
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  // Two servers on one port would share its connections without an error.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Clients may ask every second whether the connection is alive, also between streams.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 500);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // A host that vanished without a word is found out, and its streams' memory freed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // For frames of hundreds of kilobytes and more: measured in docs/operations.md.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 16777215);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, 1 << 20);
}

// gRPC 1.51 gives up accepting for good when descriptors run out, and says so in a line of its log
// alone. It is this process's: so are the descriptors.
std::atomic<bool> accepts_no_more{false};

void WatchLog(gpr_log_func_args* line) {
  const absl::string_view message(line->message);
  if (absl::StrContains(message, "Failed accept4") &&
      absl::StrContains(message, "Too many open files")) {
    accepts_no_more = true;
  }
  std::fprintf(stderr, "gRPC: %s:%d: %s\n", line->file, line->line, line->message);
}

absl::Status CheckAccepts() {
  if (!accepts_no_more) return absl::OkStatus();
  rlimit limit = {};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  return absl::ResourceExhaustedError(
      absl::StrCat("file descriptors ran out, of which this process may have ", limit.rlim_cur,
                   " (ulimit -n): no further connections can be accepted"));
}

// gRPC starts with the first server and stays until the process ends: the last shutdown would join
// a thread that sits in epoll_wait for up to 10 s (docs/decisions.md).
void KeepGrpc() {
  static absl::once_flag started;
  absl::call_once(started, [] {
    gpr_set_log_function(&WatchLog);
    grpc_init();
  });
}

ServerInfo Info(const ServerConfig& config, const Catalog& catalog, bool read_only) {
  const StoreKind kind = catalog.store_kind();
  ServerInfo info;
  info.version = ServerVersion();
  info.store = kind.engine;
  info.storage_format = static_cast<uint32_t>(kind.format);
  if (config.shared_memory && passage::SocketOf(config.listen).has_value()) {
    info.features.emplace_back("shared_memory");
  }
  if (!config.snapshot_dir.empty()) info.features.emplace_back("snapshots");
  if (read_only) info.features.emplace_back("read_only");
  return info;
}

}  // namespace

// Members in the order in which they depend on each other; destroyed in reverse.
struct Server::Impl {
  Impl(ServerConfig server_config, std::unique_ptr<Catalog> open_catalog, bool only_read,
       StreamFilter filter)
      : config(std::move(server_config)),
        catalog(std::move(open_catalog)),
        read_only(only_read),
        metrics({.methods = GraphFeedMethods(),
                 .version = ServerVersion(),
                 .storage_format = catalog->store_kind().format}),
        admission("streams", config.slab_memory, config.max_streams),
        ingest_admission("ingests", 0, config.max_ingests),
        export_admission("exports", 0, config.max_ingests),
        maker(*catalog, metrics, admission, config.max_frame_bytes, config.plan_memory,
              BuildThreads(config) + kPlanningThreads),
        calls(metrics, config.request_memory,
              config.max_streams + 2 * config.max_ingests + kOtherCalls),
        build_pool(std::make_unique<ThreadPool>(BuildThreads(config))),
        planning_pool(std::make_unique<ThreadPool>(kPlanningThreads)),
        workers(
            {.max_workers = config.max_workers,
             .forget_after = config.forget_workers_after,
             .on_advance =
                 [this](const WorkerReport& difference) { metrics.WorkerAdvanced(difference); }}),
        handlers(*catalog, maker, admission, *build_pool, workers,
                 {.snapshot_dir = config.snapshot_dir,
                  .partition_memory = config.partition_memory,
                  .partition_program = config.partition_program,
                  .info = Info(config, *catalog, read_only)}),
        ingest_pool(std::make_unique<ThreadPool>(static_cast<int>(config.ingest_threads))),
        partition_pool(std::make_unique<ThreadPool>(1)),
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
        exports{.calls = calls,
                .pool = *build_pool,
                .catalog = *catalog,
                .admission = export_admission} {
    metrics.AddReadings([this]() -> std::vector<Metrics::Reading> {
      return ReadAll({.config = config,
                      .catalog = *catalog,
                      .slabs = admission,
                      .maker = maker,
                      .calls = calls,
                      .handlers = handlers,
                      .workers = workers,
                      .health = health,
                      .build_pool = build_pool.get(),
                      .planning_pool = planning_pool.get(),
                      .build_threads = BuildThreads(config)});
    });
  }

  const ServerConfig config;
  const std::unique_ptr<Catalog> catalog;
  const bool read_only;
  Health health;
  Metrics metrics;
  Admission admission;
  Admission ingest_admission;
  Admission export_admission;
  BatchMaker maker;
  Calls calls;
  std::unique_ptr<ThreadPool> build_pool;
  std::unique_ptr<ThreadPool> planning_pool;  // posts to the build pool
  WorkerRegistry workers;
  Handlers handlers;
  std::unique_ptr<ThreadPool> ingest_pool;
  std::unique_ptr<ThreadPool> partition_pool;
  StreamContext streams;
  TransferContext ingests;
  TransferContext exports;
  std::unique_ptr<SlabSocket> sharing;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  int metrics_port = 0;
  std::unique_ptr<StoreWatch> watch;
  absl::once_flag shutdown;
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerConfig& config,
                                                      StreamFilter filter, OnFailure on_failure) {
  GF_RETURN_IF_ERROR(ValidateConfig(config));
  GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store,
                      OpenStore(config.data_dir, {.access = StoreAccess::kAsPermitted}));
  const bool read_only = store->read_only();
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog,
                      Catalog::Open(std::move(store), {.memory_budget_bytes = config.memory_budget,
                                                       .ingest_memory_bytes = config.ingest_memory,
                                                       .sweep_after = config.sweep_after}));
  auto impl = std::make_unique<Impl>(config, std::move(catalog), read_only, std::move(filter));

  KeepGrpc();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  impl->service = MakeGraphFeedService(impl->calls,
                                       {.build = *impl->build_pool,
                                        .planning = *impl->planning_pool,
                                        .ingest = *impl->ingest_pool,
                                        .partition = *impl->partition_pool},
                                       impl->handlers, impl->streams, impl->ingests, impl->exports);
  GF_RETURN_IF_ERROR(passage::CheckFree(config.listen));  // gRPC would take it over
  const std::optional<std::string> socket = passage::SocketOf(config.listen);
  if (config.shared_memory && socket.has_value()) {
    GF_ASSIGN_OR_RETURN(
        impl->sharing,
        SlabSocket::Listen(*socket, static_cast<size_t>(config.max_streams + kOtherCalls)));
    impl->streams.sharing = impl->sharing.get();
  }
  grpc::ServerBuilder builder;
  ConfigureChannels(config, builder);
  builder.AddListeningPort(config.listen, grpc::InsecureServerCredentials(), &impl->port);
  builder.RegisterService(impl->service.get());
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || impl->port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on \"", config.listen, "\""));
  }
  impl->health.Serve(*impl->server->GetHealthCheckService());

  Impl& running = *impl;
  impl->watch = std::make_unique<StoreWatch>(
      *impl->catalog, &CheckAccepts,
      [&running, on_failure = std::move(on_failure)](const absl::Status& status) {
        running.health.Fail(status);
        if (on_failure) on_failure(status);
      });

  std::unique_ptr<Server> server(new Server(std::move(impl)));
  if (!config.metrics_listen.empty()) {
    GF_ASSIGN_OR_RETURN(
        server->impl_->metrics_port,
        server->impl_->metrics.Listen(config.metrics_listen, server->impl_->health.Pages()));
  }
  return server;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(absl::Now() + impl_->config.drain_timeout); }

int Server::port() const { return impl_->port; }
bool Server::read_only() const { return impl_->read_only; }
int64_t Server::set_aside_columns() const { return impl_->catalog->stats().set_aside_columns; }
int Server::metrics_port() const { return impl_->metrics_port; }
std::string Server::MetricsText() const { return impl_->metrics.Text(); }

void Server::Shutdown(absl::Time deadline) {
  absl::call_once(impl_->shutdown, [&] {
    impl_->watch.reset();
    impl_->calls.Drain();
    impl_->health.Drain();
    impl_->calls.WaitUntilIdle(deadline);
    // What still runs are calls beyond the deadline, and watchers of our health: cancelled. Waits
    // for all reactors, which need the pools.
    impl_->server->Shutdown(std::chrono::system_clock::now());
    impl_->server->Wait();
    impl_->sharing.reset();          // with what clients still hold
    impl_->metrics.StopListening();  // scrapes read the pools
    impl_->planning_pool.reset();
    impl_->build_pool.reset();
    impl_->ingest_pool.reset();
    impl_->partition_pool.reset();
  });
}

}  // namespace graphfeed
