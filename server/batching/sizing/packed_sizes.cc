#include "server/batching/sizing/packed_sizes.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "server/batching/plan.h"
#include "storage/base/arithmetic.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// In ten thousandths of a batch's share.
constexpr std::array<int64_t, 13> kSlacks = {0,   10,  25,  50,  100,  150, 200,
                                             300, 400, 600, 800, 1600, 3200};
constexpr int64_t kWhole = 10'000;
// 0.25, 1, 2 and 4 %; for the graphs 16 %, or 4 %.
constexpr std::array<size_t, 4> kFirstSlacks = {2, 4, 6, 8};
constexpr size_t kFirstGraphSlack = 11;
constexpr size_t kFirstGraphSlackInOrder = 8;
constexpr uint64_t kSearchSeed = 0;
constexpr __int128 kWeightOfMean = static_cast<__int128>(1) << 40;

size_t Stepped(size_t slack, int64_t steps) {
  return static_cast<size_t>(
      std::clamp<int64_t>(static_cast<int64_t>(slack) + steps, 0, std::ssize(kSlacks) - 1));
}

}  // namespace

PackedSizes::PackedSizes(const SelectedSizes& selected, const GraphOffsets& offsets,
                         bool graphs_are_target, BatchSizes& sizes, ResolvedSpec& spec)
    : selected_(selected),
      offsets_(offsets),
      sizes_(sizes),
      spec_(spec),
      graphs_are_target_(graphs_are_target),
      num_node_types_(selected.totals.nodes.size()),
      num_edge_types_(selected.totals.edges.size()) {
  // By what a graph has on average, so that weights do not depend on how many graphs are packed.
  const auto weight = [&](__int128 total) {
    return total == 0 ? 0 : kWeightOfMean * selected.totals.graphs / total;
  };
  node_weight_ = weight(Sum(selected.totals.nodes));
  edge_weight_ = weight(Sum(selected.totals.edges));
  byte_weight_ = weight(sizes.RealBytes(selected.totals));
}

ResolvedOptions PackedSizes::Shares(const SizeTotals& totals, int64_t batches,
                                    const Slacks& slacks) const {
  const auto share = [&](int64_t total, size_t slack) {
    const __int128 whole = static_cast<__int128>(batches) * kWhole;
    const __int128 part = static_cast<__int128>(total) * (kWhole + kSlacks[slacks[slack]]);
    return static_cast<int64_t>((part + whole - 1) / whole) + 1;
  };
  ResolvedOptions options;
  options.num_graphs = share(totals.graphs, num_node_types_ + num_edge_types_);
  for (size_t t = 0; t < num_node_types_; ++t) {
    options.num_nodes.push_back(
        std::max(share(totals.nodes[t], t), selected_.largest.nodes[t] + 1));
  }
  for (size_t r = 0; r < num_edge_types_; ++r) {
    options.num_edges.push_back(
        std::max(share(totals.edges[r], num_node_types_ + r), selected_.largest.edges[r] + 1));
  }
  if (PackingOf(spec_.strategy) == Packing::kInOrder) {
    // A node and an edge for every other graph that there is room for.
    const auto raise = [&](std::vector<int64_t>& counts, int64_t largest) {
      if (counts.empty()) return;
      const int64_t missing = std::max<int64_t>(largest, 1) + options.num_graphs - 1 - Sum(counts);
      if (missing > 0) *std::max_element(counts.begin(), counts.end()) += missing;
    };
    raise(options.num_nodes, selected_.largest_nodes);
    raise(options.num_edges, selected_.largest_edges);
  }
  return options;
}

PackedSizes::Slacks PackedSizes::Loosened(Slacks slacks, int64_t steps) const {
  for (size_t& slack : slacks) slack = Stepped(slack, steps);
  if (graphs_are_target_) slacks.back() = 0;
  return slacks;
}

std::optional<ResolvedOptions> PackedSizes::Options(const SizeTotals& totals,
                                                    const Slacks& slacks) {
  const std::optional<int64_t> batches = Smallest(
      totals.graphs, [&](int64_t count) { return sizes_.Meets(Shares(totals, count, slacks)); });
  if (!batches.has_value()) return std::nullopt;
  return Shares(totals, *batches, slacks);
}

absl::StatusOr<PackedSizes::Outcome> PackedSizes::Pack(ResolvedOptions options, uint64_t seed,
                                                       int64_t orders) {
  Outcome outcome{.options = std::move(options), .orders = orders};
  outcome.batch_bytes = sizes_.BatchBytes(outcome.options);
  outcome.batch_waste = node_weight_ * Sum(outcome.options.num_nodes) +
                        edge_weight_ * Sum(outcome.options.num_edges) +
                        byte_weight_ * outcome.batch_bytes;
  for (int64_t epoch = 0; epoch < orders; ++epoch) {
    GF_ASSIGN_OR_RETURN(const std::unique_ptr<EpochPlan> plan,
                        EpochPlan::Create(spec_, offsets_, seed, epoch));
    outcome.batches += plan->num_batches();
    outcome.most_batches = std::max(outcome.most_batches, plan->num_batches());
    outcome.node_efficiency += plan->summary().node_efficiency / static_cast<double>(orders);
    outcome.edge_efficiency += plan->summary().edge_efficiency / static_cast<double>(orders);
  }
  return outcome;
}

absl::StatusOr<std::vector<PackedSizes::Slacks>> PackedSizes::Search(const SizeTotals& totals,
                                                                     int64_t orders,
                                                                     int64_t candidates) {
  constexpr __int128 kMost = std::numeric_limits<__int128>::max();
  std::map<Slacks, Waste> tried;
  std::vector<std::pair<Waste, Slacks>> order;  // of trying
  const auto try_one = [&](const Slacks& slacks) -> absl::StatusOr<Waste> {
    if (const auto it = tried.find(slacks); it != tried.end()) return it->second;
    Waste waste = {kMost, kMost};
    if (std::optional<ResolvedOptions> options = Options(totals, slacks)) {
      --candidates;
      GF_ASSIGN_OR_RETURN(const Outcome outcome, Pack(*std::move(options), kSearchSeed, orders));
      waste = outcome.waste();
      order.emplace_back(waste, slacks);
    }
    tried.emplace(slacks, waste);
    return waste;
  };

  // All types of nodes alike, and all of edges; then one after the other until nothing helps.
  const size_t types = num_node_types_ + num_edge_types_;
  const size_t coordinates = types + (graphs_are_target_ ? 0 : 1);
  Slacks best = None();
  Waste least = {kMost, kMost};
  const auto try_better = [&](Slacks slacks) -> absl::StatusOr<bool> {
    GF_ASSIGN_OR_RETURN(const Waste waste, try_one(slacks));
    if (waste >= least) return false;
    least = waste;
    best = std::move(slacks);
    return true;
  };
  // In order every graph that is missing costs a node and an edge.
  const bool in_order = PackingOf(spec_.strategy) == Packing::kInOrder;
  const size_t graph_slack = graphs_are_target_ ? 0
                             : in_order         ? kFirstGraphSlackInOrder
                                                : kFirstGraphSlack;
  for (const size_t of_nodes : kFirstSlacks) {
    for (const size_t of_edges : kFirstSlacks) {
      if (candidates <= 0) break;
      Slacks slacks(types + 1, of_edges);
      std::fill_n(slacks.begin(), num_node_types_, of_nodes);
      slacks.back() = graph_slack;
      GF_RETURN_IF_ERROR(try_better(std::move(slacks)).status());
    }
  }
  for (bool improved = true; improved && candidates > 0;) {
    improved = false;
    for (size_t c = coordinates; c-- > 0;) {
      for (const int64_t step : {-1, 1, -2, 2}) {
        for (bool again = true; again && candidates > 0;) {
          Slacks slacks = best;
          slacks[c] = Stepped(slacks[c], step);
          GF_ASSIGN_OR_RETURN(again, try_better(std::move(slacks)));
          improved = improved || again;
        }
      }
    }
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Slacks> found;
  found.reserve(order.size());
  for (auto& [waste, slacks] : order) found.push_back(std::move(slacks));
  return found;
}

}  // namespace graphfeed
