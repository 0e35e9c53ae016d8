#ifndef GRAPHFEED_SERVER_RPC_STATUS_H_
#define GRAPHFEED_SERVER_RPC_STATUS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"

namespace graphfeed {

// The one place where our errors become gRPC's: same code, same message, same details.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_STATUS_H_
