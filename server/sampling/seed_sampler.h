#ifndef GRAPHFEED_SERVER_SAMPLING_SEED_SAMPLER_H_
#define GRAPHFEED_SERVER_SAMPLING_SEED_SAMPLER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/edge_limit.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/neighbor_sampler.h"
#include "server/sampling/sampled_batch.h"
#include "server/sampling/scratch_pool.h"
#include "server/sampling/seed_set.h"

namespace graphfeed {

// Makes the batches of sampled specs: takes a plan's seeds, seed edges or clusters, samples around
// them, and trims what is too large for a spec of fixed size. Thread-safe.
//
// Seed edges are PyG's LinkNeighborLoader: the seeds are the ends of the batch's edges and of its
// negatives, each node once and in ascending order (of two node types: each type's own); in
// disjoint subgraphs the ends of one pair share a tree and every pair has its own (triplets: every
// seed edge with its negatives). A negative has the time of a seed edge of the batch, in turn, and
// its ends are not later.
class SeedSampler {
 public:
  // `spec`, `seeds` and `scratch` must outlive the sampler. `scratch` is shared with other samplers
  // of the graph; null: it has working memory of its own. Batches that take more than `max_edges`
  // edges of a type, before any trimming, are RESOURCE_EXHAUSTED. INVALID_ARGUMENT as
  // NeighborSampler::Create.
  static absl::StatusOr<std::unique_ptr<SeedSampler>> Create(const GraphView& graph,
                                                             const ResolvedSpec& spec,
                                                             const SeedSet& seeds,
                                                             ScratchPool* scratch = nullptr,
                                                             int64_t max_edges = kMaxSampledEdges);
  ~SeedSampler();

  // Replaces `sampled` by batch `batch` of the plan's epoch; a null one behind the plan's end.
  // A function of the dataset, the spec, `seed`, the epoch and `batch` alone.
  // FAILED_PRECONDITION: the batch does not fit and may not be trimmed, naming size and limit.
  absl::Status Sample(const EpochPlan& plan, uint64_t seed, int64_t batch,
                      SampledBatch& sampled) const;

  // Whether calls use dense tables if the working memory has any (NeighborSampler::dense).
  bool dense() const;

 private:
  SeedSampler(const GraphView& graph, const ResolvedSpec& spec, const SeedSet& seeds,
              ScratchPool* scratch, int64_t max_edges);

  absl::Status SampleInto(const EpochPlan& plan, uint64_t seed, int64_t batch, SeedScratch& scratch,
                          SampledBatch& sampled) const;
  absl::Status SampleNodes(int64_t epoch, uint64_t seed, int64_t batch, SeedScratch& scratch,
                           SampledBatch& sampled) const;
  absl::Status SampleLinks(int64_t epoch, uint64_t seed, int64_t batch, SeedScratch& scratch,
                           SampledBatch& sampled) const;
  absl::Status ReadPairs(const SampledBatch& sampled, SeedScratch& scratch) const;
  absl::Status AddNegatives(int64_t epoch, uint64_t seed, int64_t batch,
                            const SampledBatch& sampled, SeedScratch& scratch) const;
  void AddLabels(const SeedScratch& scratch, SampledBatch& sampled) const;
  void PlaceEnds(SeedScratch& scratch, SampledBatch& sampled) const;
  void ExcludeSeedEdges(const SeedScratch& scratch, SampledBatch& sampled) const;
  absl::Span<const uint8_t> SpareNodes(const SampledBatch& sampled, SeedScratch& scratch) const;

  const GraphView graph_;
  const ResolvedSpec& spec_;
  const ResolvedSampling& sampling_;
  const SeedSet& seeds_;
  const int64_t max_edges_;
  const std::unique_ptr<ScratchPool> own_scratch_;  // if none is shared
  ScratchPool& scratch_;
  std::unique_ptr<NeighborSampler> sampler_;  // null for clusters
  int reverse_type_ = -1;                     // of the seed edges' type
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SEED_SAMPLER_H_
