#ifndef GRAPHFEED_SERVER_BATCHING_RESOLVE_SELECTION_H_
#define GRAPHFEED_SERVER_BATCHING_RESOLVE_SELECTION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/frame/batch_spec.h"
#include "server/batching/resolved_spec.h"

namespace graphfeed {

// INVALID_ARGUMENT for graphs that do not exist and for an empty selection.
absl::Status CheckSelection(const Selection& selection, int64_t num_graphs);

// Checks the selection of a request and its batch sizes. Equal selections become equal values: a
// list that counts up by one is a range, the whole range is all graphs.
absl::StatusOr<Selection> ResolveSelection(const BatchSpec& request, int64_t num_graphs);

// INVALID_ARGUMENT for a list of a sampled spec that has not one entry for each selected seed.
// `num_items` is what the selection chooses from.
absl::Status CheckSeedLists(const ResolvedSpec& spec, int64_t num_items);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RESOLVE_SELECTION_H_
