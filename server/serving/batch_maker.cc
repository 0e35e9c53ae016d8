#include "server/serving/batch_maker.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/frame/digest.h"
#include "server/batching/graph_filler.h"
#include "server/batching/resolve/sizes.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/sampled_filler.h"
#include "server/sampling/seed_sampler.h"
#include "server/sampling/size_estimate.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// More than SizeEstimateKey::kMaxEntries take.
constexpr int64_t kEstimateBytes = int64_t{1} << 24;

// Of a single graph.
GraphView ViewOf(Dataset& dataset) { return {dataset.info().schema, *dataset.graph(), dataset}; }

// A plan and what it refers to.
struct PlanAndBasis {
  std::shared_ptr<const Recipe::Basis> basis;  // shared with recipes and other plans
  std::unique_ptr<const EpochPlan> plan;
};

}  // namespace

BatchMaker::BatchMaker(Catalog& catalog, Metrics& metrics, Admission& admission,
                       int64_t max_frame_bytes, int64_t plan_memory_bytes)
    : catalog_(catalog),
      metrics_(metrics),
      max_frame_bytes_(max_frame_bytes),
      admission_(admission),
      plans_(plan_memory_bytes),
      estimates_(kEstimateBytes) {}

absl::StatusOr<std::shared_ptr<const Recipe>> BatchMaker::Open(
    absl::string_view dataset, const std::optional<Fingerprint>& fingerprint, const BatchSpec& spec,
    int64_t max_frame_bytes) {
  GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> opened, catalog_.OpenDataset(dataset));
  const DatasetInfo& info = opened->info();
  if (fingerprint.has_value() && *fingerprint != info.fingerprint) {
    return absl::FailedPreconditionError(
        absl::StrCat("fingerprint: ", DigestHex(*fingerprint), " was asked for; ", info.name, "@",
                     info.version, " has ", DigestHex(info.fingerprint)));
  }
  return MakeRecipe(std::move(opened), spec, std::min(max_frame_bytes, max_frame_bytes_));
}

absl::StatusOr<std::shared_ptr<Recipe>> BatchMaker::MakeRecipe(std::shared_ptr<Dataset> dataset,
                                                               BatchSpec spec,
                                                               int64_t max_frame_bytes) {
  auto basis = std::make_shared<Recipe::Basis>();
  auto recipe = std::make_shared<Recipe>();
  recipe->basis = basis;
  basis->dataset = std::move(dataset);
  const DatasetInfo& info = recipe->info();
  const bool sampled = Samples(spec.strategy);
  if (sampled) {
    GF_ASSIGN_OR_RETURN(recipe->seeds, MakeSeeds(basis->dataset, spec));
    basis->seed_offsets.num_graphs = recipe->seeds->size();
  }
  GF_ASSIGN_OR_RETURN(
      basis->spec,
      ResolveSpec(spec, info, sampled ? basis->seed_offsets : basis->dataset->offsets()));
  recipe->spec_digest = SpecDigest(basis->spec, info.schema);
  std::unique_ptr<const Filler> filler;
  if (sampled) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<const SeedSampler> sampler,
                        SeedSampler::Create(ViewOf(*basis->dataset), basis->spec, *recipe->seeds));
    recipe->scratch_bytes = sampler->scratch_bytes();
    filler = std::make_unique<SampledFiller>(info.schema, basis->spec, std::move(sampler));
  } else {
    filler = std::make_unique<GraphFiller>(info.schema, basis->dataset->offsets(), basis->spec);
  }
  GF_ASSIGN_OR_RETURN(recipe->collater, Collater::Create(info.schema, basis->spec, max_frame_bytes,
                                                         std::move(filler)));
  return recipe;
}

// Reads the seeds, and derives the options if there are none: from epochs of seed 0, so that they
// are a function of dataset and spec.
absl::StatusOr<SeedSet> BatchMaker::MakeSeeds(const std::shared_ptr<Dataset>& dataset,
                                              BatchSpec& spec) {
  const DatasetInfo& info = dataset->info();
  GF_ASSIGN_OR_RETURN(const ResolvedSampling sampling, ResolveSampling(spec, info));
  if (!spec.ragged && !spec.options.has_value()) {
    GF_ASSIGN_OR_RETURN(SizeEstimate estimate,
                        EstimateSizes(dataset, spec, /*seed=*/0, /*epoch=*/0, spec.sample_limit,
                                      /*quantile=*/1));
    spec.options = std::move(estimate.options);
  }
  return SeedSet::Read(ViewOf(*dataset), sampling);
}

absl::StatusOr<SizeEstimate> BatchMaker::EstimateSizes(absl::string_view dataset,
                                                       const BatchSpec& spec, uint64_t seed,
                                                       int64_t epoch, int64_t sample_limit,
                                                       double quantile) {
  GF_ASSIGN_OR_RETURN(std::shared_ptr<Dataset> opened, catalog_.OpenDataset(dataset));
  return EstimateSizes(std::move(opened), spec, seed, epoch, sample_limit, quantile);
}

absl::StatusOr<SizeEstimate> BatchMaker::EstimateSizes(std::shared_ptr<Dataset> dataset,
                                                       BatchSpec spec, uint64_t seed, int64_t epoch,
                                                       int64_t sample_limit, double quantile) {
  // Batches as they are before any padding or trimming.
  spec.ragged = true;
  spec.options.reset();
  spec.over_size = OverSize::kError;
  spec.micro_batches = 1;
  spec.follow_batch.clear();
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<const Recipe> recipe,
                      MakeRecipe(std::move(dataset), std::move(spec), max_frame_bytes_));
  const SizeEstimateKey key{
      .fingerprint = recipe->info().fingerprint,
      .spec_digest = recipe->spec_digest,
      .seed = seed,
      .epoch = epoch,
      .num_samples = sample_limit == 0 ? SizeEstimateOptions::kDefaultSamples : sample_limit,
      .quantile = quantile};
  GF_ASSIGN_OR_RETURN(
      const std::shared_ptr<const CachedSizeEstimate> cached,
      estimates_.Get(key, [&]() -> absl::StatusOr<std::shared_ptr<const CachedSizeEstimate>> {
        const auto start = std::chrono::steady_clock::now();
        GF_ASSIGN_OR_RETURN(const std::shared_ptr<Admission::Place> place,
                            admission_.Reserve(recipe->scratch_bytes, 1, recipe->held_bytes()));
        GF_ASSIGN_OR_RETURN(ResolvedSizeEstimate sizes,
                            graphfeed::EstimateSizes(ViewOf(recipe->dataset()), recipe->spec(),
                                                     *recipe->seeds, recipe->basis->items(),
                                                     {.seed = key.seed,
                                                      .epoch = key.epoch,
                                                      .num_samples = key.num_samples,
                                                      .quantile = key.quantile}));
        metrics_.EstimateMade(std::chrono::steady_clock::now() - start);
        auto made = std::make_shared<CachedSizeEstimate>();
        made->estimate = {.options = RequestFromOptions(sizes.options, recipe->info().schema),
                          .trimmed_nodes = std::move(sizes.trimmed_nodes),
                          .trimmed_edges = std::move(sizes.trimmed_edges),
                          .trimmed_batches = sizes.trimmed_batches,
                          .num_samples = sizes.num_samples};
        return made;
      }));
  return cached->estimate;
}

absl::StatusOr<std::shared_ptr<const EpochPlan>> BatchMaker::Plan(
    const std::shared_ptr<const Recipe>& recipe, uint64_t seed, int64_t epoch) {
  const PlanKey key{.fingerprint = recipe->info().fingerprint,
                    .spec_digest = recipe->spec_digest,
                    .seed = seed,
                    .epoch = epoch};
  return plans_.Get(key, [&]() -> absl::StatusOr<std::shared_ptr<const EpochPlan>> {
    const auto start = std::chrono::steady_clock::now();
    auto made = std::make_shared<PlanAndBasis>();
    made->basis = recipe->basis;
    GF_ASSIGN_OR_RETURN(made->plan,
                        EpochPlan::Create(made->basis->spec, made->basis->items(), seed, epoch));
    metrics_.PlanMade(std::chrono::steady_clock::now() - start);
    return std::shared_ptr<const EpochPlan>(made, made->plan.get());
  });
}

absl::StatusOr<BuiltFrame> BatchMaker::Build(const Recipe& recipe, const EpochPlan& plan,
                                             uint64_t seed, const ShardPosition::Step& step,
                                             int64_t max_frame_bytes, SlabPool& slabs) {
  if (!step.null_frame && step.ordinal >= plan.num_frames()) {
    return absl::InvalidArgumentError(absl::StrCat("ordinal: ", step.ordinal, "; epoch ",
                                                   plan.epoch(), " has ", plan.num_frames(),
                                                   " frames"));
  }
  const auto start = std::chrono::steady_clock::now();
  BuiltFrame frame;
  GF_ASSIGN_OR_RETURN(
      frame.info,
      recipe.collater->Collate(plan, seed, step.ordinal, step.null_frame, recipe.dataset(),
                               std::min(max_frame_bytes, max_frame_bytes_), [&](int64_t size) {
                                 frame.slab = slabs.Take(size);
                                 return frame.slab.data();
                               }));
  frame.info.repeat = step.repeat;
  frame.info.digest = FrameDigest(frame.slab.data(), frame.slab.size());
  metrics_.FrameBuilt(recipe.spec().strategy, std::chrono::steady_clock::now() - start);
  return frame;
}

}  // namespace graphfeed
