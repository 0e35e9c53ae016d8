#ifndef GRAPHFEED_SERVER_BATCHING_PADDING_H_
#define GRAPHFEED_SERVER_BATCHING_PADDING_H_

#include <cstddef>

#include "server/batching/batch_tensors.h"
#include "server/batching/micro_batch.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/row_writer.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// What writes rows of a column into the block of `batch`, as `tensor` has them.
RowWriter WriterOf(const ColumnSchema& column, const TensorSpec& tensor, const MicroBatch& batch);

// Fills what the real rows of a column's block leave, once they are written: PadValue; of
// non-tensors the user's default, or the first real graph's value; edge_index as the Collater
// promises, and node ids in columns of which graphs have different numbers of rows likewise.
// Requires a fixed size.
void PadColumn(const Schema& schema, const ResolvedOptions& options, const ColumnSchema& column,
               const TensorSpec& tensor, const MicroBatch& batch, std::byte* block);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_PADDING_H_
