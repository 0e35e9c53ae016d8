#ifndef GRAPHFEED_SERVER_BATCHING_RESOLVE_COLUMNS_H_
#define GRAPHFEED_SERVER_BATCHING_RESOLVE_COLUMNS_H_

#include "absl/status/status.h"
#include "proto/frame/batch_spec.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Sets what `spec` says of columns (exclude_keys, follow_batch, narrow_columns, float16_columns),
// and checks every column against it: names, dtypes that must hold values and sizes, pad values.
// The rest of `spec` is resolved. INVALID_ARGUMENT naming field, value and limit.
absl::Status ResolveColumns(const BatchSpec& request, const DatasetInfo& dataset,
                            const GraphOffsets& offsets, ResolvedSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RESOLVE_COLUMNS_H_
