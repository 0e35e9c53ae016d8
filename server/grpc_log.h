#ifndef GRAPHFEED_SERVER_GRPC_LOG_H_
#define GRAPHFEED_SERVER_GRPC_LOG_H_

#include "absl/status/status.h"
#include "server/logging/event_log.h"

namespace graphfeed {

// gRPC's own lines, of which a process has one way out.

// From now on they are looked at. Before gRPC starts; again is nothing.
void WatchGrpcLog();
// Where they go from now on, without what they tell of headers that prove who somebody is; null:
// to standard error. `log` must outlive the process.
void SendGrpcLogTo(EventLog* log);

// RESOURCE_EXHAUSTED when gRPC has said that it accepts no further connections.
absl::Status CheckAccepts();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_GRPC_LOG_H_
