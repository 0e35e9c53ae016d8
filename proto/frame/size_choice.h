#ifndef GRAPHFEED_PROTO_FRAME_SIZE_CHOICE_H_
#define GRAPHFEED_PROTO_FRAME_SIZE_CHOICE_H_

#include <cstdint>

#include "proto/frame/batch_spec.h"
#include "proto/frame/named_enum.h"

namespace graphfeed {

// What bounds the batches that sizes are chosen for; padding counts in it.
enum class SizeLimit : uint8_t {
  kNodes = 1,   // num_nodes, all types together
  kBytes = 2,   // the slab of one batch
  kGraphs = 3,  // num_graphs
};

template <>
struct EnumTable<SizeLimit> {
  static constexpr EnumEntry<SizeLimit> kEntries[] = {{SizeLimit::kNodes, "num_nodes", "nodes"},
                                                      {SizeLimit::kBytes, "num_bytes", "bytes"},
                                                      {SizeLimit::kGraphs, "num_graphs", "graphs"}};
};

struct SizeTarget {
  SizeLimit limit = SizeLimit::kNodes;
  int64_t at_most = 0;

  static constexpr int64_t kMax = int64_t{1} << 40;
};

// Sizes that were chosen for a dataset and a strategy, and what an epoch with them is expected to
// be. Of large selections a sample was packed; its figures are then those of the sample, and
// num_batches is scaled up.
struct SizeChoice {
  FixedSizeOptions options;
  int64_t num_graphs = 0;      // selected
  int64_t sampled_graphs = 0;  // packed to find the figures; num_graphs: all
  int64_t num_batches = 0;
  int64_t lower_bound_batches = 0;  // no packing into these sizes needs fewer
  double node_efficiency = 1;       // real / padded nodes of an epoch, all types together
  double edge_efficiency = 1;
  double padding_share = 0;  // of the bytes of an epoch's batches
  int64_t batch_bytes = 0;   // slab of a batch
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SIZE_CHOICE_H_
