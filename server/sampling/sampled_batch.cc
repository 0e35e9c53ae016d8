#include "server/sampling/sampled_batch.h"

namespace graphfeed {

void SampledBatch::Clear(size_t num_node_types, size_t num_edge_types) {
  subgraph.Clear(num_node_types, num_edge_types);
  input_ids.clear();
  label_source.clear();
  label_target.clear();
  labels.clear();
  float_labels.clear();
  times.clear();
  negative_target.clear();
  trimmed.Clear(num_node_types, num_edge_types);
}

}  // namespace graphfeed
