#ifndef GRAPHFEED_SERVER_BATCHING_BATCH_TENSORS_H_
#define GRAPHFEED_SERVER_BATCHING_BATCH_TENSORS_H_

#include <cstdint>
#include <vector>

#include "proto/frame/layout.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A tensor of a batch and where its values come from.
struct BatchTensor {
  enum class Source : uint8_t {
    kColumn,    // rows of `column`
    kOrdinals,  // which graph each element belongs to: batch, k_batch
    kPtr,       // where each graph's elements begin: ptr, k_ptr
    kMask,      // true for real elements
    // Sampled batches (SampledBatch):
    kNodeIds,          // n_id: the nodes' ids in the dataset
    kEdgeIds,          // e_id
    kInputIds,         // input_id: the seeds' positions in the selection; -1 beyond the real ones
    kTrees,            // disjoint ones: the tree of each node; -1 in padding
    kLabelIndex,       // edge_label_index
    kLabels,           // edge_label
    kLabelMask,        // edge_label_mask
    kLabelSources,     // src_index of triplets
    kLabelTargets,     // dst_pos_index
    kNegativeTargets,  // dst_neg_index
  };

  TensorSpec spec;
  Source source = Source::kColumn;
  int column = -1;  // kColumn: index into Schema::columns
  // kOrdinals, kPtr: what is counted. `rows_per_graph` for graph level.
  Level level = Level::kNode;
  int64_t rows_per_graph = 0;
};

// All tensors of a spec's batches, in the order of the layout (MakeLayout).
std::vector<BatchTensor> BatchTensors(const Schema& schema, const ResolvedSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_BATCH_TENSORS_H_
