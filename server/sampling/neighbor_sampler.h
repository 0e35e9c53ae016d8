#ifndef GRAPHFEED_SERVER_SAMPLING_NEIGHBOR_SAMPLER_H_
#define GRAPHFEED_SERVER_SAMPLING_NEIGHBOR_SAMPLER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/frame/batch_spec.h"
#include "server/sampling/edge_limit.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/subgraph.h"

namespace graphfeed {

// What to sample, resolved against a schema.
struct NeighborSamplerOptions {
  // [edge type][hop]: in-neighbours taken of each node of the hop's frontier; -1 all, 0 none. As
  // many hops for every edge type; none at all: the subgraph of the seeds alone.
  std::vector<std::vector<int64_t>> num_neighbors = {};
  bool replace = false;
  // kDirectional: the sampled edges, in the order of hops, edge types, targets and draws.
  // kBidirectional: those and their reverses, by (source, target), each pair once
  // (AddReverseEdges in closure.h). kInduced: all edges between the sampled nodes, of every edge
  // type, by target and position.
  SubgraphType subgraph_type = SubgraphType::kDirectional;
  bool disjoint = false;  // a tree of its own for each seed
  // Temporal: integer node columns (Schema::columns) by node type; -1 where a type has none (its
  // nodes are always allowed). Empty: not temporal. Implies disjoint. A fan-out counts neighbours
  // that are not too late; -1 takes all of those. With `edge_times` they are edge columns by edge
  // type, and it is edges that may be too late; the seeds' times must then be given.
  bool edge_times = false;
  std::vector<int> time_columns = {};
  // kUniform: any of the allowed ones. kLast: the latest (of equal times those of later
  // positions), in position order; not with `replace` or weights, since nothing is drawn.
  TemporalStrategy temporal_strategy = TemporalStrategy::kUniform;
  // Weighted: float edge columns by edge type; -1 where a type has none (uniform). Empty: uniform.
  // Edges of weight zero are never taken, not even by -1.
  std::vector<int> weight_columns = {};
  // Nodes of all types together above which relabelling hashes instead of using dense tables of
  // 8 bytes a node. Decides about time and memory, never about bytes of a subgraph.
  int64_t max_dense_nodes = int64_t{1} << 27;
  // Edges of one type that a batch may take, before any trimming: what bounds its memory. With
  // replacement a fan-out is not bounded by the graph, nor in disjoint trees. Bidirectional ones
  // count with the added reverses, induced ones as sampled and as kept. At most kMaxEdgePlaces.
  int64_t max_edges = kMaxEdgePlaces;
};

// Seeds of one batch and node type.
struct Seeds {
  int node_type = 0;
  absl::Span<const int64_t> nodes = {};
  // Temporal: no neighbour later than its seed's time. Empty: the seeds' own times.
  absl::Span<const int64_t> times = {};
  // Disjoint: the tree of each seed, from 0 on. Empty: one for each. Seeds of one tree have one
  // time, that of the last of them.
  absl::Span<const int32_t> trees = {};
};

// Samples the neighbourhoods of seed nodes, hop by hop, against the direction of the edges, as
// PyG's NeighborLoader does (Hamilton et al. 2017; one loop for homogeneous and heterogeneous
// graphs). Within a hop the edge types come in the order of "source__relation__target", as PyG
// sorts them; a node is expanded in the hop after the one that found it. A repeated seed is
// expanded at each of its places, with draws of its own.
//
// Draws come from the counters (batch; hop and edge type; place in the frontier), and which
// positions are chosen depends on the degree alone (or, where asked for, on the neighbours' times
// and weights): a subgraph is a function of the graph, the options, the random key, the batch and
// the seeds (docs/determinism.md). Without replacement by Floyd's algorithm (Bentley and Floyd
// 1987), unbiased.
//
// Immutable and thread-safe; working memory belongs to a Scratch, one for each thread.
class NeighborSampler {
 public:
  class Scratch;

  // Features are read for times and weights. INVALID_ARGUMENT names the option, its value and the
  // rule.
  static absl::StatusOr<std::unique_ptr<NeighborSampler>> Create(const GraphView& graph,
                                                                 NeighborSamplerOptions options);
  ~NeighborSampler();

  // Whether relabelling by dense tables is the faster way; hashed ones make the same subgraphs.
  bool dense() const;
  // `dense_tables` only if dense().
  std::unique_ptr<Scratch> NewScratch(bool dense_tables) const;
  std::unique_ptr<Scratch> NewScratch() const { return NewScratch(dense()); }
  // Bytes of a scratch before its first batch; what batches add is proportional to their size and
  // to the degree of the largest hub that they meet.
  int64_t scratch_bytes() const;

  // Replaces `subgraph`. Draws are those of CounterRandom(seed, epoch, RandomPurpose::kNeighbors)
  // at counters of `batch`. `scratch` must be of a sampler of the same graph, dense only if
  // dense(). INVALID_ARGUMENT for seeds that do not exist, FAILED_PRECONDITION for weights or
  // reverse edges that the graph does not have as they should be, RESOURCE_EXHAUSTED beyond 2^31 -
  // 1 nodes or `max_edges`; after an error `subgraph` is unspecified.
  absl::Status Sample(uint64_t seed, int64_t epoch, uint64_t batch, const Seeds& seeds,
                      Scratch& scratch, Subgraph& subgraph) const {
    return Sample(seed, epoch, batch, absl::MakeConstSpan(&seeds, 1), scratch, subgraph);
  }
  // The same for seeds of several node types, each given once (the ends of seed edges).
  absl::Status Sample(uint64_t seed, int64_t epoch, uint64_t batch, absl::Span<const Seeds> seeds,
                      Scratch& scratch, Subgraph& subgraph) const;

 private:
  class Impl;
  explicit NeighborSampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Working memory of NeighborSampler::Sample, kept from batch to batch. Thread-compatible.
class NeighborSampler::Scratch {
 public:
  ~Scratch();

 private:
  friend class NeighborSampler;
  struct State;
  explicit Scratch(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_NEIGHBOR_SAMPLER_H_
