#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_REPLICAS_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_REPLICAS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/rpc/rpc.h"

namespace graphfeed {

// One address of a server and the connection to it.
struct Replica {
  std::string address;  // "10.0.0.7:50051"
  std::unique_ptr<rpc::Channel> channel;
  std::atomic<int64_t> failed_at = 0;  // absl::ToUnixNanos of its last failure; 0: none since
};

// Whether it is to be tried after the others.
bool FailedLately(const Replica& replica);

// The servers of a client: every address that its endpoints stand for. A name that resolves to
// several addresses is as many replicas, so that each can be told apart and left out. Thread-safe;
// shared by a client and its streams, which may outlive it.
class Replicas {
 public:
  // INVALID_ARGUMENT for an endpoint that is not host:port (or [ipv6]:port; URIs that gRPC knows
  // pass as they are). `channel` is what the connections have in common.
  static absl::StatusOr<std::shared_ptr<Replicas>> Create(std::vector<std::string> endpoints,
                                                          rpc::ChannelOptions channel);

  // All replicas, the `preferred`-th first (modulo their number), those that failed lately last.
  // Names are resolved the first time, and again when `resolve` says so, which blocks. UNAVAILABLE
  // when no endpoint has an address.
  absl::StatusOr<std::vector<std::shared_ptr<Replica>>> List(size_t preferred, bool resolve);
  // The same for calls that any replica may answer: the one that answered last is preferred.
  absl::StatusOr<std::vector<std::shared_ptr<Replica>>> List(bool resolve);

  // Where a stream of this client was last, and until when the next one of its like goes there.
  struct Home {
    std::string address;  // empty: there was none
    absl::Time until = absl::InfinitePast();
  };
  Home HomeOf(uint64_t stream);
  void SetHome(uint64_t stream, Home home);
  // Another one for each client, by chance.
  uint64_t number() const { return number_; }

  void Answered(Replica& replica);
  // The next call makes a new connection, at once.
  void Failed(Replica& replica);
  // Whether any replica has ever answered: if none has, the addresses may be wrong.
  bool any_answered() const { return any_answered_; }

 private:
  struct Endpoint {
    std::string text;
    std::string host;  // empty: a URI
    std::string port;
  };

  static constexpr size_t kMostHomes = 1000;

  Replicas(std::vector<Endpoint> endpoints, rpc::ChannelOptions channel);
  absl::Status Resolve();

  const uint64_t number_;
  const std::vector<Endpoint> endpoints_;
  const rpc::ChannelOptions channel_;
  std::atomic<bool> any_answered_ = false;
  absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<Replica>> known_ ABSL_GUARDED_BY(mu_);  // by address
  std::vector<std::shared_ptr<Replica>> current_ ABSL_GUARDED_BY(mu_);  // shared with callers
  std::shared_ptr<Replica> last_answered_ ABSL_GUARDED_BY(mu_);         // one of known_
  std::map<uint64_t, Home> homes_ ABSL_GUARDED_BY(mu_);                 // by stream
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_REPLICAS_H_
