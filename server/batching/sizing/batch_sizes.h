#ifndef GRAPHFEED_SERVER_BATCHING_SIZING_BATCH_SIZES_H_
#define GRAPHFEED_SERVER_BATCHING_SIZING_BATCH_SIZES_H_

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "proto/frame/size_choice.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/sizing/selected_sizes.h"
#include "storage/graph/schema.h"

namespace graphfeed {

using EpochBytes = __int128;  // of slabs

// What sizes of a spec's batches cost, and whether they are within a target. Overwrites the spec's
// options whenever it is asked. All must outlive it.
class BatchSizes {
 public:
  BatchSizes(const Schema& schema, const SizeTarget& target, int64_t max_batch_bytes,
             ResolvedSpec& spec)
      : schema_(schema), target_(target), max_batch_bytes_(max_batch_bytes), spec_(spec) {}

  // Of the slab; the largest integer if it exceeds max_batch_bytes.
  int64_t BatchBytes(const ResolvedOptions& options);
  bool Meets(const ResolvedOptions& options);
  // INVALID_ARGUMENT saying what `options`, the smallest there can be, are beyond.
  absl::Status Refusal(const ResolvedOptions& options);
  // Of the rows of these graphs, without any padding.
  EpochBytes RealBytes(const SizeTotals& totals);

 private:
  int64_t Counted(const ResolvedOptions& options);

  const Schema& schema_;
  const SizeTarget& target_;
  const int64_t max_batch_bytes_;
  ResolvedSpec& spec_;
};

// The smallest number in [1, most] that `meets`, as all larger ones do; none if `most` does not.
std::optional<int64_t> Smallest(int64_t most, absl::FunctionRef<bool(int64_t)> meets);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_SIZING_BATCH_SIZES_H_
