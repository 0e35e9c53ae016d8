#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_RESUMING_READER_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_RESUMING_READER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"
#include "client/cpp/fork.h"
#include "client/cpp/replicas/backoff.h"
#include "client/cpp/replicas/outage.h"
#include "client/cpp/replicas/replicas.h"
#include "client/cpp/replicas/stream_cursor.h"
#include "client/cpp/replicas/stream_placement.h"
#include "client/cpp/rpc/rpc.h"
#include "client/cpp/rpc/stream_decoder.h"

namespace graphfeed {

// Reads a stream to its end over as many calls as it takes. A call that breaks is followed by one
// that asks a replica for the rest: the same content (its fingerprint), the same resolved spec (its
// digest), the next ordinal. A replica that has anything else is left out until the next frame has
// come, so a stream never mixes contents. What users see is one stream: one header, each epoch's
// header once, each frame once.
//
// Gives up when no replica will do, when the error is one that no replica would cure, or after
// ClientOptions::retry_timeout without a frame. Before anything has answered each replica is tried
// once: the addresses may be wrong.
//
// Next is for one thread, Cancel for any.
class ResumingReader {
 public:
  ResumingReader(const StreamOptions& options, const ClientOptions& client,
                 std::shared_ptr<Replicas> replicas);

  // Blocks for the next event; nullopt at the end of the stream. Errors are final; CANCELLED after
  // Cancel.
  absl::StatusOr<std::optional<StreamDecoder::Event>> Next();
  void Cancel();

 private:
  struct Call {
    std::shared_ptr<Replica> replica;  // shared with the Replicas
    StreamDecoder decoder;
    bool answered = false;        // the header has come
    bool sent = false;            // and a frame
    bool without_thread = false;  // that messages in shared memory take: ask again without
  };

  bool cancelled() const;
  // Sleeps; less when cancelled.
  void Pause(absl::Duration time);
  absl::Status Connect();
  absl::Status Start(std::shared_ptr<Replica> replica);
  absl::Status StopCall(bool running);  // how it ended
  // Digests what has come; nullopt: nothing for the user.
  absl::StatusOr<std::optional<StreamDecoder::Event>> Take(StreamDecoder::Event event);
  absl::Status TakeHeader(const StreamInfo& info);
  // Whether the server has ended the call with `status` though nothing is wrong: the stream goes on
  // wherever there is least to do, without a word.
  bool Moves(const absl::Status& status);
  // The call has broken with `status`, which `by_server` says or our own checks. The error to end
  // with, or OK: try on.
  absl::Status Fail(const absl::Status& status, bool by_server);
  Failure Judge(const absl::Status& status, bool by_server);
  std::string What() const;

  const StreamOptions options_;
  const ClientOptions client_;
  const std::shared_ptr<Replicas> replicas_;  // shared with the client and its other streams
  const CallInProgress in_progress_;
  StreamCursor cursor_;
  StreamPlacement placement_;
  std::shared_ptr<const StreamInfo> info_;  // shared with the stream; null before the first header
  std::optional<Call> current_;             // while there is a call
  bool shares_memory_;                      // with servers of this host, as long as it works
  std::optional<std::string> left_;         // the address that it moves from, until the next header
  Outage outage_;
  std::string lost_;  // what the user is to be told when the stream goes on; empty: nothing
  Backoff backoff_;

  mutable absl::Mutex mu_;
  std::unique_ptr<rpc::DownStream> call_ ABSL_GUARDED_BY(mu_);
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_RESUMING_READER_H_
