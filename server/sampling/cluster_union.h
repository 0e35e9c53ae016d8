#ifndef GRAPHFEED_SERVER_SAMPLING_CLUSTER_UNION_H_
#define GRAPHFEED_SERVER_SAMPLING_CLUSTER_UNION_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "server/sampling/edge_limit.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/subgraph.h"

namespace graphfeed {

// The nodes of a homogeneous graph by cluster, read once from a partition column (one integer per
// node, 0 to num_parts - 1; parts may be empty). Immutable.
struct Clusters {
  std::vector<int64_t> ptr;    // cluster c has nodes[ptr[c] .. ptr[c + 1])
  std::vector<int64_t> nodes;  // ascending within a cluster

  int64_t num_clusters() const { return static_cast<int64_t>(ptr.size()) - 1; }

  // There are as many clusters as the largest value says. INVALID_ARGUMENT if the graph is not
  // one homogeneous graph, if the column is no integer node column of one value a row, or for a
  // value outside [0, num_nodes), naming the node.
  static absl::StatusOr<Clusters> Read(const GraphView& graph, int column);
};

// The subgraph of the union of some clusters (Chiang et al. 2019): their nodes, cluster after
// cluster in the given order, and every edge of the graph between them, by source and then by
// target as the batch numbers them (so cluster after cluster too), parallel edges by edge id: as
// PyG's ClusterLoader has them. None are seeds. INVALID_ARGUMENT for a cluster that does not
// exist or is given twice.
//
// Time and memory are proportional to the nodes and their in-edges, not to the graph; more than
// `max_edges` edges are RESOURCE_EXHAUSTED.
absl::Status UniteClusters(const GraphView& graph, const Clusters& clusters,
                           absl::Span<const int64_t> chosen, Subgraph& subgraph,
                           int64_t max_edges = kMaxSampledEdges);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_CLUSTER_UNION_H_
