#ifndef GRAPHFEED_SERVER_RPC_CALLER_H_
#define GRAPHFEED_SERVER_RPC_CALLER_H_

#include "grpcpp/server_context.h"
#include "server/access/access_control.h"
#include "server/rpc/call.h"

namespace graphfeed {

// Who calls, by the metadata and the certificate that came with the call. The request's id is that
// of x-request-id, if it is 1 to 128 printable characters without spaces, else a new one.
// Metadata that has the id of a request: of calls, if the client has one, and of answers that are
// errors.
inline constexpr char kRequestIdHeader[] = "x-request-id";

Caller CallerOf(const grpc::CallbackServerContext& context, const AccessControl& access);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALLER_H_
