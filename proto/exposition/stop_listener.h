#ifndef GRAPHFEED_PROTO_EXPOSITION_STOP_LISTENER_H_
#define GRAPHFEED_PROTO_EXPOSITION_STOP_LISTENER_H_

#include <string>

#include "absl/functional/function_ref.h"

namespace graphfeed {

// Runs `stop`, which waits for a thread that sits in poll() on a listening socket and looks for the
// end only when poll() returns (civetweb: every 2 s). Until `stop` has returned, connections are
// made to the socket, each of which makes poll() return.
//
// `address` is what the socket was bound to, "host:port" with a numeric host that may be a wildcard
// or missing; `port` the port that it got. Nothing connects to another kind of address: then `stop`
// takes its time.
void StopListener(const std::string& address, int port, absl::FunctionRef<void()> stop);

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_EXPOSITION_STOP_LISTENER_H_
