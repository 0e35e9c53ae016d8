#ifndef GRAPHFEED_SERVER_RPC_INGEST_REACTOR_H_
#define GRAPHFEED_SERVER_RPC_INGEST_REACTOR_H_

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/transfer_context.h"

namespace graphfeed {

// Starts a call of Ingest. Blocks go to the session on the pool, one at a time; the next one is
// read when the one before it has been stored, so a client can be no faster than storage. A stream
// that ends without its commit, for whatever reason, drops the session, as does one that is silent
// for longer than idle_timeout; the commit counts when the client has ended the stream behind it.
// The reactor deletes itself when the call is over.
grpc::ServerReadReactor<grpc::ByteBuffer>* StartIngest(TransferContext& ingests,
                                                       grpc::CallbackServerContext& context,
                                                       grpc::ByteBuffer& reply);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_INGEST_REACTOR_H_
