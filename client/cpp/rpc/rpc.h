#ifndef GRAPHFEED_CLIENT_CPP_RPC_RPC_H_
#define GRAPHFEED_CLIENT_CPP_RPC_RPC_H_

// What the client needs of gRPC, without its headers: methods by path, messages as protobuf or as
// bytes, absl::Status. rpc.cc, lazy_channel and fork_epoll.cc alone include gRPC.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/security.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "google/protobuf/message_lite.h"
#include "proto/frame/slab.h"

namespace graphfeed::rpc {

// How often a waiting call asks whether it has been interrupted.
inline constexpr absl::Duration kInterruptInterval = absl::Milliseconds(100);

// Asked on the waiting thread; true gives the wait up with CANCELLED. Empty: never.
using Interrupted = std::function<bool()>;

// A call that is answered by a stream of messages. Read and Finish are for one thread, Cancel for
// any. Destroying it cancels the call.
class DownStream {
 public:
  virtual ~DownStream() = default;

  // Blocks for the next message and hands its bytes, valid during the call, to `use`. False when
  // there are no more: Finish says why.
  virtual bool Read(
      absl::FunctionRef<void(google::protobuf::io::ZeroCopyInputStream& message)> use) = 0;
  // During `use`: the slab that the message says is beside it (Channel::InProcess). Once.
  virtual Slab TakeSlab() { return Slab(); }
  // How the call ended. Call it once: after Read has returned false or after Cancel.
  virtual absl::Status Finish() = 0;
  virtual void Cancel() = 0;
};

// A call that sends a stream of messages and is answered once. Not thread-safe. Destroyed without
// Finish it is cancelled.
class UpStream {
 public:
  virtual ~UpStream() = default;

  // Sends a message; returns when the one before it has gone out. After an error, which is how the
  // call ended, the stream is dead and repeats it.
  virtual absl::Status Write(const google::protobuf::MessageLite& message) = 0;
  // Ends the stream and waits for the answer, which is in the response when OK is returned.
  virtual absl::Status Finish() = 0;
};

struct ChannelOptions {
  std::string endpoint;   // "host:port"
  std::string authority;  // the name by which the server was asked for; empty: the endpoint
  int64_t max_receive_bytes = 0;
  absl::Duration connect_timeout = absl::Seconds(20);  // of one attempt
  absl::Duration keepalive_time = absl::Seconds(10);   // of silence before a ping
  absl::Duration keepalive_timeout = absl::Seconds(10);
  bool use_proxy = true;  // that of the environment
  ClientSecurity security;
  Interrupted interrupted;
};

// A connection to one server, made by the first call. Thread-safe. Streams may outlive it. After
// a fork that came in the middle of a call everything is FAILED_PRECONDITION in the child (fork.h).
class Channel {
 public:
  static std::unique_ptr<Channel> Create(const ChannelOptions& options);
  virtual ~Channel() = default;

  // Makes the channels of endpoints "local:DIR", which lead to a data folder in this process. Null
  // in programs that do not link client/local, which sets it.
  using InProcess = std::unique_ptr<Channel> (*)(const ChannelOptions& options);
  static void SetInProcess(InProcess make);
  static bool HasInProcess();

  // Asks once. `method` is "/package.Service/Method".
  virtual absl::Status Call(const char* method, const google::protobuf::MessageLite& request,
                            absl::Duration timeout, google::protobuf::MessageLite* response) = 0;
  virtual absl::StatusOr<std::unique_ptr<DownStream>> StartDown(
      const char* method, const google::protobuf::MessageLite& request) = 0;
  // `response` must outlive the stream.
  virtual absl::StatusOr<std::unique_ptr<UpStream>> StartUp(
      const char* method, google::protobuf::MessageLite* response) = 0;

  // The next call makes a new connection, at once. Running ones keep theirs.
  virtual void Reconnect() = 0;
};

}  // namespace graphfeed::rpc

#endif  // GRAPHFEED_CLIENT_CPP_RPC_RPC_H_
