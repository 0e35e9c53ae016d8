#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "grpc/grpc.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "proto/passage/passage.h"
#include "proto/wire/limits.h"
#include "server/core.h"
#include "server/follow/follower.h"
#include "server/follow/source_client.h"
#include "server/grpc_log.h"
#include "server/health.h"
#include "server/rpc/credentials.h"
#include "server/rpc/service.h"
#include "server/sharing/slab_socket.h"
#include "server/start_line.h"
#include "server/store_watch.h"
#include "server/upkeep.h"
#include "storage/base/status_macros.h"
#include "storage/chunks/open_store.h"

namespace graphfeed {
namespace {

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

// Of one connection. Calls of which no message has come yet hold a place nowhere else.
int MaxCallsOfAConnection(const ServerConfig& config) {
  return static_cast<int>(std::min<int64_t>(
      config.max_streams + 2 * config.max_ingests + kOtherCalls, std::numeric_limits<int>::max()));
}

void ConfigureChannels(const ServerConfig& config, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, MaxCallsOfAConnection(config));
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

// By which the service describes itself to tools such as grpcurl: linking the library gives it to
// every server.
class NoReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    using Reflection = grpc::reflection::ProtoServerReflectionPlugin;
    std::erase_if(*plugins, [](const std::unique_ptr<grpc::ServerBuilderPlugin>& plugin) {
      return dynamic_cast<Reflection*>(plugin.get()) != nullptr;
    });
  }
};

// gRPC starts with the first server and stays until the process ends: the last shutdown would join
// a thread that sits in epoll_wait for up to 10 s (docs/decisions.md).
void KeepGrpc() {
  static absl::once_flag started;
  absl::call_once(started, [] {
    WatchGrpcLog();
    grpc_init();
  });
}

TlsFiles Tls(const ServerConfig& config) {
  return {.cert = config.tls_cert,
          .key = config.tls_key,
          .client_ca = config.tls_client_ca,
          .require_client = config.tls_client_cert == "require"};
}

// What was in force stays in force after an error.
void LogReload(EventLog* log, const char* what, const absl::StatusOr<bool>& reloaded) {
  if (log == nullptr || (reloaded.ok() && !*reloaded)) return;
  log->Audit({.action = "reload", .result = reloaded.status(), .details = {{"what", what}}});
}

ClientSecurity ToSource(const ServerConfig& config) {
  return {.root_ca = config.follow_root_ca,
          .cert = config.follow_cert,
          .key = config.follow_key,
          .token = "",
          .token_file = config.follow_token_file};
}

absl::Status NothingCompared() {
  return absl::UnavailableError("not in sync: nothing has been compared yet");
}

// Null for a server that follows none. `health` is told what comes of it.
std::unique_ptr<Follower> Follow(ServerCore& core, Health& health, EventLog* log) {
  const ServerConfig& config = core.config;
  if (config.follow.empty()) return nullptr;
  return std::make_unique<Follower>(
      FollowOptions{.security = ToSource(config),
                    .sources = absl::StrSplit(config.follow, ','),
                    .every = config.follow_every,
                    .max_lag = config.follow_max_lag,
                    .deletes = config.follow_deletes},
      *core.catalog, core.rules,
      Follower::Hooks{
          .on_pass = [&health](const absl::Status& in_sync) { health.SetInSync(in_sync); }},
      log);
}

}  // namespace

// Destroyed in reverse: what brings the calls goes first.
struct Server::Impl {
  explicit Impl(std::unique_ptr<ServerCore> open_core) : core(std::move(open_core)) {
    core->metrics.AddReadings([this]() -> std::vector<Metrics::Reading> {
      return {{.name = "graphfeed_ready",
               .help = "1: serves; 0: drains, is not in sync with what it follows, or has failed.",
               .counter = false,
               .label = "",
               .values = {{"", health.ready() ? 1.0 : 0.0}}}};
    });
    core->metrics.AddReadings([this]() -> std::vector<Metrics::Reading> {
      const std::optional<absl::Time> expires =
          credentials == nullptr ? std::nullopt : credentials->expires();
      return {
          {.name = "graphfeed_tls_certificate_expiry_timestamp_seconds",
           .help = "Until when the certificate that is shown is valid; 0: no TLS.",
           .counter = false,
           .label = "",
           .values = {{"", expires.has_value() ? absl::ToDoubleSeconds(*expires - absl::UnixEpoch())
                                               : 0.0}}}};
    });
    core->metrics.AddReadings([this] {
      return SyncReadings(started.load(std::memory_order_acquire) ? follower.get() : nullptr);
    });
    core->metrics.AddReadings([this] {
      return started.load(std::memory_order_acquire) ? upkeep->Readings()
                                                     : std::vector<Metrics::Reading>();
    });
  }
  // Of a start that failed, too: what is scraped reads what follows here.
  ~Impl() { core->metrics.StopListening(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const std::unique_ptr<ServerCore> core;
  Health health;
  std::unique_ptr<SlabSocket> sharing;
  std::unique_ptr<grpc::Service> service;
  std::unique_ptr<TlsCredentials> credentials;
  std::unique_ptr<grpc::Server> server;
  int port = 0;
  int metrics_port = 0;
  std::unique_ptr<Follower> follower;  // null unless the server follows another
  std::unique_ptr<Upkeep> upkeep;
  std::atomic<bool> started = false;  // follower and upkeep are there
  std::unique_ptr<StoreWatch> watch;
  absl::once_flag shutdown;
};

absl::Status Server::CheckFiles(const ServerConfig& config) {
  std::vector<std::string> problems;
  const auto check = [&](absl::string_view what, const absl::Status& status) {
    if (!status.ok()) problems.push_back(absl::StrCat(what, status.message()));
  };
  // One without the other is a mistake of the flags.
  if (config.tls_cert.empty() == config.tls_key.empty()) check("", CheckTlsFiles(Tls(config)));
  check("", AccessControl(config.access).Reload());
  if (!config.store.empty()) check("--store: ", CheckStorePlace(config.store));
  if (!config.follow.empty()) {
    check("--follow: ", CheckSourceFiles(ToSource(config)));
  }
  if (problems.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerConfig& config,
                                                      StreamFilter filter, OnFailure on_failure,
                                                      EventLog* log) {
  GF_RETURN_IF_ERROR(ValidateConfig(config));
  GF_RETURN_IF_ERROR(CheckFiles(config));
  GF_ASSIGN_OR_RETURN(
      std::unique_ptr<ServerCore> core,
      ServerCore::Open(config, {.access = StoreAccess::kAsPermitted}, std::move(filter),
                       /*gate=*/nullptr, log));
  auto impl = std::make_unique<Impl>(std::move(core));

  KeepGrpc();
  grpc::EnableDefaultHealthCheckService(true);
  const bool reflects =
      config.reflection == "on" || (config.reflection == "auto" && IsLocalAddress(config.listen));
  ServerCore& running = *impl->core;
  impl->service = MakeGraphFeedService(running.calls, running.pools(), running.handlers,
                                       running.streams, running.ingests, running.exports);
  GF_RETURN_IF_ERROR(passage::CheckFree(config.listen));  // gRPC would take it over
  const std::optional<std::string> socket = passage::SocketOf(config.listen);
  if (config.shared_memory && socket.has_value()) {
    GF_ASSIGN_OR_RETURN(
        impl->sharing,
        SlabSocket::Listen(*socket, static_cast<size_t>(config.max_streams + kOtherCalls)));
    running.streams.sharing = impl->sharing.get();
  }
  grpc::ServerBuilder builder;
  ConfigureChannels(config, builder);
  if (!reflects) builder.SetOption(std::make_unique<NoReflection>());

  GF_ASSIGN_OR_RETURN(impl->credentials, TlsCredentials::Open(Tls(config)));
  builder.AddListeningPort(config.listen, impl->credentials->ForServer(), &impl->port);
  builder.RegisterService(impl->service.get());
  // Nothing is served, and nothing removed, by a server that cannot have all of its ports.
  if (!config.metrics_listen.empty()) {
    GF_ASSIGN_OR_RETURN(impl->metrics_port,
                        running.metrics.Listen(config.metrics_listen, impl->health.Pages()));
  }
  if (!config.follow.empty()) impl->health.SetInSync(NothingCompared());
  impl->server = builder.BuildAndStart();
  if (impl->server == nullptr || impl->port == 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on \"", config.listen, "\""));
  }
  impl->health.Serve(*impl->server->GetHealthCheckService());
  impl->follower = Follow(running, impl->health, log);
  impl->upkeep = std::make_unique<Upkeep>(
      running.config, *running.catalog, running.rules,
      [&running](const Fingerprint& gone) { running.maker.Forget(gone); }, log);
  impl->started.store(true, std::memory_order_release);
  running.EndIdleStreams();

  impl->watch = std::make_unique<StoreWatch>(
      *running.catalog,
      [&running, log, &health = impl->health, &credentials = *impl->credentials,
       follower = impl->follower.get()] {
        const absl::StatusOr<bool> reloaded = running.access.ReloadIfChanged();
        if (reloaded.ok() && *reloaded) running.AccessChanged();
        LogReload(log, "--access", reloaded);
        LogReload(log, "--tls-cert", credentials.ReloadIfChanged());
        if (follower != nullptr) health.SetInSync(follower->InSync());  // it may have become stale
        running.ForgetDeleted();
        return CheckAccepts();
      },
      [&health = impl->health, on_failure = std::move(on_failure)](const absl::Status& status) {
        health.Fail(status);
        if (on_failure) on_failure(status);
      },
      log, [&health = impl->health](const absl::Status& status) { health.SetReachable(status); },
      std::min(config.sweep_after, absl::Duration(absl::Minutes(1))));

  std::unique_ptr<Server> server(new Server(std::move(impl)));
  if (log != nullptr) {
    LogStart(*log, config, *server->impl_->core->catalog,
             {.port = server->port(),
              .metrics_port = server->metrics_port(),
              .read_only = server->read_only()});
  }
  return server;
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { Shutdown(absl::Now() + impl_->core->config.drain_timeout); }

int Server::port() const { return impl_->port; }
bool Server::read_only() const { return impl_->core->read_only; }
int64_t Server::set_aside_columns() const {
  return impl_->core->catalog->stats().set_aside_columns;
}
int Server::metrics_port() const { return impl_->metrics_port; }
std::string Server::MetricsText() const { return impl_->core->metrics.Text(); }

void Server::Reload() {
  const absl::Status status = impl_->core->access.Reload();
  if (status.ok()) impl_->core->AccessChanged();
  LogReload(impl_->core->log, "--access",
            status.ok() ? absl::StatusOr<bool>(!impl_->core->config.access.empty()) : status);
  const absl::Status files = impl_->credentials->Reload();
  LogReload(impl_->core->log, "--tls-cert",
            files.ok() ? absl::StatusOr<bool>(!impl_->core->config.tls_cert.empty()) : files);
}

void Server::Shutdown(absl::Time deadline) {
  absl::call_once(impl_->shutdown, [&] {
    impl_->core->calls.Drain();
    impl_->health.Drain();
    if (impl_->follower != nullptr) impl_->follower->Stop();
    impl_->upkeep->Stop();
    impl_->core->calls.WaitUntilIdle(deadline);
    // What still runs are calls beyond the deadline, and watchers of our health: cancelled. Waits
    // for all reactors, which need the pools.
    impl_->server->Shutdown(std::chrono::system_clock::now());
    impl_->server->Wait();
    impl_->core->metrics.StopListening();  // scrapes read the pools
    impl_->core->StopPools();
    impl_->sharing.reset();  // with what clients still hold; a stream that was opening used it
    // Until now: other servers of the store take who is silent for dead. It may wait for the store.
    impl_->watch.reset();
  });
}

}  // namespace graphfeed
