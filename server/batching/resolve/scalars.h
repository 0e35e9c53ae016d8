#ifndef GRAPHFEED_SERVER_BATCHING_RESOLVE_SCALARS_H_
#define GRAPHFEED_SERVER_BATCHING_RESOLVE_SCALARS_H_

#include "absl/status/status.h"
#include "proto/frame/batch_spec.h"

namespace graphfeed {

// Checks what can be told from the request alone: choices, numbers, and which of them exclude each
// other. INVALID_ARGUMENT naming field, value and limit.
absl::Status CheckScalars(const BatchSpec& request);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RESOLVE_SCALARS_H_
