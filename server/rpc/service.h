#ifndef GRAPHFEED_SERVER_RPC_SERVICE_H_
#define GRAPHFEED_SERVER_RPC_SERVICE_H_

#include <memory>
#include <vector>

#include "grpcpp/impl/service_type.h"
#include "server/metrics/metrics.h"
#include "server/rpc/export_reactor.h"
#include "server/rpc/handlers.h"
#include "server/rpc/ingest_reactor.h"
#include "server/rpc/stream_reactor.h"
#include "server/serving/task_queue.h"

namespace graphfeed {

// Where calls that answer once run.
struct ServicePools {
  TaskQueue& build;      // what reads
  TaskQueue& planning;   // what opens recipes, plans and estimates
  TaskQueue& ingest;     // what writes
  TaskQueue& partition;  // one thread: a partition takes minutes and memory of its own
};

// graphfeed.v1.GraphFeed over gRPC's callback API. No method blocks: calls that answer once run on
// the pools, streams and ingests have reactors of their own. The arguments must outlive the
// service.
std::unique_ptr<grpc::Service> MakeGraphFeedService(Calls& calls, const ServicePools& pools,
                                                    Handlers& handlers, StreamContext& streams,
                                                    TransferContext& ingests,
                                                    TransferContext& exports);

// The service's methods, as its description has them.
std::vector<Metrics::Method> GraphFeedMethods();

// "graphfeed.v1.GraphFeed", as health checks name it.
const char* GraphFeedServiceName();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_SERVICE_H_
