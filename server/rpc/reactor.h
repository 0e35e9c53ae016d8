#ifndef GRAPHFEED_SERVER_RPC_REACTOR_H_
#define GRAPHFEED_SERVER_RPC_REACTOR_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/rpc/call.h"
#include "server/rpc/caller.h"
#include "server/rpc/status.h"

namespace graphfeed {

// The life that the reactors of all methods share, over gRPC's reactor of their kind: admitted when
// it is made, ended once, deleted when gRPC is done with it. Nobody else deletes it.
template <typename GrpcReactor>
class Reactor : public GrpcReactor {
 public:
  void OnDone() final { delete this; }
  // Also when the client's connection or deadline ends.
  void OnCancel() override { call_->Cancel(); }

 protected:
  Reactor(Calls& calls, grpc::CallbackServerContext& context, const char* method)
      : context_(context),
        call_(Call::Admit(
            calls, [&context] { return context.IsCancelled(); }, method,
            CallerOf(context, calls.access()))) {}
  ~Reactor() override = default;

  Call& call() { return *call_; }

  // CheckStillMay, with what came with the call.
  absl::Status CheckStillMay(absl::string_view dataset) {
    return call_->CheckStillMay(dataset, [this] { return CallerOf(context_, call_->access()); });
  }

  // The last thing that a reactor does: OnDone may come before it returns. Once.
  void End(const absl::Status& status) {
    call_->End(status);
    // By which the lines about it are found: clients show it with the error.
    if (!status.ok()) context_.AddTrailingMetadata(kRequestIdHeader, call_->caller().request_id);
    GrpcReactor::Finish(ToGrpcStatus(status));
  }

 private:
  grpc::CallbackServerContext& context_;  // gRPC's, until OnDone
  const std::unique_ptr<Call> call_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_REACTOR_H_
