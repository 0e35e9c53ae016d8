#ifndef GRAPHFEED_SERVER_SERVING_BATCH_MAKER_H_
#define GRAPHFEED_SERVER_SERVING_BATCH_MAKER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/frame/size_choice.h"
#include "proto/frame/slab.h"
#include "proto/frame/stream_info.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "server/metrics/metrics.h"
#include "server/sampling/size_estimate.h"
#include "server/serving/admission.h"
#include "server/serving/frame_stream.h"
#include "server/serving/plan_cache.h"
#include "server/serving/recipe.h"
#include "server/serving/sampler_memory.h"
#include "server/serving/seed_cache.h"
#include "server/serving/size_estimate_cache.h"
#include "server/serving/slow_builds.h"
#include "storage/catalog.h"

namespace graphfeed {

// Opens datasets and makes frames of them: the same function for streams and single batches.
// Thread-safe.
//
// Open, EstimateSizes and Plan may take long, for reading and planning, but never wait for each
// other: what somebody else is making already is shared, and `done` is then called by their thread.
// Else it is called before the call returns. They belong on planning threads, frames on build
// threads.
class BatchMaker {
 public:
  template <typename Value>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Value>)>;

  // `max_frame_bytes` bounds every frame, whatever a request allows. Seeds, samplers' tables, of
  // which at most `max_sampler_tables` of a dataset are in use at a time, and what estimates work
  // with are reserved in `admission`. `log` is told of frames that take `slow_build` or longer. The
  // arguments must outlive the maker and its recipes, the maker what it has begun.
  BatchMaker(Catalog& catalog, Metrics& metrics, Admission& admission, int64_t max_frame_bytes,
             int64_t plan_memory_bytes, int max_sampler_tables, EventLog* log = nullptr,
             absl::Duration slow_build = absl::InfiniteDuration());

  // NOT_FOUND; FAILED_PRECONDITION naming both fingerprints if the dataset has another one than
  // asked for; INVALID_ARGUMENT as ResolveSpec; RESOURCE_EXHAUSTED for a fixed-size slab of more
  // than `max_frame_bytes`.
  void Open(absl::string_view dataset, const std::optional<Fingerprint>& fingerprint,
            const BatchSpec& spec, int64_t max_frame_bytes,
            Done<std::shared_ptr<const Recipe>> done);

  // Makes batches of a sampled spec, whose options are left out, and chooses sizes of them
  // (EstimateSizes; num_samples 0: SizeEstimateOptions::kDefaultSamples). All who ask for the same
  // share it. Errors as Open, Admission::Reserve and EstimateSizes.
  void EstimateSizes(absl::string_view dataset, const BatchSpec& spec, SizeEstimateOptions request,
                     Done<SizeEstimate> done);

  // Sizes within a target, for batches of whole graphs (graphfeed::ChooseSizes). What it works with
  // is charged to the memory of plans: RESOURCE_EXHAUSTED.
  absl::StatusOr<SizeChoice> ChooseSizes(absl::string_view dataset, const BatchSpec& spec,
                                         const SizeTarget& target);

  // The epoch's plan, which all who ask for the same share.
  void Plan(const std::shared_ptr<const Recipe>& recipe, uint64_t seed, int64_t epoch,
            Done<std::shared_ptr<const EpochPlan>> done);

  // How a frame is asked for.
  struct FrameOptions {
    int64_t max_frame_bytes = 0;
    bool graph_ids = false;  // FrameInfo has them
  };

  // One frame in a slab that `take` gives, digest included; its info takes the memory of `frame`'s.
  // INVALID_ARGUMENT for an ordinal beyond
  // the plan, RESOURCE_EXHAUSTED if frame and graph ids are more than `max_frame_bytes`.
  absl::Status Build(const Recipe& recipe, const EpochPlan& plan, uint64_t seed,
                     const ShardPosition::Step& step, const FrameOptions& options,
                     absl::FunctionRef<Slab(int64_t size)> take, BuiltFrame& frame);

  // Whether the version that the recipe is of can still be opened.
  bool IsStored(const Recipe& recipe) const {
    const DatasetInfo& info = recipe.info();
    return catalog_.Get(absl::StrCat(info.name, "@", info.version)).ok();
  }

  // Plans of deleted datasets must not keep them open.
  void Forget(const Fingerprint& fingerprint) {
    plans_.Forget(fingerprint);
    estimates_.Forget(fingerprint);
    seeds_.Forget(fingerprint);
  }

  // Room for `bytes` beside plans, as long as it lives. `what` names it in RESOURCE_EXHAUSTED.
  absl::StatusOr<std::shared_ptr<const void>> ChargePlans(absl::string_view what, int64_t bytes) {
    return plans_.Charge(absl::StrCat("plan memory: ", what), bytes);
  }

  int64_t plan_bytes() const { return plans_.bytes(); }
  // Of these, what is charged to admission.
  int64_t seed_bytes() const { return seeds_.bytes(); }
  int64_t sampler_table_bytes() const { return memories_.charged_bytes(); }

 private:
  void MakeRecipe(std::shared_ptr<Dataset> dataset, BatchSpec spec, int64_t max_frame_bytes,
                  Done<std::shared_ptr<const Recipe>> done);
  void ReadSeeds(std::shared_ptr<Dataset> dataset, BatchSpec spec, int64_t max_frame_bytes,
                 Done<std::shared_ptr<const Recipe>> done);
  absl::StatusOr<std::shared_ptr<const Recipe>> Resolve(std::shared_ptr<Dataset> dataset,
                                                        const BatchSpec& spec,
                                                        int64_t max_frame_bytes,
                                                        std::shared_ptr<const SeedSet> seeds);
  void EstimateSpec(std::shared_ptr<Dataset> dataset, BatchSpec spec, SizeEstimateOptions request,
                    Done<SizeEstimate> done);
  void EstimateRecipe(std::shared_ptr<const Recipe> recipe, const SizeEstimateOptions& request,
                      Done<SizeEstimate> done);
  SizeEstimateCache::ValueOr MakeEstimate(const Recipe& recipe, const SizeEstimateOptions& request);

  Catalog& catalog_;
  Metrics& metrics_;
  const int64_t max_frame_bytes_;
  Admission& admission_;
  PlanCache plans_;
  SizeEstimateCache estimates_;
  SeedCache seeds_;
  SamplerMemories memories_;
  SlowBuilds slow_builds_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_BATCH_MAKER_H_
