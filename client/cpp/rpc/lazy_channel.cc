#include "client/cpp/rpc/lazy_channel.h"

#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/fork.h"
#include "client/cpp/rpc/fork_epoll.h"
#include "proto/wire/endpoint.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace rpc {
namespace {

// gRPC ends within milliseconds of its last use; its last thread may have to end first.
constexpr absl::Duration kShutdownTime = absl::Seconds(5);

// One for the process. The mutex is held across forks, so that no connection comes up meanwhile.
struct ForkState {
  absl::Mutex mu;
  std::set<LazyChannel*> channels ABSL_GUARDED_BY(mu);
  int uses ABSL_GUARDED_BY(mu) = 0;
  bool grpc_was_running ABSL_GUARDED_BY(mu) = false;  // at the latest fork
  bool damaged ABSL_GUARDED_BY(mu) = false;
  // What a damaged process inherited cannot even be closed.
  std::vector<std::shared_ptr<grpc::Channel>> inherited ABSL_GUARDED_BY(mu);
  std::atomic<int> generation = 0;
};

ForkState& State() {
  static ForkState* const state = new ForkState;  // outlives every client
  return *state;
}

}  // namespace

struct ForkHandlers {
  static void Register() { pthread_atfork(&Prepare, &InParent, &InChild); }

  // The lock is taken here and left in the two others.
  static void Prepare() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    ForkState& state = State();
    state.mu.Lock();
    state.grpc_was_running = true;
    if (state.uses > 0 && grpc_is_initialized() != 0) return;
    for (LazyChannel* channel : state.channels) channel->channel_.reset();
    const absl::Time deadline = absl::Now() + kShutdownTime;
    while (grpc_is_initialized() != 0 && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    state.grpc_was_running = grpc_is_initialized() != 0;
  }

  static void InParent() ABSL_NO_THREAD_SAFETY_ANALYSIS { State().mu.Unlock(); }

  static void InChild() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    ForkState& state = State();
    ++state.generation;
    state.damaged = state.damaged || state.grpc_was_running;
    ReplaceInheritedEpoll();
    state.uses = 0;
    state.mu.Unlock();
    // Threads that waited for the lock are not here to take it and to wake the next.
    new (&state.mu) absl::Mutex;
  }
};

namespace {

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 1, std::numeric_limits<int>::max()));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(
    const ChannelOptions& options) {
  const ClientSecurity& security = options.security;
  if (!security.tls() || wire::UnixSocket(options.endpoint).has_value()) {
    return grpc::InsecureChannelCredentials();
  }
  grpc::SslCredentialsOptions ssl;
  if (security.root_ca != ClientSecurity::kSystemRoots) {
    GF_ASSIGN_OR_RETURN(ssl.pem_root_certs, ReadSecurityFile("root_ca", security.root_ca));
  }
  if (!security.cert.empty()) {
    GF_ASSIGN_OR_RETURN(ssl.pem_cert_chain, ReadSecurityFile("cert", security.cert));
    GF_ASSIGN_OR_RETURN(ssl.pem_private_key, ReadSecurityFile("key", security.key));
  }
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> Connect(const ChannelOptions& options) {
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                      CredentialsOf(options));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(static_cast<int>(
      std::min<int64_t>(options.max_receive_bytes, std::numeric_limits<int>::max())));
  arguments.SetMaxSendMessageSize(-1);
  // A connection of its own: streams of several clients do not wait for each other.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // What is read at once is still in the processor's cache when it is copied into a slab; with
  // gRPC's 4 MiB it is not.
  arguments.SetInt("grpc.experimental.tcp_max_read_chunk_size", 1 << 20);
  // Finds a server that vanished without a word, or was stopped while its kernel still answers.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_time));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.keepalive_timeout));
  // Also where nothing else is said for long: gRPC would stop asking after the second ping.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // How long an attempt to connect may take, in spite of its name.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, Milliseconds(options.connect_timeout));
  // An attempt takes at least as long. After a refused one gRPC cannot end before it is over, and
  // forks wait for that.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   Milliseconds(std::min(options.connect_timeout, absl::Seconds(1))));
  if (!options.use_proxy) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.authority.empty()) {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, options.authority);
  }
  return grpc::CreateCustomChannel(options.endpoint, credentials, arguments);
}

}  // namespace

ChannelUse::ChannelUse(std::shared_ptr<grpc::Channel> channel) : channel_(std::move(channel)) {}

ChannelUse::~ChannelUse() {
  if (channel_ == nullptr) return;  // moved from
  absl::MutexLock lock(&State().mu);
  channel_.reset();
  --State().uses;
}

LazyChannel::LazyChannel(const ChannelOptions& options) : options_(options) {
  CountForks();
  absl::MutexLock lock(&State().mu);
  State().channels.insert(this);
}

LazyChannel::~LazyChannel() {
  absl::MutexLock lock(&State().mu);
  State().channels.erase(this);
  if (State().damaged) State().inherited.push_back(std::move(channel_));
}

absl::StatusOr<ChannelUse> LazyChannel::Use() {
  std::shared_ptr<grpc::Channel> dropped;  // closed without the lock
  absl::MutexLock lock(&State().mu);
  if (State().damaged) {
    return absl::FailedPreconditionError(
        "this process was forked while a graphfeed stream or call was running, which gRPC does not "
        "survive; fork before that, or start processes with \"spawn\"");
  }
  if (options_.security.tls()) {
    std::string look = LookOfFiles(options_.security);
    if (look != look_) {
      dropped.swap(channel_);
      look_ = std::move(look);
    }
  }
  if (channel_ == nullptr) {
    GF_ASSIGN_OR_RETURN(channel_, Connect(options_));
  }
  ++State().uses;
  return ChannelUse(channel_);
}

void LazyChannel::Drop() {
  std::shared_ptr<grpc::Channel> dropped;  // closed without the lock
  absl::MutexLock lock(&State().mu);
  if (!State().damaged) dropped.swap(channel_);
}

}  // namespace rpc

CallInProgress::CallInProgress() {
  absl::MutexLock lock(&rpc::State().mu);
  ++rpc::State().uses;
}

CallInProgress::~CallInProgress() {
  absl::MutexLock lock(&rpc::State().mu);
  --rpc::State().uses;
}

void CountForks() {
  static absl::once_flag once;
  absl::call_once(once, &rpc::ForkHandlers::Register);
}

int ForkGeneration() { return rpc::State().generation.load(std::memory_order_relaxed); }

}  // namespace graphfeed
