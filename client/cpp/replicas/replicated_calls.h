#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_REPLICATED_CALLS_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_REPLICATED_CALLS_H_

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/replicas/replicas.h"
#include "google/protobuf/message_lite.h"

namespace graphfeed {

// Calls that are answered once, to servers any of which will do. Thread-safe.
class ReplicatedCalls {
 public:
  ReplicatedCalls(const ClientOptions& options, std::shared_ptr<Replicas> replicas);

  // A question. A replica that cannot be reached is followed by the next one, and those that are
  // left out by another round, until the answer has come, the timeout has passed, or nothing has
  // ever answered; one that lacks what is asked for, or cannot read it, by the others of the round.
  // `read` judges the response: its DATA_LOSS counts as the replica's.
  absl::Status Ask(
      const char* method, const google::protobuf::MessageLite& request, absl::Duration timeout,
      google::protobuf::MessageLite* response,
      absl::FunctionRef<absl::Status()> read = [] { return absl::OkStatus(); });

  // A question that every replica is asked that can be reached, but for those that failed lately:
  // `answered` is told of each answer, which is in the response. The last replica for which it
  // returns true is preferred for what comes next. An answer is waited for a few seconds.
  // UNAVAILABLE, NOT_FOUND and so on when nobody answers: Ask says why.
  absl::Status AskEach(const char* method, const google::protobuf::MessageLite& request,
                       absl::Duration timeout, google::protobuf::MessageLite* response,
                       absl::FunctionRef<bool()> answered);

  // Whether there are several replicas.
  absl::StatusOr<bool> Several();

  // A request that changes something: sent once, to a replica that answers questions.
  absl::Status Tell(const char* method, const google::protobuf::MessageLite& request,
                    absl::Duration timeout, google::protobuf::MessageLite* response);

  // A replica that answers, for what cannot be sent twice.
  absl::StatusOr<std::shared_ptr<Replica>> FindReachable();

 private:
  bool interrupted() const { return options_.interrupted && options_.interrupted(); }

  const ClientOptions options_;
  const std::shared_ptr<Replicas> replicas_;  // shared with the client's streams
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_REPLICATED_CALLS_H_
