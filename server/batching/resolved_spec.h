#ifndef GRAPHFEED_SERVER_BATCHING_RESOLVED_SPEC_H_
#define GRAPHFEED_SERVER_BATCHING_RESOLVED_SPEC_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/frame/batch_spec.h"
#include "server/batching/algorithms.h"
#include "server/batching/resolved_sampling.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/dtype.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Padded totals of one batch, one entry per type. Padding counts in them: num_graphs is the real
// graphs and at least one padding graph.
struct ResolvedOptions {
  std::vector<int64_t> num_nodes;  // by node type
  std::vector<int64_t> num_edges;  // by edge type
  int64_t num_graphs = 2;
  double node_pad_value = 0;
  double edge_pad_value = 0;
  double graph_pad_value = 0;
  // Values of non-tensor columns in padding graphs, instead of the first real graph's.
  std::map<std::string, double> pad_graph_defaults;
  std::map<std::string, int64_t> num_rows = {};  // one for each of ResolvedSpec::row_columns
};

// The same, resolved against a dataset: defaults filled in, derived options explicit. What Plan
// and Collater work from, and what the digest covers.
struct ResolvedSpec {
  Strategy strategy = Strategy::kPadToMax;
  OverSize over_size = OverSize::kError;
  ResolvedOptions options;  // fixed-size strategies only
  // Plain: graphs of a batch; sampled: seeds (seed edges, clusters); else == options.num_graphs.
  int64_t batch_size = 0;
  Selection selection;
  bool shuffle = false;
  bool drop_last = false;
  IncompleteStep incomplete_step = IncompleteStep::kFill;
  int64_t micro_batches = 1;
  bool masks = true;
  std::vector<std::string> exclude_keys;  // sorted, unique
  std::vector<std::string> follow_batch;  // sorted, unique
  DType index_dtype = DType::kInt64;
  std::vector<std::string> narrow_columns;   // sorted, unique
  std::vector<std::string> float16_columns;  // sorted, unique
  std::optional<ResolvedSampling> sampling;  // kNeighbor and kCluster
  bool ragged = false;                       // no padding; always so for kPlain
  // Columns of the schema that are in batches and of which every graph has its own number of rows,
  // by name. Counts::rows and Axis::kRows count by them.
  std::vector<int> row_columns;
  AlgorithmVersions algorithms;
  // The dataset's types, for messages: Schema::node_types, Schema::EdgeTypeName.
  std::vector<std::string> node_types;
  std::vector<std::string> edge_types;

  bool fixed_size() const { return !ragged; }
  // What a batch takes from the selection: seeds, seed edges or clusters; graphs (padded batches
  // are not fewer than that because one graph is kept for padding).
  int64_t items_per_batch() const {
    return fixed_size() && !sampling.has_value() ? options.num_graphs - 1 : batch_size;
  }
  // Memory of what requests can make long: ids, times, seed edges, names.
  int64_t list_bytes() const;
};

// Schema::EdgeTypeName of all edge types.
std::vector<std::string> EdgeTypeNames(const Schema& schema);

// Validates a request whole and resolves it. INVALID_ARGUMENT naming field, value and limit (a
// column that does not exist, a pad value its dtype cannot hold, an index out of the dataset, a
// dtype narrowing that the column's values or the batch's sizes exceed, ...). Does not look for
// batches that cannot fit: that is the plan's business.
//
// For sampled strategies `offsets` has no types, and its num_graphs is the number of items that
// the selection chooses from (SeedSet); options must be set or `ragged` be true.
absl::StatusOr<ResolvedSpec> ResolveSpec(const BatchSpec& request, const DatasetInfo& dataset,
                                         const GraphOffsets& offsets);

// 128-bit hash of the canonical encoding of a resolved spec (docs/determinism.md), including
// kAlgorithmVersion and the versions of the algorithms that the spec uses.
Fingerprint SpecDigest(const ResolvedSpec& spec, const Schema& schema,
                       const AlgorithmVersions& algorithms);
inline Fingerprint SpecDigest(const ResolvedSpec& spec, const Schema& schema) {
  return SpecDigest(spec, schema, spec.algorithms);
}

// The request that resolves to `spec` on the same dataset, with nothing left to derive: what
// servers send back and clients reconnect with.
BatchSpec SpecFromResolved(const ResolvedSpec& spec, const Schema& schema);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_RESOLVED_SPEC_H_
