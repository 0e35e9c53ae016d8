#ifndef GRAPHFEED_SERVER_RPC_EXPORT_REACTOR_H_
#define GRAPHFEED_SERVER_RPC_EXPORT_REACTOR_H_

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/transfer_context.h"

namespace graphfeed {

// Starts a call of ExportVersion. Messages are made on the pool, one at a time; the next one when
// gRPC has taken the one before it, so storage can be no faster than the client. The version stays
// readable until the end, also if it is deleted. The reactor deletes itself when the call is over.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartExport(TransferContext& exports,
                                                        grpc::CallbackServerContext& context,
                                                        const grpc::ByteBuffer& request);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_EXPORT_REACTOR_H_
