#include "client/cpp/replicas/stream_placement.h"

#include <algorithm>
#include <limits>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cpp/rpc/methods.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/server_info_messages.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Of many replicas some are asked: the choice between a few is nearly as good as between all.
constexpr size_t kMostAsked = 8;

std::optional<ServerLoad> AskLoad(Replica& replica, absl::Duration timeout) {
  v1::ServerInfoResponse response;
  const absl::Status asked =
      replica.channel->Call(methods::kServerInfo, v1::ServerInfoRequest(), timeout, &response);
  if (!asked.ok()) {
    // One that comes back later is found then, not when gRPC's pause is over.
    if (absl::IsUnavailable(asked)) replica.channel->Reconnect();
    return std::nullopt;
  }
  const absl::StatusOr<ServerInfo> info = wire::FromProto(response);
  return info.ok() ? info->load : std::nullopt;
}

// Of the first of `replicas`, all at once.
std::vector<std::optional<ServerLoad>> AskLoads(const StreamPlacement::List& replicas,
                                                absl::Duration timeout) {
  std::vector<std::optional<ServerLoad>> loads(std::min(replicas.size(), kMostAsked));
  std::vector<std::thread> threads;
  threads.reserve(loads.size());
  try {
    for (size_t i = 1; i < loads.size(); ++i) {
      threads.emplace_back([&, i] { loads[i] = AskLoad(*replicas[i], timeout); });
    }
  } catch (const std::system_error&) {  // there can be no more: those loads stay unknown
  }
  loads[0] = AskLoad(*replicas[0], timeout);
  for (std::thread& thread : threads) thread.join();
  return loads;
}

bool HasRoom(const ServerLoad& load) {
  return load.waiting == 0 && (load.max_streams == 0 || load.streams < load.max_streams);
}

absl::string_view Name(absl::string_view dataset) { return dataset.substr(0, dataset.find('@')); }

// What all shards of a run have in common. A run of one shard need not agree with anybody, and many
// have the same seed: it is told apart by its client.
uint64_t RunOf(const StreamOptions& options, uint64_t client) {
  return Fnv1a(absl::StrCat(Name(options.dataset), "\n", options.seed, "\n", options.num_shards,
                            "\n", options.num_shards == 1 ? client : 0));
}

}  // namespace

uint64_t Fnv1a(absl::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

std::optional<size_t> LeastLoaded(const std::vector<std::optional<ServerLoad>>& loads,
                                  size_t preferred, absl::BitGenRef random) {
  int64_t least = std::numeric_limits<int64_t>::max();
  std::vector<size_t> best;
  for (size_t i = 0; i < loads.size(); ++i) {
    if (!loads[i].has_value() || !HasRoom(*loads[i]) || loads[i]->streams > least) continue;
    if (loads[i]->streams < least) best.clear();
    least = loads[i]->streams;
    best.push_back(i);
  }
  if (best.empty()) return std::nullopt;
  if (preferred < loads.size() && loads[preferred].has_value() && HasRoom(*loads[preferred])) {
    const int64_t streams = loads[preferred]->streams;
    if (streams - least <= streams / 10) return preferred;
  }
  return best[absl::Uniform<size_t>(random, 0, best.size())];
}

StreamPlacement::StreamPlacement(const StreamOptions& options, const ClientOptions& client,
                                 std::shared_ptr<Replicas> replicas)
    : spread_(client.spread),
      load_timeout_(client.load_timeout),
      shard_(options.shard_index),
      replicas_(std::move(replicas)),
      run_(RunOf(options, replicas_->number())),
      stream_(Fnv1a(absl::StrCat(run_, "\n", shard_))) {}

absl::StatusOr<StreamPlacement::List> StreamPlacement::Begin() {
  if (!spread_) return Own(/*resolve=*/false);
  const Replicas::Home home = replicas_->HomeOf(stream_);
  if (absl::Now() >= home.until) return ByLoad(/*resolve=*/!home.address.empty(), home.address);
  GF_ASSIGN_OR_RETURN(List list, Own(/*resolve=*/false));
  std::stable_partition(list.begin(), list.end(), [&](const std::shared_ptr<Replica>& replica) {
    return replica->address == home.address && !FailedLately(*replica);
  });
  return list;
}

absl::StatusOr<StreamPlacement::List> StreamPlacement::Move(const std::string& at) {
  return spread_ ? ByLoad(/*resolve=*/true, at) : Own(/*resolve=*/true);
}

absl::StatusOr<StreamPlacement::List> StreamPlacement::Fail() { return Own(/*resolve=*/true); }

void StreamPlacement::Landed(const Replica& replica, int64_t max_age_ms) {
  const absl::Time until =
      max_age_ms == 0 ? absl::InfiniteFuture() : absl::Now() + absl::Milliseconds(max_age_ms);
  replicas_->SetHome(stream_, {.address = replica.address, .until = until});
}

// The stream's order as long as nobody is asked.
absl::StatusOr<StreamPlacement::List> StreamPlacement::Own(bool resolve) {
  if (!spread_) return replicas_->List(static_cast<size_t>(shard_), resolve);
  GF_ASSIGN_OR_RETURN(List list, replicas_->List(0, resolve));
  // Resolvers give addresses in any order.
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a->address < b->address; });
  const size_t first = (run_ + static_cast<uint64_t>(shard_)) % list.size();
  std::rotate(list.begin(), list.begin() + static_cast<ptrdiff_t>(first), list.end());
  // Those who lose a replica together part.
  const auto place = [this](const std::shared_ptr<Replica>& replica) {
    return Fnv1a(absl::StrCat(stream_, "\n", replica->address));
  };
  std::sort(list.begin() + 1, list.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  std::stable_partition(list.begin(), list.end(), [](const std::shared_ptr<Replica>& replica) {
    return !FailedLately(*replica);
  });
  return list;
}

absl::StatusOr<StreamPlacement::List> StreamPlacement::ByLoad(bool resolve,
                                                              const std::string& preferred) {
  GF_ASSIGN_OR_RETURN(List list, Own(resolve));
  if (list.size() == 1) return list;
  std::stable_partition(list.begin(), list.end(), [&](const std::shared_ptr<Replica>& replica) {
    return replica->address == preferred;
  });
  if (list.size() > kMostAsked) std::shuffle(list.begin() + 1, list.end(), random_);
  const std::vector<std::optional<ServerLoad>> loads = AskLoads(list, load_timeout_);
  const std::optional<size_t> chosen = LeastLoaded(loads, 0, random_);
  if (!chosen.has_value()) return list;
  // Those who answered go before those who did not, full ones among them.
  List order = {list[*chosen]};
  for (const bool answered : {true, false}) {
    for (size_t i = 0; i < list.size(); ++i) {
      const bool has = i < loads.size() && loads[i].has_value();
      if (i != *chosen && has == answered) order.push_back(list[i]);
    }
  }
  return order;
}

}  // namespace graphfeed
