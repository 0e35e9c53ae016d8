#ifndef GRAPHFEED_PROTO_FRAME_BATCH_SPEC_H_
#define GRAPHFEED_PROTO_FRAME_BATCH_SPEC_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/frame/strategy.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// As users write them, before the dataset's types are known.
struct FixedSizeOptions {
  // One entry with the key "" for all types alike (copied in full to each), or one per type.
  std::map<std::string, int64_t> num_nodes;
  // Empty: T * (T - 1) for every edge type, T being the sum of num_nodes as written.
  std::map<std::string, int64_t> num_edges;
  int64_t num_graphs = 2;
  double node_pad_value = 0;
  double edge_pad_value = 0;
  double graph_pad_value = 0;
  std::map<std::string, double> pad_graph_defaults;
  // By column of which every graph has its own number of rows: how many rows a batch has.
  std::map<std::string, int64_t> num_rows = {};
};

// Which graphs, in which order, before shuffling.
struct Selection {
  enum class Kind : uint8_t { kAll = 0, kRange = 1, kIds = 2 };
  Kind kind = Kind::kAll;
  int64_t start = 0;  // kRange: [start, stop)
  int64_t stop = 0;
  std::vector<int64_t> ids;          // kIds
  std::vector<int64_t> batch_sizes;  // explicit batches: cuts of the selection; may be empty

  int64_t size(int64_t num_graphs) const;
  int64_t operator()(int64_t position) const {  // graph at a position of the selection
    return kind == Kind::kIds ? ids[position] : start + position;
  }
};

// Seed edges: of an edge type, the selection holding edge ids, or explicit pairs.
struct LinkSeeds {
  std::string edge_type;         // "source|relation|target"; empty: the only one
  std::vector<int64_t> sources;  // explicit pairs; else empty
  std::vector<int64_t> targets;
  std::vector<int64_t> labels;  // one per pair or edge; empty: 1 for every positive
  NegativeMode negative_mode = NegativeMode::kNone;
  double negative_amount = 1;       // negatives per positive
  bool exclude_seed_edges = false;  // a batch's positives are kept out of its subgraph
  std::vector<float> float_labels;  // instead of `labels`: ratings and the like; no NaN

  friend bool operator==(const LinkSeeds&, const LinkSeeds&) = default;
};

// How kNeighbor and kCluster take a batch out of a single graph.
struct SamplingSpec {
  // By edge type ("" for every one): in-neighbours taken in each hop; -1 all, 0 none.
  std::map<std::string, std::vector<int64_t>> num_neighbors;
  bool replace = false;
  SubgraphType subgraph_type = SubgraphType::kDirectional;
  bool disjoint = false;
  std::string time_attr;  // node column, or if there is none edge column; not empty: temporal
  TemporalStrategy temporal_strategy = TemporalStrategy::kUniform;
  std::string weight_attr;          // edge column; not empty: weighted
  std::string input_type;           // the seeds' node type; empty: the only one
  std::string input_mask;           // node column: the seeds are where it is true, ascending
  std::vector<int64_t> input_time;  // one per seed; empty: the seeds' own times
  std::optional<LinkSeeds> links;
  std::string partition;  // kCluster: the node column that numbers the clusters

  friend bool operator==(const SamplingSpec&, const SamplingSpec&) = default;
};

// Everything that determines batches but seed, epoch and ordinal; as asked for.
struct BatchSpec {
  Strategy strategy = Strategy::kPadToMax;
  OverSize over_size = OverSize::kError;
  std::optional<FixedSizeOptions> options;  // unset: derived (EstimateSizes)
  int64_t batch_size = 0;  // plain: graphs of a batch; else options.num_graphs, or 0
  Selection selection;
  bool shuffle = false;
  bool drop_last = false;
  IncompleteStep incomplete_step = IncompleteStep::kFill;
  int64_t micro_batches = 1;
  bool masks = true;
  std::vector<std::string> exclude_keys;
  std::vector<std::string> follow_batch;
  DType index_dtype = DType::kInt64;
  std::vector<std::string> narrow_columns;
  std::vector<std::string> float16_columns;
  int64_t sample_limit = 0;
  uint32_t algorithm_version = 0;  // 0: kAlgorithmVersion
  // Versions by purpose (server/batching/algorithms.h); those that are missing: the newest. What is
  // resolved has all that the spec uses.
  std::map<std::string, int64_t> algorithms = {};
  std::optional<SamplingSpec> sampling;  // kNeighbor and kCluster
  bool ragged = false;                   // kNeighbor and kCluster without padding
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_BATCH_SPEC_H_
