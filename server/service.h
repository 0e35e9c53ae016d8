#ifndef GRAPHFEED_SERVER_SERVICE_H_
#define GRAPHFEED_SERVER_SERVICE_H_

#include <memory>

#include "grpcpp/impl/service_type.h"
#include "server/executor.h"
#include "server/export_reactor.h"
#include "server/handlers.h"
#include "server/ingest_reactor.h"
#include "server/stream_reactor.h"

namespace graphfeed {

// Where calls that answer once run.
struct ServicePools {
  Executor& build;      // what reads
  Executor& ingest;     // what writes
  Executor& partition;  // one thread: a partition takes minutes and a lot of memory
};

// graphfeed.v1.GraphFeed over gRPC's callback API. No method blocks: calls that answer once run on
// the pools, streams and ingests have reactors of their own. The arguments must outlive the
// service.
std::unique_ptr<grpc::Service> MakeGraphFeedService(Calls& calls, const ServicePools& pools,
                                                    Handlers& handlers, StreamContext& streams,
                                                    TransferContext& ingests,
                                                    TransferContext& exports);

// "graphfeed.v1.GraphFeed", as health checks name it.
const char* GraphFeedServiceName();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVICE_H_
