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

// Whether a call of it takes as long as its stream does.
bool IsStreaming(absl::string_view method);

// What a call of it is in audits: "ingest"; empty for what changes nothing.
absl::string_view AuditedAs(absl::string_view method);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_METHODS_H_
