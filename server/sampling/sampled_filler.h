#ifndef GRAPHFEED_SERVER_SAMPLING_SAMPLED_FILLER_H_
#define GRAPHFEED_SERVER_SAMPLING_SAMPLED_FILLER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "server/batching/filler.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "server/sampling/seed_sampler.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Frames of batches that are sampled from a single graph: each is one graph, what the sampler
// finds, and its rows are gathered by id. A null batch has no graph.
class SampledFiller final : public Filler {
 public:
  // `schema` and `spec`, a sampled one, must outlive the filler.
  SampledFiller(const Schema& schema, const ResolvedSpec& spec,
                std::unique_ptr<const SeedSampler> sampler);

  absl::StatusOr<Frame*> Start(const EpochPlan& plan, uint64_t seed, int64_t ordinal,
                               bool null_frame, FeatureStore& features) const override;

 private:
  class SampledFrame;

  const Schema& schema_;
  const ResolvedSpec& spec_;
  const std::unique_ptr<const SeedSampler> sampler_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_SAMPLED_FILLER_H_
