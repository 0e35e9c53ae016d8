#include "server/sampling/size_estimate.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/batching/plan.h"
#include "server/sampling/quantile_sizes.h"
#include "server/sampling/sampled_batch.h"
#include "server/sampling/seed_sampler.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

// Whether epochs of a spec differ.
bool EpochsDiffer(const ResolvedSpec& spec) {
  const ResolvedSampling& sampling = *spec.sampling;
  if (spec.shuffle) return true;
  if (sampling.links.has_value() && sampling.links->negative_mode != NegativeMode::kNone) {
    return true;
  }
  for (const std::vector<int64_t>& hops : sampling.num_neighbors) {
    if (std::any_of(hops.begin(), hops.end(), [](int64_t count) { return count > 0; })) return true;
  }
  return false;
}

// Makes the batches of a request as `spec` has them, in order.
absl::Status ForEachBatch(const GraphView& graph, const ResolvedSpec& spec, const SeedSet& seeds,
                          const GraphOffsets& items, const SizeEstimateOptions& request,
                          ScratchPool* scratch, absl::FunctionRef<void(const SampledBatch&)> use) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<SeedSampler> sampler,
                      SeedSampler::Create(graph, spec, seeds, scratch));
  const bool one_epoch = !EpochsDiffer(spec);
  int64_t missing = request.num_samples;
  SampledBatch sampled;
  for (int64_t epoch = request.epoch; missing > 0; ++epoch) {
    GF_ASSIGN_OR_RETURN(const std::unique_ptr<const EpochPlan> plan,
                        EpochPlan::Create(spec, items, request.seed, epoch));
    const int64_t num_batches = std::min(missing, plan->num_batches());
    for (int64_t batch = 0; batch < num_batches; ++batch) {
      GF_RETURN_IF_ERROR(CheckWanted());
      GF_RETURN_IF_ERROR(sampler->Sample(*plan, request.seed, batch, sampled));
      use(sampled);
    }
    missing -= num_batches;
    if (one_epoch || num_batches == 0) break;
  }
  return absl::OkStatus();
}

void AddTo(const std::vector<int64_t>& counts, std::vector<double>& sums) {
  sums.resize(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) sums[i] += static_cast<double>(counts[i]);
}

// `parts` as shares of `totals`; 0 of nothing.
void Divide(std::vector<double>& parts, const std::vector<double>& totals) {
  for (size_t i = 0; i < parts.size(); ++i) parts[i] = totals[i] > 0 ? parts[i] / totals[i] : 0;
}

bool AnyOf(const std::vector<int64_t>& counts) {
  return std::any_of(counts.begin(), counts.end(), [](int64_t count) { return count > 0; });
}

}  // namespace

absl::StatusOr<ResolvedSizeEstimate> EstimateSizes(const GraphView& graph, const ResolvedSpec& spec,
                                                   const SeedSet& seeds, const GraphOffsets& items,
                                                   const SizeEstimateOptions& request,
                                                   ScratchPool* scratch) {
  if (request.num_samples < 1 || request.num_samples > SizeEstimateOptions::kMaxSamples) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sample_limit is ", request.num_samples, " batches; it is 1 to ",
        SizeEstimateOptions::kMaxSamples, ", or 0 for ", SizeEstimateOptions::kDefaultSamples));
  }
  ResolvedSizeEstimate estimate;
  std::vector<Counts> sizes;
  std::vector<double> nodes;
  std::vector<double> edges;
  Counts most_seeds;  // which are never trimmed
  GF_RETURN_IF_ERROR(
      ForEachBatch(graph, spec, seeds, items, request, scratch, [&](const SampledBatch& sampled) {
        sizes.push_back(SizesOf(sampled.subgraph));
        AddTo(sizes.back().nodes, nodes);
        AddTo(sizes.back().edges, edges);
        most_seeds.nodes.resize(sizes.back().nodes.size());
        most_seeds.edges.resize(sizes.back().edges.size());
        for (size_t t = 0; t < most_seeds.nodes.size(); ++t) {
          most_seeds.nodes[t] = std::max(most_seeds.nodes[t], sampled.subgraph.num_seeds[t]);
        }
      }));
  if (sizes.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "drop_last: sizes are taken from batches, and an epoch has none: its only one has ",
        spec.selection.size(items.num_graphs), " seeds where batch_size is ", spec.batch_size,
        ", and is left out"));
  }
  GF_ASSIGN_OR_RETURN(Counts chosen, QuantileSizes(sizes, request.quantile, most_seeds));
  estimate.options.num_nodes = std::move(chosen.nodes);
  estimate.options.num_edges = std::move(chosen.edges);
  estimate.num_samples = static_cast<int64_t>(sizes.size());
  estimate.trimmed_nodes.resize(nodes.size());
  estimate.trimmed_edges.resize(edges.size());
  if (request.quantile == 1) return estimate;

  ResolvedSpec fixed = spec;
  fixed.ragged = false;
  fixed.options = estimate.options;
  fixed.over_size = OverSize::kTrimNodesAndEdges;
  int64_t num_trimmed = 0;
  GF_RETURN_IF_ERROR(
      ForEachBatch(graph, fixed, seeds, items, request, scratch, [&](const SampledBatch& sampled) {
        const Counts& trimmed = sampled.trimmed;
        AddTo(trimmed.nodes, estimate.trimmed_nodes);
        AddTo(trimmed.edges, estimate.trimmed_edges);
        if (AnyOf(trimmed.nodes) || AnyOf(trimmed.edges)) ++num_trimmed;
      }));
  Divide(estimate.trimmed_nodes, nodes);
  Divide(estimate.trimmed_edges, edges);
  estimate.trimmed_batches =
      static_cast<double>(num_trimmed) / static_cast<double>(estimate.num_samples);
  return estimate;
}

}  // namespace graphfeed
