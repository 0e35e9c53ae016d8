#ifndef GRAPHFEED_SERVER_BATCHING_COLUMNS_H_
#define GRAPHFEED_SERVER_BATCHING_COLUMNS_H_

#include "absl/strings/string_view.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// How a spec shows the columns of a dataset in its batches.

// Whether the column is part of batches: strings and excluded names are not, nor what seed edges
// replace.
bool IsBatched(const ColumnSchema& column, const ResolvedSpec& spec);

// In which dtype: index_dtype for int64 indices, int32 and float16 for the columns named so.
DType BatchDType(const ColumnSchema& column, const ResolvedSpec& spec);

// What padding rows hold, edge_index and non-tensors apart. Split masks are false whatever the
// options say, so that padding is never trained or evaluated on.
double PadValue(const ColumnSchema& column, const ResolvedOptions& options);

// Whether batches of a sampled spec hold a tensor of this name besides the columns.
bool IsSampledTensorName(const ResolvedSpec& spec, absl::string_view name);

// What n_id (e_id) holds in padding: the pad value, or 0 if that is no integer of the dtype. Only
// the masks tell real ones from padding.
double IdPadValue(DType dtype, double pad_value);

// Columns of this name, whose values are the ends of edges, have padding of their own.
bool IsEdgeIndex(const ColumnSchema& column);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_COLUMNS_H_
