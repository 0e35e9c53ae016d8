#ifndef GRAPHFEED_SERVER_RPC_METHODS_H_
#define GRAPHFEED_SERVER_RPC_METHODS_H_

#include <vector>

#include "server/metrics/metrics.h"

namespace graphfeed {

// The service's methods, as its description has them.
std::vector<Metrics::Method> GraphFeedMethods();

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_METHODS_H_
