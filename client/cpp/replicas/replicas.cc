#include "client/cpp/replicas/replicas.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "proto/wire/endpoint.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// A replica that failed is tried after the others for so long.
constexpr absl::Duration kAvoidFor = absl::Seconds(30);

// The numeric addresses of a host, "1.2.3.4:80" or "[::1]:80", in the resolver's order.
absl::StatusOr<std::vector<std::string>> Addresses(const std::string& host,
                                                   const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat(host, ": ", gai_strerror(error)));
  }
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    const absl::string_view numeric(text.data());
    addresses.push_back(absl::StrContains(numeric, ':') ? absl::StrCat("[", numeric, "]:", port)
                                                        : absl::StrCat(numeric, ":", port));
  }
  freeaddrinfo(found);
  return addresses;
}

// Whether no_grpc_proxy or no_proxy has an entry that the host's name ends with. gRPC looks there
// too, but sees addresses only.
bool WithoutProxy(absl::string_view host) {
  const char* list = std::getenv("no_grpc_proxy");
  if (list == nullptr) list = std::getenv("no_proxy");
  if (list == nullptr) return false;
  for (absl::string_view entry : absl::StrSplit(list, ',')) {
    entry = absl::StripAsciiWhitespace(entry);
    if (entry == "*") return true;
    if (!entry.empty() && absl::EndsWithIgnoreCase(host, entry)) return true;
  }
  return false;
}

absl::Status CheckLocal(absl::string_view text, absl::string_view folder, size_t num_endpoints) {
  if (folder.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("endpoint \"", text, "\" names no folder"));
  }
  if (num_endpoints > 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "endpoint \"", text, "\" is a folder, which stands alone: it has no replicas"));
  }
  if (rpc::Channel::HasInProcess()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("endpoint \"", text,
                   "\": this program does not serve folders itself (it does not "
                   "link graphfeed::local); start graphfeed-server on it"));
}

}  // namespace

bool FailedLately(const Replica& replica) {
  const int64_t failed_at = replica.failed_at;
  return failed_at != 0 &&
         absl::GetCurrentTimeNanos() - failed_at < absl::ToInt64Nanoseconds(kAvoidFor);
}

absl::StatusOr<std::shared_ptr<Replicas>> Replicas::Create(std::vector<std::string> endpoints,
                                                           rpc::ChannelOptions channel) {
  if (endpoints.empty()) {
    return absl::InvalidArgumentError("endpoints is empty; give at least one host:port");
  }
  std::vector<Endpoint> parsed;
  for (std::string& text : endpoints) {
    for (const absl::string_view scheme :
         {"http://", "https://", "grpc://", "grpcs://", "tcp://"}) {
      if (!absl::StartsWithIgnoreCase(text, scheme)) continue;
      absl::string_view rest = absl::string_view(text).substr(scheme.size());
      return absl::InvalidArgumentError(absl::StrCat("endpoint \"", text,
                                                     "\" is a URL; it is host:port alone, as in \"",
                                                     rest.substr(0, rest.find('/')), "\""));
    }
    if (const std::optional<absl::string_view> folder = wire::LocalFolder(text)) {
      GF_RETURN_IF_ERROR(CheckLocal(text, *folder, endpoints.size()));
      parsed.push_back({.text = std::move(text), .host = "", .port = ""});
      continue;
    }
    if (absl::StrContains(text, "://") || wire::UnixSocket(text).has_value()) {
      parsed.push_back({.text = std::move(text), .host = "", .port = ""});
      continue;
    }
    std::optional<wire::HostPort> address = wire::ParseHostPort(text);
    if (!address.has_value() || address->port == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("endpoint \"", text, "\" is not of the form host:port",
                       absl::StrContains(text, '/') ? "; a data folder is local:" : "",
                       absl::StrContains(text, '/') ? text : ""));
    }
    parsed.push_back({.text = std::move(text),
                      .host = std::move(address->host),
                      .port = absl::StrCat(address->port)});
  }
  return std::shared_ptr<Replicas>(new Replicas(std::move(parsed), std::move(channel)));
}

Replicas::Replicas(std::vector<Endpoint> endpoints, rpc::ChannelOptions channel)
    : number_(absl::Uniform<uint64_t>(absl::BitGen())),
      endpoints_(std::move(endpoints)),
      channel_(std::move(channel)) {}

absl::Status Replicas::Resolve() {
  struct Target {
    std::string address;
    const Endpoint* endpoint;
  };
  std::vector<Target> targets;
  std::set<std::string> seen;
  std::vector<std::string> failures;
  for (const Endpoint& endpoint : endpoints_) {
    if (endpoint.host.empty()) {
      if (seen.insert(endpoint.text).second) targets.push_back({endpoint.text, &endpoint});
      continue;
    }
    // Without the lock: a resolver may take seconds.
    absl::StatusOr<std::vector<std::string>> addresses = Addresses(endpoint.host, endpoint.port);
    if (!addresses.ok()) {
      failures.emplace_back(addresses.status().message());
      continue;
    }
    for (std::string& address : *addresses) {
      if (seen.insert(address).second) targets.push_back({std::move(address), &endpoint});
    }
  }
  if (targets.empty()) {
    return absl::UnavailableError(
        absl::StrCat("no server has an address: ", absl::StrJoin(failures, "; ")));
  }
  absl::MutexLock lock(&mu_);
  current_.clear();
  for (const Target& target : targets) {
    std::shared_ptr<Replica>& replica = known_[target.address];
    if (replica == nullptr) {
      rpc::ChannelOptions options = channel_;
      options.endpoint = target.address;
      if (!target.endpoint->host.empty()) {
        options.authority = target.endpoint->text;
        options.use_proxy = options.use_proxy && !WithoutProxy(target.endpoint->host);
      }
      replica = std::make_shared<Replica>();
      replica->address = target.address;
      replica->channel = rpc::Channel::Create(options);
    }
    current_.push_back(replica);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::shared_ptr<Replica>>> Replicas::List(size_t preferred,
                                                                     bool resolve) {
  std::vector<std::shared_ptr<Replica>> list;
  {
    absl::MutexLock lock(&mu_);
    list = current_;
  }
  if (list.empty() || resolve) {
    const absl::Status status = Resolve();
    // A resolver that fails in an outage does not take away what is known.
    if (!status.ok() && list.empty()) return status;
    absl::MutexLock lock(&mu_);
    list = current_;
  }
  std::rotate(list.begin(), list.begin() + static_cast<ptrdiff_t>(preferred % list.size()),
              list.end());
  std::stable_partition(list.begin(), list.end(), [](const std::shared_ptr<Replica>& replica) {
    return !FailedLately(*replica);
  });
  return list;
}

absl::StatusOr<std::vector<std::shared_ptr<Replica>>> Replicas::List(bool resolve) {
  GF_ASSIGN_OR_RETURN(std::vector<std::shared_ptr<Replica>> list, List(0, resolve));
  absl::MutexLock lock(&mu_);
  const auto last = std::find(list.begin(), list.end(), last_answered_);
  if (last != list.end()) std::rotate(list.begin(), last, last + 1);
  return list;
}

Replicas::Home Replicas::HomeOf(uint64_t stream) {
  absl::MutexLock lock(&mu_);
  const auto found = homes_.find(stream);
  return found == homes_.end() ? Home() : found->second;
}

void Replicas::SetHome(uint64_t stream, Home home) {
  absl::MutexLock lock(&mu_);
  if (homes_.size() >= kMostHomes && homes_.count(stream) == 0) homes_.clear();
  homes_[stream] = std::move(home);
}

void Replicas::Answered(Replica& replica) {
  replica.failed_at = 0;
  any_answered_ = true;
  absl::MutexLock lock(&mu_);
  const auto known = known_.find(replica.address);
  if (known != known_.end()) last_answered_ = known->second;
}

void Replicas::Failed(Replica& replica) {
  replica.failed_at = absl::GetCurrentTimeNanos();
  replica.channel->Reconnect();
  absl::MutexLock lock(&mu_);
  if (last_answered_.get() == &replica) last_answered_ = nullptr;
}

}  // namespace graphfeed
