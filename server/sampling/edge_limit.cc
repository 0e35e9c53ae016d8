#include "server/sampling/edge_limit.h"

#include "absl/strings/str_cat.h"

namespace graphfeed {

absl::Status CheckEdgeLimit(const Schema& schema, int edge_type, int64_t num_edges, int64_t limit) {
  if (num_edges <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "sampling takes ", num_edges, " edges of '", schema.EdgeTypeName(edge_type),
      "' or more; a batch holds at most ", limit, ": take fewer seeds, neighbours or clusters"));
}

}  // namespace graphfeed
