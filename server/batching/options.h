#ifndef GRAPHFEED_SERVER_BATCHING_OPTIONS_H_
#define GRAPHFEED_SERVER_BATCHING_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/batching/resolved_spec.h"

namespace graphfeed {

// Fills in types and defaults. INVALID_ARGUMENT naming field, value and limit.
absl::StatusOr<ResolvedOptions> ResolveOptions(const FixedSizeOptions& request,
                                               const Schema& schema);

// Options as clients write them: homogeneous ones without naming the single type.
FixedSizeOptions RequestFromOptions(const ResolvedOptions& options, const Schema& schema);

// INVALID_ARGUMENT for graphs that do not exist and for an empty selection.
absl::Status CheckSelection(const Selection& selection, int64_t num_graphs);

// Schema::EdgeTypeName of all edge types.
std::vector<std::string> EdgeTypeNames(const Schema& schema);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_OPTIONS_H_
