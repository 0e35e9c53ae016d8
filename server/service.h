#ifndef GRAPHFEED_SERVER_SERVICE_H_
#define GRAPHFEED_SERVER_SERVICE_H_

#include <memory>

#include "grpcpp/impl/service_type.h"
#include "server/executor.h"
#include "server/handlers.h"
#include "server/ingest_reactor.h"
#include "server/stream_reactor.h"

namespace graphfeed {

// graphfeed.v1.GraphFeed over gRPC's callback API. No method blocks: calls that answer once run on
// the build pool, streams and ingests have reactors of their own. The arguments must outlive the
// service.
std::unique_ptr<grpc::Service> MakeGraphFeedService(Calls& calls, Executor& build_pool,
                                                    Executor& ingest_pool, Handlers& handlers,
                                                    StreamContext& streams, IngestContext& ingests);

// "graphfeed.v1.GraphFeed", as health checks name it.
const char* GraphFeedServiceName();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVICE_H_
