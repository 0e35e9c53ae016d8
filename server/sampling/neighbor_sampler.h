#ifndef GRAPHFEED_SERVER_SAMPLING_NEIGHBOR_SAMPLER_H_
#define GRAPHFEED_SERVER_SAMPLING_NEIGHBOR_SAMPLER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/frame/batch_spec.h"
#include "server/sampling/subgraph.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/graph_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// What to sample, resolved against a schema.
struct NeighborSamplerOptions {
  // [edge type][hop]: in-neighbours taken of each node of the hop's frontier; -1 all, 0 none. As
  // many hops for every edge type.
  std::vector<std::vector<int64_t>> num_neighbors;
  bool replace = false;
  SubgraphType subgraph_type = SubgraphType::kDirectional;
  bool disjoint = false;  // a tree of its own for each seed
  // Temporal: integer node columns (Schema::columns) by node type; -1 where a type has none (its
  // nodes are always allowed). Empty: not temporal. Implies disjoint.
  std::vector<int> time_columns;
  TemporalStrategy temporal_strategy = TemporalStrategy::kUniform;
  // Weighted: float edge columns by edge type; -1 where a type has none (uniform). Empty: uniform.
  std::vector<int> weight_columns;
  // Nodes of all types together above which relabelling hashes instead of using dense tables of
  // 8 bytes a node.
  int64_t max_dense_nodes = int64_t{1} << 27;
};

// Seeds of one batch.
struct Seeds {
  int node_type = 0;
  absl::Span<const int64_t> nodes;
  // Temporal: no neighbour later than its seed's time. Empty: the seeds' own times.
  absl::Span<const int64_t> times;
};

// Samples the neighbourhoods of seed nodes, hop by hop, against the direction of the edges, as
// PyG's NeighborLoader does (Hamilton et al. 2017; one loop for homogeneous and heterogeneous
// graphs). Within a hop the edge types come in the order of "source|relation|target"; a node is
// expanded in the hop after the one that found it.
//
// Draws come from the counters (batch; hop and edge type; place in the frontier), and which
// positions are chosen depends on the degree alone: a subgraph is a function of the graph, the
// options, the random key, the batch and the seeds. Without replacement by Floyd's algorithm
// (Bentley and Floyd 1987), unbiased.
//
// Immutable and thread-safe; working memory belongs to a Scratch, one for each thread.
class NeighborSampler {
 public:
  class Scratch;

  // `schema` and the stores must outlive the sampler. `features` is read for times and weights.
  static absl::StatusOr<std::unique_ptr<NeighborSampler>> Create(const Schema& schema,
                                                                 NeighborSamplerOptions options,
                                                                 GraphStore& graph,
                                                                 FeatureStore& features);
  ~NeighborSampler();

  std::unique_ptr<Scratch> NewScratch() const;
  // Bytes of a scratch before its first batch; what batches add is proportional to their size.
  int64_t scratch_bytes() const;

  // Replaces `subgraph`. Draws are those of CounterRandom(seed, epoch, RandomPurpose::kNeighbors)
  // at counters of `batch`.
  absl::Status Sample(uint64_t seed, int64_t epoch, uint64_t batch, const Seeds& seeds,
                      Scratch& scratch, Subgraph& subgraph) const;

 private:
  class Impl;
  explicit NeighborSampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_NEIGHBOR_SAMPLER_H_
