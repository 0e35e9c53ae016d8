#ifndef GRAPHFEED_CLIENT_CPP_RPC_LAZY_CHANNEL_H_
#define GRAPHFEED_CLIENT_CPP_RPC_LAZY_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/rpc/rpc.h"

namespace graphfeed::rpc {

// The right to use a channel, for the duration of a call.
class ChannelUse {
 public:
  ChannelUse(ChannelUse&& other) noexcept = default;
  ChannelUse& operator=(ChannelUse&&) = delete;
  ~ChannelUse();

  grpc::Channel* get() const { return channel_.get(); }

 private:
  friend class LazyChannel;
  explicit ChannelUse(std::shared_ptr<grpc::Channel> channel);

  std::shared_ptr<grpc::Channel> channel_;  // shared with the LazyChannel and other calls
};

// A connection that is made when it is first used, and closed before a fork if no call of the
// process is running (fork.h). Thread-safe.
class LazyChannel {
 public:
  explicit LazyChannel(const ChannelOptions& options);
  ~LazyChannel();
  LazyChannel(const LazyChannel&) = delete;
  LazyChannel& operator=(const LazyChannel&) = delete;

  // FAILED_PRECONDITION in a process that was forked while calls were running, INVALID_ARGUMENT for
  // files of certificates that cannot be read.
  absl::StatusOr<ChannelUse> Use();

  const ChannelOptions& options() const { return options_; }

  // The next use makes a new connection; running calls keep theirs.
  void Drop();

 private:
  friend struct ForkHandlers;

  const ChannelOptions options_;
  std::shared_ptr<grpc::Channel> channel_;  // guarded by the process's fork lock, as the next one
  std::string look_;                        // of the files that it was made with
};

}  // namespace graphfeed::rpc

#endif  // GRAPHFEED_CLIENT_CPP_RPC_LAZY_CHANNEL_H_
