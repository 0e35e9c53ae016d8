#ifndef GRAPHFEED_SERVER_SAMPLING_QUANTILE_SIZES_H_
#define GRAPHFEED_SERVER_SAMPLING_QUANTILE_SIZES_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/frame/layout.h"
#include "server/sampling/subgraph.h"

namespace graphfeed {

// Sizes of a sampled batch, by type; it is one graph.
Counts SizesOf(const Subgraph& subgraph);

// FixedSizeOptions.from_loader: for each type the smallest size that at least the share `quantile`
// of the batches does not exceed, and one more, which is left for padding; graphs likewise (2 for
// sampled batches). 1 is the maximum; below it a hub that one batch in thousands meets does not
// make all of them larger.
//
// No size gets smaller than that of `at_least` (without the one for padding; the seeds of a full
// batch, which are never trimmed); an empty Counts asks for nothing. INVALID_ARGUMENT for a
// quantile outside (0, 1], without batches, or for types that differ.
absl::StatusOr<Counts> QuantileSizes(absl::Span<const Counts> batches, double quantile,
                                     const Counts& at_least = {});

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_QUANTILE_SIZES_H_
