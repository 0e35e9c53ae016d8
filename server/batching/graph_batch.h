#ifndef GRAPHFEED_SERVER_BATCHING_GRAPH_BATCH_H_
#define GRAPHFEED_SERVER_BATCHING_GRAPH_BATCH_H_

#include <cstdint>
#include <vector>

#include "server/batching/micro_batch.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// What trimming left of the elements of one type, counted over the batch's graphs one after the
// other as they are stored. Empty when nothing of the type was trimmed.
struct Survivors {
  std::vector<uint8_t> keep;        // by stored element
  std::vector<int64_t> new_id;      // nodes only, by stored node: its id in the trimmed graph
  std::vector<int64_t> stored_ptr;  // where each graph's stored elements begin; one more at the end

  bool trimmed() const { return !keep.empty(); }
};

// A batch of whole graphs of a collection, less what was trimmed.
struct GraphBatch : MicroBatch {
  int64_t batch = 0;                      // of the epoch
  std::vector<int64_t> graphs;            // the real ones
  std::vector<Survivors> node_survivors;  // by type
  std::vector<Survivors> edge_survivors;

  // Takes the graphs as they are stored. Keeps the vectors' memory, so that a GraphBatch can be
  // used again without allocating.
  void Start(const GraphOffsets& offsets, const std::vector<int>& row_columns);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_GRAPH_BATCH_H_
