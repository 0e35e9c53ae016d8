#ifndef GRAPHFEED_SERVER_RPC_STREAM_REACTOR_H_
#define GRAPHFEED_SERVER_RPC_STREAM_REACTOR_H_

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/stream_context.h"

namespace graphfeed {

// Starts a call of StreamBatches: a FrameStream whose sink is gRPC. Slabs are written as they are,
// behind a few header bytes; the slices refer to them and return them when they have been sent.
// The reactor deletes itself when the call is over.
grpc::ServerWriteReactor<grpc::ByteBuffer>* StartStream(StreamContext& streams,
                                                        grpc::CallbackServerContext& context,
                                                        const grpc::ByteBuffer& request);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_STREAM_REACTOR_H_
