#ifndef GRAPHFEED_SERVER_SAMPLING_SIZE_ESTIMATE_H_
#define GRAPHFEED_SERVER_SAMPLING_SIZE_ESTIMATE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/scratch_pool.h"
#include "server/sampling/seed_set.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Which batches are looked at, and how many of them must fit.
struct SizeEstimateOptions {
  uint64_t seed = 0;
  int64_t epoch = 0;  // the first
  // Batches to make, in as many epochs as that needs; one epoch at most if every epoch has the same
  // batches.
  int64_t num_samples = kDefaultSamples;
  double quantile = 1;  // in (0, 1]; 1 is the maximum

  static constexpr int64_t kDefaultSamples = 1000;
  static constexpr int64_t kMaxSamples = 1'000'000;
};

// Sizes, and what they would cost the batches that they were taken from if these were trimmed to
// them. By type: the share of all sampled nodes (edges) that would be cut off.
struct ResolvedSizeEstimate {
  ResolvedOptions options;
  std::vector<double> trimmed_nodes;
  std::vector<double> trimmed_edges;
  double trimmed_batches = 0;  // the share of batches that would be trimmed
  int64_t num_samples = 0;
};

// Makes batches of a sampled spec without fixed size and takes the sizes of QuantileSizes from
// them. With a quantile below 1 the batches are made once more and trimmed, so that the shares are
// those that an epoch with these options reports. `items` is what the spec selects from;
// `scratch` as for SeedSampler::Create.
//
// INVALID_ARGUMENT for num_samples or a quantile out of range or an epoch without batches; errors
// of sampling.
absl::StatusOr<ResolvedSizeEstimate> EstimateSizes(const GraphView& graph, const ResolvedSpec& spec,
                                                   const SeedSet& seeds, const GraphOffsets& items,
                                                   const SizeEstimateOptions& request,
                                                   ScratchPool* scratch = nullptr);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SIZE_ESTIMATE_H_
