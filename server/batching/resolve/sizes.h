#ifndef GRAPHFEED_SERVER_BATCHING_RESOLVE_SIZES_H_
#define GRAPHFEED_SERVER_BATCHING_RESOLVE_SIZES_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/frame/batch_spec.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Fills in types and defaults. INVALID_ARGUMENT naming field, value and limit.
absl::StatusOr<ResolvedOptions> ResolveOptions(const FixedSizeOptions& request,
                                               const Schema& schema);

// Options as clients write them: homogeneous ones without naming the single type.
FixedSizeOptions RequestFromOptions(const ResolvedOptions& options, const Schema& schema);

// FixedSizeOptions.from_dataset: largest size of a selected graph x (batch_size - 1) + 1, per
// type (of rows of columns where their number varies without the 1), of the first `sample_limit`
// graphs of the selection (0: all). INVALID_ARGUMENT for batch_size < 2 or an empty selection.
absl::StatusOr<ResolvedOptions> EstimateSizes(const Schema& schema, const GraphOffsets& offsets,
                                              const Selection& selection, int64_t batch_size,
                                              int64_t sample_limit);

// Sets batch_size and options of `spec`, whose strategy, selection and sampling are resolved.
absl::Status ResolveSizes(const BatchSpec& request, const Schema& schema,
                          const GraphOffsets& offsets, ResolvedSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RESOLVE_SIZES_H_
