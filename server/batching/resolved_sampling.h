#ifndef GRAPHFEED_SERVER_BATCHING_RESOLVED_SAMPLING_H_
#define GRAPHFEED_SERVER_BATCHING_RESOLVED_SAMPLING_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/frame/batch_spec.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Seed edges: all edges of the type (the selection holds edge ids), or explicit pairs (the
// selection holds their places).
struct ResolvedLinks {
  int edge_type = 0;
  bool explicit_pairs = false;
  std::vector<int64_t> sources;
  std::vector<int64_t> targets;
  std::vector<int64_t> labels;  // one for each selected one; empty: none
  NegativeMode negative_mode = NegativeMode::kNone;
  double negative_amount = 1;
  bool exclude_seed_edges = false;
  std::vector<float> float_labels;  // instead of labels

  // Negatives of a batch of `seeds` seed edges: rounded up, of the batch (binary) or of each seed
  // edge (triplets).
  int64_t NumNegatives(int64_t seeds) const;
  int64_t negatives_per_seed() const { return NumNegatives(1); }
  // Labelled pairs of a batch: edge_label_index. Triplets have none.
  int64_t NumLabels(int64_t seeds) const;
  // Whether edge_label exists, and in which form: integers as given, or else as float32.
  bool labelled() const {
    return !labels.empty() || !float_labels.empty() || negative_mode == NegativeMode::kBinary;
  }
  // Binary negatives are labelled 0, as in PyG's LinkNeighborLoader: given labels come out one
  // higher where the smallest of them is 0, and else as they are.
  bool keep_labels = false;  // what the latter are beside binary negatives
  bool RaisesLabels() const { return negative_mode == NegativeMode::kBinary && !keep_labels; }
};

// SamplingSpec resolved against a schema: types and columns by number, defaults filled in.
struct ResolvedSampling {
  std::vector<std::vector<int64_t>> num_neighbors;  // [edge type][hop]; kNeighbor
  bool replace = false;
  SubgraphType subgraph_type = SubgraphType::kDirectional;
  bool disjoint = false;  // temporal implies it
  std::string time_attr;
  bool edge_times = false;        // time_attr names edge columns
  std::vector<int> time_columns;  // by node (edge) type, -1: none; empty: not temporal
  TemporalStrategy temporal_strategy = TemporalStrategy::kUniform;
  std::string weight_attr;
  std::vector<int> weight_columns;  // by edge type, -1: none; empty: uniform
  int input_type = 0;               // node type of the seeds; not with links
  int input_mask = -1;              // bool node column; -1: the selection holds node ids
  std::vector<int64_t> input_time;  // one for each selected seed; empty: the seeds' own
  std::optional<ResolvedLinks> links;
  int partition = -1;          // kCluster: node column
  bool times_ignored = false;  // by negatives: AlgorithmVersions::timed_negatives is 1

  // Whether negatives are drawn of nodes that are not later than their seed edge: an end of the
  // edge type has times.
  bool TimesNegatives(const Schema& schema) const {
    return !times_ignored && HasTimedNegatives(schema);
  }
  // Whether they are in the newest version.
  bool HasTimedNegatives(const Schema& schema) const;
};

// Checks everything that can be told without reading rows; fan-outs and columns are left to
// NeighborSampler::Create. INVALID_ARGUMENT naming field, value and rule. Requires kNeighbor or
// kCluster.
absl::StatusOr<ResolvedSampling> ResolveSampling(const BatchSpec& request,
                                                 const DatasetInfo& dataset);

// The request that resolves to `sampling`.
SamplingSpec SamplingFromResolved(const ResolvedSampling& sampling, const Schema& schema);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RESOLVED_SAMPLING_H_
