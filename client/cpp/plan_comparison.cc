#include "client/cpp/plan_comparison.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "storage/base/arithmetic.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// In the order in which the simpler one is first.
constexpr std::array<Strategy, 3> kCompared = {Strategy::kPadToMax, Strategy::kStreamPack,
                                               Strategy::kPack};

bool Trims(OverSize over_size) {
  return over_size != OverSize::kError && over_size != OverSize::kSkip;
}

// Of what an epoch has the share that is beyond the sizes of its batches, which are trimmed to
// them.
double CutShare(double efficiency, int64_t batches, const std::vector<int64_t>& padded,
                const std::vector<int64_t>& real) {
  const auto all = static_cast<double>(Sum(real));
  if (all == 0) return 0;
  const double kept = efficiency * static_cast<double>(batches) * static_cast<double>(Sum(padded));
  const double cut = 1 - kept / all;
  return cut < 1e-9 ? 0 : cut;  // sums of rounded numbers
}

absl::Status Describe(Client& client, StreamOptions options,
                      const std::optional<SizeTarget>& target, StrategyPlan& plan) {
  BatchSpec& spec = options.spec;
  spec.strategy = plan.strategy;
  if (plan.strategy != Strategy::kPadToMax) spec.drop_last = false;
  if (target.has_value()) {
    GF_ASSIGN_OR_RETURN(plan.choice, client.ChooseSizes(options.dataset, spec, *target));
    spec.options = plan.choice->options;
    spec.batch_size = 0;
  }
  GF_ASSIGN_OR_RETURN(plan.description, client.DescribePlan(options));
  if (!plan.description.resolved_spec.options.has_value()) {
    return absl::DataLossError("the server's answer: resolved_spec: no options of padded batches");
  }
  const auto bytes = static_cast<__int128>(plan.description.plan.num_batches) *
                     plan.description.layout.slab_bytes /
                     std::max<int64_t>(plan.description.layout.micro_batches, 1);
  plan.epoch_bytes =
      static_cast<int64_t>(std::min<__int128>(bytes, std::numeric_limits<int64_t>::max()));
  if (plan.choice.has_value() || plan.strategy != Strategy::kPadToMax) return absl::OkStatus();
  plan.cut_unknown = !spec.options.value_or(FixedSizeOptions()).num_rows.empty();
  // How much does not fit is known of batches that are trimmed.
  PlanDescription trimmed = plan.description;
  if (!Trims(spec.over_size)) {
    spec.over_size = OverSize::kTrimNodesAndEdges;
    absl::StatusOr<PlanDescription> described = client.DescribePlan(options);
    // There are columns that nothing can be trimmed beside: what fits is known when it is streamed.
    if (absl::IsInvalidArgument(described.status())) {
      plan.cut_unknown = true;
      return absl::OkStatus();
    }
    GF_ASSIGN_OR_RETURN(trimmed, std::move(described));
  }
  const Counts& padded = trimmed.layout.padded;
  const PlanSummary& summary = trimmed.plan;
  plan.cut_nodes =
      CutShare(summary.node_efficiency, summary.num_batches, padded.nodes, summary.real.nodes);
  plan.cut_edges =
      CutShare(summary.edge_efficiency, summary.num_batches, padded.edges, summary.real.edges);
  return absl::OkStatus();
}

bool IsBetter(const StrategyPlan& plan, const StrategyPlan& other) {
  const PlanSummary& a = plan.description.plan;
  const PlanSummary& b = other.description.plan;
  if (a.num_graphs != b.num_graphs) return a.num_graphs > b.num_graphs;
  return plan.epoch_bytes < other.epoch_bytes;
}

}  // namespace

const StrategyPlan* PlanComparison::Find(Strategy strategy) const {
  for (const StrategyPlan& plan : plans) {
    if (plan.strategy == strategy) return &plan;
  }
  return nullptr;
}

absl::StatusOr<PlanComparison> ComparePlans(Client& client, const StreamOptions& options,
                                            const std::optional<SizeTarget>& target) {
  PlanComparison comparison;
  const StrategyPlan* best = nullptr;
  comparison.plans.reserve(kCompared.size());
  for (const Strategy strategy : kCompared) {
    StrategyPlan& plan = comparison.plans.emplace_back();
    plan.strategy = strategy;
    plan.refused = Describe(client, options, target, plan);
    if (!plan.refused.ok()) {
      // Sizes and strategies that do not go together, and plans that the server has no memory for,
      // are what is to be seen.
      if (absl::IsInvalidArgument(plan.refused) || absl::IsFailedPrecondition(plan.refused) ||
          absl::IsResourceExhausted(plan.refused)) {
        continue;
      }
      return plan.refused;
    }
    if (plan.cut_nodes > 0 || plan.cut_edges > 0 || plan.cut_unknown) continue;
    if (best == nullptr || IsBetter(plan, *best)) best = &plan;
  }
  if (best != nullptr) comparison.recommended = best->strategy;
  const auto refused = [](const StrategyPlan& plan) { return !plan.refused.ok(); };
  if (std::all_of(comparison.plans.begin(), comparison.plans.end(), refused)) {
    const StrategyPlan* asked = comparison.Find(options.spec.strategy);
    return (asked != nullptr ? *asked : comparison.plans.front()).refused;
  }
  return comparison;
}

}  // namespace graphfeed
