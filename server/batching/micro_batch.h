#ifndef GRAPHFEED_SERVER_BATCHING_MICRO_BATCH_H_
#define GRAPHFEED_SERVER_BATCHING_MICRO_BATCH_H_

#include <cstdint>
#include <vector>

#include "proto/frame/layout.h"
#include "server/batching/resolved_spec.h"
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

// One batch on its way into a slab: its graphs, and where their elements will lie.
struct MicroBatch {
  int64_t batch = 0;            // of the epoch
  std::vector<int64_t> graphs;  // the real ones
  Counts real;                  // what the batch will hold of them
  // By type: where the elements of each graph begin in the batch, with the end as last entry. Real
  // graphs, followed by the padding graphs once AddPadding has been called.
  std::vector<std::vector<int64_t>> node_ptr;
  std::vector<std::vector<int64_t>> edge_ptr;
  std::vector<Survivors> node_survivors;  // by type
  std::vector<Survivors> edge_survivors;

  // Takes the graphs as they are stored. Keeps the vectors' memory, so that a MicroBatch can be
  // used again without allocating.
  void Start(const GraphOffsets& offsets);

  // Appends the padding graphs. The padding elements of each type are divided evenly, the first
  // padding graphs get one more. Requires that the batch fits.
  void AddPadding(const ResolvedOptions& options);

  int64_t num_real_graphs() const { return static_cast<int64_t>(graphs.size()); }
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_MICRO_BATCH_H_
