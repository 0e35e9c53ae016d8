#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_STREAM_PLACEMENT_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_STREAM_PLACEMENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/replicas/replicas.h"
#include "proto/frame/server_info.h"

namespace graphfeed {

// 64-bit FNV-1a: what clients in other languages compute as well.
uint64_t Fnv1a(absl::string_view text);

// The replica that a stream goes to, as its place in `loads`: where the load is known and there is
// room, the one with fewest streams; but `preferred` unless another has clearly fewer, which is
// more than a tenth of its own. Of several one by `random`. nullopt when nothing is known.
std::optional<size_t> LeastLoaded(const std::vector<std::optional<ServerLoad>>& loads,
                                  size_t preferred, absl::BitGenRef random);

// Where a stream begins and where it goes on, so that streams spread evenly: the shards of a run
// over neighbouring replicas, from one on that follows from what they have in common; runs of one
// shard from anywhere. From there, when a stream begins or has been somewhere for long enough, to a
// replica that says that it has clearly less to do. The next stream of the same run begins where
// the last one was, whose server has its plans. Thread-compatible.
class StreamPlacement {
 public:
  using List = std::vector<std::shared_ptr<Replica>>;

  StreamPlacement(const StreamOptions& options, const ClientOptions& client,
                  std::shared_ptr<Replicas> replicas);

  // The replicas in the order in which to try them; UNAVAILABLE when there is none.
  // Of a new stream. May ask the replicas, for ClientOptions::load_timeout at most.
  absl::StatusOr<List> Begin();
  // Of one that `at`, an address, has ended though nothing is wrong. Names are resolved anew, and
  // replicas are asked.
  absl::StatusOr<List> Move(const std::string& at);
  // Of one that has failed somewhere. Names are resolved anew; nobody is asked, since that takes
  // time where hosts are silent.
  absl::StatusOr<List> Fail();

  // The stream is at `replica`, which keeps it for `max_age_ms` (0: for ever).
  void Landed(const Replica& replica, int64_t max_age_ms);

 private:
  absl::StatusOr<List> Own(bool resolve);
  absl::StatusOr<List> ByLoad(bool resolve, const std::string& preferred);

  const bool spread_;
  const absl::Duration load_timeout_;
  const int64_t shard_;
  const std::shared_ptr<Replicas> replicas_;  // shared with the client and its other streams
  const uint64_t run_;                        // of all shards
  const uint64_t stream_;                     // of this one
  absl::BitGen random_;                       // decides about no bytes
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_STREAM_PLACEMENT_H_
