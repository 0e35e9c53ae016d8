#ifndef GRAPHFEED_SERVER_RPC_METHODS_H_
#define GRAPHFEED_SERVER_RPC_METHODS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "server/access/principal.h"
#include "server/metrics/metrics.h"

namespace graphfeed {

// The service's methods, as its description has them.
std::vector<Metrics::Method> GraphFeedMethods();

// Any of which a caller must have for a method; empty: whoever is known may call it.
RoleSet RolesFor(absl::string_view method);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_METHODS_H_
