#ifndef GRAPHFEED_SERVER_SAMPLING_SAMPLED_BATCH_H_
#define GRAPHFEED_SERVER_SAMPLING_SAMPLED_BATCH_H_

#include <cstdint>
#include <vector>

#include "proto/frame/layout.h"
#include "server/sampling/subgraph.h"

namespace graphfeed {

// One batch of a sampled spec before any padding. Vectors keep their memory from batch to batch.
struct SampledBatch {
  // Fits the limits of the spec, if it has any. Empty for a null batch.
  Subgraph subgraph;
  // Of each seed (seed edge, cluster): its position in the selection.
  std::vector<int64_t> input_ids;
  // Seed edges: ends of the labelled pairs, as places in the subgraph's nodes of the edge type's
  // source and target type. The seed edges first, then negatives (binary).
  std::vector<int32_t> label_source;
  std::vector<int32_t> label_target;
  // Of these pairs, one of them: empty where nothing is labelled.
  std::vector<int64_t> labels;
  std::vector<float> float_labels;
  std::vector<int64_t> times;  // of these pairs, or of the seeds; empty unless given
  // Triplets: `negatives per seed edge` places of targets for each seed edge, one after the other.
  std::vector<int32_t> negative_target;
  // What was cut off to make it fit, by type.
  Counts trimmed;

  bool null() const { return input_ids.empty(); }
  void Clear(size_t num_node_types, size_t num_edge_types);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SAMPLED_BATCH_H_
