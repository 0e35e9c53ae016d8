#include "server/serving/batch_maker.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "server/batching/graph_filler.h"
#include "server/batching/resolve/sizes.h"
#include "server/batching/sizing/choose_sizes.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/sampled_filler.h"
#include "server/sampling/seed_sampler.h"
#include "server/sampling/size_estimate.h"
#include "storage/base/allocation.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// More than SizeEstimateKey::kMaxEntries take.
constexpr int64_t kEstimateBytes = int64_t{1} << 24;

// Of a single graph.
GraphView ViewOf(Dataset& dataset) { return {dataset.info().schema, *dataset.graph(), dataset}; }

// They go before the slab, in what its message has besides: a little, or what the frame leaves.
absl::Status CheckGraphIds(const std::vector<std::vector<int64_t>>& graph_ids, int64_t slab_bytes,
                           int64_t max_frame_bytes) {
  constexpr int64_t kLittle = 32 << 10;
  constexpr int64_t kMostOfAnId = 10;
  int64_t count = 0;
  for (const std::vector<int64_t>& ids : graph_ids) count += std::ssize(ids);
  if (count * kMostOfAnId <= kLittle) return absl::OkStatus();
  int64_t bytes = 0;
  for (const std::vector<int64_t>& ids : graph_ids) {
    bytes += static_cast<int64_t>(wire::EncodeIds(ids).size());
  }
  const int64_t most =
      std::min<int64_t>(max_frame_bytes - slab_bytes + kLittle, wire::kMaxFrameHeaderBytes / 2);
  if (bytes <= most) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("a frame of ", slab_bytes,
                                                   " bytes with graph ids of ", bytes,
                                                   " bytes; max_frame_bytes is ", max_frame_bytes));
}

absl::Status AddGraphIds(const EpochPlan& plan, int64_t max_frame_bytes, BuiltFrame& frame) {
  FrameInfo& info = frame.info;
  info.graph_ids.resize(info.real.size());
  int64_t batch = info.ordinal * std::ssize(info.real);
  for (std::vector<int64_t>& ids : info.graph_ids) {
    ids.clear();
    if (!info.null_frame) plan.GraphsOf(batch++, ids);
  }
  return CheckGraphIds(info.graph_ids, frame.slab.size(), max_frame_bytes);
}

// A plan and what it refers to.
struct PlanAndBasis {
  std::shared_ptr<const Recipe::Basis> basis;  // shared with recipes and other plans
  std::unique_ptr<const EpochPlan> plan;
};

}  // namespace

BatchMaker::BatchMaker(Catalog& catalog, Metrics& metrics, Admission& admission,
                       int64_t max_frame_bytes, int64_t plan_memory_bytes, int max_sampler_tables,
                       EventLog* log, absl::Duration slow_build)
    : catalog_(catalog),
      metrics_(metrics),
      max_frame_bytes_(max_frame_bytes),
      admission_(admission),
      plans_(plan_memory_bytes),
      estimates_(kEstimateBytes),
      seeds_(INT64_MAX),
      memories_(admission, max_sampler_tables),
      slow_builds_(log, slow_build) {}

void BatchMaker::Open(absl::string_view dataset, const std::optional<Fingerprint>& fingerprint,
                      const BatchSpec& spec, int64_t max_frame_bytes,
                      Done<std::shared_ptr<const Recipe>> done) {
  absl::StatusOr<std::shared_ptr<Dataset>> opened = catalog_.OpenDataset(dataset);
  if (!opened.ok()) return done(opened.status());
  const DatasetInfo& info = (*opened)->info();
  if (fingerprint.has_value() && *fingerprint != info.fingerprint) {
    return done(absl::FailedPreconditionError(
        absl::StrCat("fingerprint: ", DigestHex(*fingerprint), " was asked for; ", info.name, "@",
                     info.version, " has ", DigestHex(info.fingerprint))));
  }
  MakeRecipe(*std::move(opened), spec, std::min(max_frame_bytes, max_frame_bytes_),
             std::move(done));
}

// Derives the options of sampled batches if there are none: from epochs of seed 0, so that they are
// a function of dataset and spec.
void BatchMaker::MakeRecipe(std::shared_ptr<Dataset> dataset, BatchSpec spec,
                            int64_t max_frame_bytes, Done<std::shared_ptr<const Recipe>> done) {
  if (!Samples(spec.strategy))
    return done(Resolve(std::move(dataset), spec, max_frame_bytes, nullptr));
  if (spec.ragged || spec.options.has_value()) {
    return ReadSeeds(std::move(dataset), std::move(spec), max_frame_bytes, std::move(done));
  }
  BatchSpec unsized = spec;
  const SizeEstimateOptions request{
      .seed = 0, .epoch = 0, .num_samples = spec.sample_limit, .quantile = 1};
  EstimateSpec(dataset, std::move(unsized), request,
               [this, dataset, spec = std::move(spec), max_frame_bytes,
                done = std::move(done)](absl::StatusOr<SizeEstimate> budget) mutable {
                 if (!budget.ok()) return done(budget.status());
                 spec.options = std::move(budget->options);
                 ReadSeeds(std::move(dataset), std::move(spec), max_frame_bytes, std::move(done));
               });
}

// The spec is a sampled one and has options if it needs them.
void BatchMaker::ReadSeeds(std::shared_ptr<Dataset> dataset, BatchSpec spec,
                           int64_t max_frame_bytes, Done<std::shared_ptr<const Recipe>> done) {
  const DatasetInfo& info = dataset->info();
  const absl::StatusOr<ResolvedSampling> sampling = ResolveSampling(spec, info);
  if (!sampling.ok()) return done(sampling.status());
  int column = sampling->partition;
  if (column < 0 && !sampling->links.has_value()) column = sampling->input_mask;
  const bool timed = sampling->TimesNegatives(info.schema);
  if (column < 0 && !timed) {  // all nodes, or edges: nothing to read
    absl::StatusOr<SeedSet> seeds = SeedSet::Read(ViewOf(*dataset), *sampling);
    if (!seeds.ok()) return done(seeds.status());
    return done(Resolve(std::move(dataset), spec, max_frame_bytes,
                        std::make_shared<const SeedSet>(*std::move(seeds))));
  }
  SeedKey key{.fingerprint = info.fingerprint, .column = column};
  if (timed) {
    key.edge_type = sampling->links->edge_type;
    key.time_attr = sampling->time_attr;
    key.num_pairs = static_cast<int64_t>(sampling->links->sources.size());
  }
  seeds_.Get(
      key,
      [&, dataset]() -> SeedCache::ValueOr {
        absl::StatusOr<SeedSet> seeds = SeedSet::Read(ViewOf(*dataset), *sampling);
        if (!seeds.ok()) return catalog_.WhyNotRead(dataset->info(), seeds.status());
        GF_ASSIGN_OR_RETURN(std::shared_ptr<const Admission::Place> place,
                            admission_.ReserveShared("a set of seeds", seeds->memory_bytes()));
        return std::make_shared<const ChargedSeeds>(
            ChargedSeeds{.place = std::move(place), .seeds = *std::move(seeds)});
      },
      [this, dataset, spec = std::move(spec), max_frame_bytes,
       done = std::move(done)](SeedCache::ValueOr charged) mutable {
        if (!charged.ok()) return done(charged.status());
        const SeedSet* seeds = &(*charged)->seeds;
        done(Resolve(std::move(dataset), spec, max_frame_bytes,
                     std::shared_ptr<const SeedSet>(*std::move(charged), seeds)));
      });
}

absl::StatusOr<std::shared_ptr<const Recipe>> BatchMaker::Resolve(
    std::shared_ptr<Dataset> dataset, const BatchSpec& spec, int64_t max_frame_bytes,
    std::shared_ptr<const SeedSet> seeds) {
  auto basis = std::make_shared<Recipe::Basis>();
  auto recipe = std::make_shared<Recipe>();
  recipe->basis = basis;
  basis->dataset = std::move(dataset);
  const DatasetInfo& info = recipe->info();
  const bool sampled = seeds != nullptr;
  if (sampled) {
    recipe->seeds = std::move(seeds);
    recipe->memory = memories_.Of(info);
    basis->seed_offsets.num_graphs = recipe->seeds->size();
  }
  GF_ASSIGN_OR_RETURN(
      basis->spec,
      ResolveSpec(spec, info, sampled ? basis->seed_offsets : basis->dataset->offsets()));
  recipe->spec_digest = SpecDigest(basis->spec, info.schema);
  std::unique_ptr<const Filler> filler;
  if (sampled) {
    GF_ASSIGN_OR_RETURN(std::unique_ptr<const SeedSampler> sampler,
                        SeedSampler::Create(ViewOf(*basis->dataset), basis->spec, *recipe->seeds,
                                            &recipe->memory->scratch()));
    recipe->dense = sampler->dense();
    filler = std::make_unique<SampledFiller>(info.schema, basis->spec, std::move(sampler));
  } else {
    filler = std::make_unique<GraphFiller>(info.schema, basis->dataset->offsets(), basis->spec);
  }
  GF_ASSIGN_OR_RETURN(recipe->collater, Collater::Create(info.schema, basis->spec, max_frame_bytes,
                                                         std::move(filler)));
  return recipe;
}

void BatchMaker::EstimateSizes(absl::string_view dataset, const BatchSpec& spec,
                               SizeEstimateOptions request, Done<SizeEstimate> done) {
  absl::StatusOr<std::shared_ptr<Dataset>> opened = catalog_.OpenDataset(dataset);
  if (!opened.ok()) return done(opened.status());
  EstimateSpec(*std::move(opened), spec, request, std::move(done));
}

void BatchMaker::EstimateSpec(std::shared_ptr<Dataset> dataset, BatchSpec spec,
                              SizeEstimateOptions request, Done<SizeEstimate> done) {
  // Batches as they are before any padding or trimming.
  spec.ragged = true;
  spec.options.reset();
  spec.over_size = OverSize::kError;
  spec.micro_batches = 1;
  spec.follow_batch.clear();
  if (request.num_samples == 0) request.num_samples = SizeEstimateOptions::kDefaultSamples;
  MakeRecipe(std::move(dataset), std::move(spec), max_frame_bytes_,
             [this, request, done = std::move(done)](
                 absl::StatusOr<std::shared_ptr<const Recipe>> recipe) mutable {
               if (!recipe.ok()) return done(recipe.status());
               EstimateRecipe(*std::move(recipe), request, std::move(done));
             });
}

void BatchMaker::EstimateRecipe(std::shared_ptr<const Recipe> recipe,
                                const SizeEstimateOptions& request, Done<SizeEstimate> done) {
  const SizeEstimateKey key{.fingerprint = recipe->info().fingerprint,
                            .spec_digest = recipe->spec_digest,
                            .seed = request.seed,
                            .epoch = request.epoch,
                            .num_samples = request.num_samples,
                            .quantile = request.quantile};
  estimates_.Get(
      key, [&] { return MakeEstimate(*std::exchange(recipe, nullptr), request); },
      [done = std::move(done)](SizeEstimateCache::ValueOr cached) mutable {
        if (!cached.ok()) return done(cached.status());
        done((*cached)->estimate);
      });
}

SizeEstimateCache::ValueOr BatchMaker::MakeEstimate(const Recipe& recipe,
                                                    const SizeEstimateOptions& request) {
  const auto start = std::chrono::steady_clock::now();
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Admission::Place> place,
                      admission_.Reserve(0, 1, recipe.held_bytes()));
  const std::shared_ptr<const void> tables = recipe.HoldTables();
  GF_ASSIGN_OR_RETURN(
      ResolvedSizeEstimate sizes,
      graphfeed::EstimateSizes(ViewOf(recipe.dataset()), recipe.spec(), *recipe.seeds,
                               recipe.basis->items(), request, &recipe.memory->scratch()));
  metrics_.EstimateMade(std::chrono::steady_clock::now() - start);
  auto made = std::make_shared<CachedSizeEstimate>();
  made->estimate = {.options = RequestFromOptions(sizes.options, recipe.info().schema),
                    .trimmed_nodes = std::move(sizes.trimmed_nodes),
                    .trimmed_edges = std::move(sizes.trimmed_edges),
                    .trimmed_batches = sizes.trimmed_batches,
                    .num_samples = sizes.num_samples};
  return made;
}

absl::StatusOr<SizeChoice> BatchMaker::ChooseSizes(absl::string_view dataset, const BatchSpec& spec,
                                                   const SizeTarget& target) {
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> opened, catalog_.OpenDataset(dataset));
  const DatasetInfo& info = opened->info();
  GF_ASSIGN_OR_RETURN(const std::shared_ptr<const void> charge,
                      ChargePlans("a choice of sizes", ChooseSizesBytes(spec, info)));
  return WithinMemory([&]() -> absl::StatusOr<SizeChoice> {
    return graphfeed::ChooseSizes(spec, target, info, opened->offsets(), max_frame_bytes_);
  });
}

void BatchMaker::Plan(const std::shared_ptr<const Recipe>& recipe, uint64_t seed, int64_t epoch,
                      Done<std::shared_ptr<const EpochPlan>> done) {
  const PlanKey key{.fingerprint = recipe->info().fingerprint,
                    .spec_digest = recipe->spec_digest,
                    .seed = seed,
                    .epoch = epoch};
  plans_.Get(
      key,
      [&]() -> PlanCache::ValueOr {
        const auto start = std::chrono::steady_clock::now();
        auto made = std::make_shared<PlanAndBasis>();
        made->basis = recipe->basis;
        GF_ASSIGN_OR_RETURN(
            made->plan, EpochPlan::Create(made->basis->spec, made->basis->items(), seed, epoch));
        metrics_.PlanMade(std::chrono::steady_clock::now() - start);
        return std::shared_ptr<const EpochPlan>(made, made->plan.get());
      },
      std::move(done));
}

absl::Status BatchMaker::Build(const Recipe& recipe, const EpochPlan& plan, uint64_t seed,
                               const ShardPosition::Step& step, const FrameOptions& options,
                               absl::FunctionRef<Slab(int64_t size)> take, BuiltFrame& frame) {
  if (!step.null_frame && step.ordinal >= plan.num_frames()) {
    return absl::InvalidArgumentError(absl::StrCat("ordinal: ", step.ordinal, "; epoch ",
                                                   plan.epoch(), " has ", plan.num_frames(),
                                                   " frames"));
  }
  const auto start = std::chrono::steady_clock::now();
  const absl::Status collated = recipe.collater->Collate(
      plan, seed, step.ordinal, step.null_frame, recipe.dataset(),
      std::min(options.max_frame_bytes, max_frame_bytes_),
      [&](int64_t size) {
        frame.slab = take(size);
        return frame.slab.data();
      },
      frame.info);
  if (!collated.ok()) return catalog_.WhyNotRead(recipe.info(), collated);
  frame.info.repeat = step.repeat;
  if (options.graph_ids) {
    GF_RETURN_IF_ERROR(AddGraphIds(plan, options.max_frame_bytes, frame));
  } else {
    frame.info.graph_ids.clear();
  }
  const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - start;
  metrics_.FrameBuilt(recipe.spec().strategy, time);
  slow_builds_.Built(recipe, seed, plan.epoch(), step.ordinal, time);
  return absl::OkStatus();
}

}  // namespace graphfeed
