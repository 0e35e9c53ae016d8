#ifndef GRAPHFEED_SERVER_BATCHING_MICRO_BATCH_H_
#define GRAPHFEED_SERVER_BATCHING_MICRO_BATCH_H_

#include <cstdint>
#include <vector>

#include "proto/frame/layout.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// How much one batch on its way into a slab holds, and where its elements will lie.
struct MicroBatch {
  int64_t num_graphs = 0;  // with the padding graphs, once AddPadding has been called
  Counts real;             // what the batch holds of the dataset
  // By type: where the elements of each graph begin in the batch, with the end as last entry. Real
  // graphs, followed by the padding graphs once AddPadding has been called.
  std::vector<std::vector<int64_t>> node_ptr;
  std::vector<std::vector<int64_t>> edge_ptr;
  std::vector<std::vector<int64_t>> row_ptr = {};  // by ResolvedSpec::row_columns

  // Appends the padding graphs. The padding elements of each type are divided evenly, the first
  // padding graphs get one more. Requires that the batch fits.
  void AddPadding(const ResolvedOptions& options);

  // Graphs, or nodes or edges of a type. `type` is 0 for graphs.
  int64_t NumReal(Level level, int type) const;
  // Rows of a column's tensor that hold something, and all of them with padding.
  int64_t NumRealRows(const TensorSpec& column) const {
    return CountOf(column, real) * column.axis_scale;
  }
  int64_t NumRows(const TensorSpec& column) const;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_MICRO_BATCH_H_
