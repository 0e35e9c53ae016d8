#ifndef GRAPHFEED_SERVER_BATCHING_BATCH_TENSORS_H_
#define GRAPHFEED_SERVER_BATCHING_BATCH_TENSORS_H_

#include <cstdint>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/frame/layout.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// A tensor of a batch and where its values come from.
struct BatchTensor {
  // Rows of Schema::columns[index].
  struct Column {
    int index;
  };
  // What the sizes of the batch's graphs alone say, of the elements of `level`.
  enum class Structure : uint8_t {
    kOrdinals,  // which graph each element belongs to: batch, k_batch
    kPtr,       // where each graph's elements begin: ptr, k_ptr
    kMask,      // true for real elements
  };
  // What a sampler found beside rows.
  enum class Sampled : uint8_t {
    kNodeIds,          // n_id: the nodes' ids in the dataset
    kEdgeIds,          // e_id
    kInputIds,         // input_id: the seeds' positions in the selection; -1 beyond the real ones
    kTrees,            // disjoint ones: the tree of each node; -1 in padding
    kLabelIndex,       // edge_label_index
    kLabels,           // edge_label
    kLabelMask,        // edge_label_mask
    kSeedTimes,        // seed_time: the given times of the seeds, 0 beyond the real ones
    kLabelTimes,       // edge_label_time: of the labelled pairs
    kLabelSources,     // src_index of triplets
    kLabelTargets,     // dst_pos_index
    kNegativeTargets,  // dst_neg_index
  };

  TensorSpec spec;
  std::variant<Column, Structure, Sampled> source;
  Level level = Level::kNode;
  // kOrdinals and kPtr of graphs: how many rows each has, or kVarying: those of spec.type.
  int64_t rows_per_graph = 0;
};

// All tensors of a spec's batches, in the order of the layout (MakeLayout).
std::vector<BatchTensor> BatchTensors(const Schema& schema, const ResolvedSpec& spec);

// The layout of batches of a resolved spec, without places when it is ragged. Order of tensors:
// homogeneous and fixed-size: x, edge_index, edge_attr, y, pos, then all others by name;
// homogeneous and plain: the columns in schema order, batch, ptr; heterogeneous: graph-level
// columns, graphs_mask, then each node type (columns, batch, ptr, nodes_mask) and each edge type
// (columns, edges_mask). Sampled ones have n_id behind each node type's columns, e_id behind each
// edge type's, and input_id and labels in the store of the seeds; plain sampled ones have neither
// batch nor ptr. `max_bytes` bounds a fixed-size slab (RESOURCE_EXHAUSTED).
absl::StatusOr<Layout> MakeLayout(const Schema& schema, const ResolvedSpec& spec,
                                  int64_t max_bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_BATCH_TENSORS_H_
