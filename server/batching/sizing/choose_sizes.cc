#include "server/batching/sizing/choose_sizes.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/batching/packing/pack_dimensions.h"
#include "server/batching/resolve/sizes.h"
#include "server/batching/sizing/batch_sizes.h"
#include "server/batching/sizing/packed_sizes.h"
#include "server/batching/sizing/selected_sizes.h"
#include "storage/base/arithmetic.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// The search packs this many graphs in all, of at least so many batches at a time.
constexpr int64_t kSearchedGraphs = 600'000;
constexpr int64_t kSearchedBatches = 64;
constexpr int64_t kMinSearched = 4096;
constexpr int64_t kMaxSearched = 65'536;
constexpr int64_t kMinCandidates = 12;
constexpr int64_t kMaxCandidates = 60;
constexpr int64_t kGraphsOfOrders = 12'000;
constexpr int64_t kMaxOrders = 20;  // that small selections are packed in
// Then the best ones are compared.
constexpr size_t kFinalists = 4;
constexpr int64_t kLoosened = 2;  // and with up to so many steps more slack
constexpr int64_t kMaxFinalOrders = 40;
constexpr uint64_t kFinalSeed = 1;
// What the search remembers.
constexpr int64_t kSearchBytes = 1 << 15;
constexpr int64_t kSearchBytesOfType = 1 << 12;

// As many as pack `graphs` in all, of `selected` each.
int64_t OrdersOf(const ResolvedSpec& spec, int64_t graphs, int64_t selected, int64_t most) {
  return spec.shuffle ? std::clamp<int64_t>(graphs / selected, 1, most) : 1;
}

double Share(EpochBytes part, EpochBytes whole) {
  return whole == 0 ? 1 : static_cast<double>(part) / static_cast<double>(whole);
}

absl::StatusOr<SizeChoice> ChoosePacked(const Selection& all, const SizeTarget& target,
                                        const GraphOffsets& offsets, BatchSizes& sizes,
                                        ResolvedSpec& spec) {
  GF_ASSIGN_OR_RETURN(const SelectedSizes selected, MeasureSizes(all, offsets));
  PackedSizes packed(selected, offsets, target.limit == SizeLimit::kGraphs, sizes, spec);
  const int64_t graphs = selected.totals.graphs;
  const std::optional<ResolvedOptions> tightest = packed.Options(selected.totals, packed.None());
  if (!tightest.has_value()) {
    return sizes.Refusal(packed.Shares(selected.totals, graphs, packed.None()));
  }

  const int64_t batches = CeilDivide(graphs, tightest->num_graphs - 1);
  const int64_t searched = std::min(
      std::clamp(kSearchedBatches * CeilDivide(graphs, batches), kMinSearched, kMaxSearched),
      graphs);
  spec.selection = SampleOf(all, offsets.num_graphs, searched, spec.shuffle);
  int64_t orders = OrdersOf(spec, kGraphsOfOrders, searched, kMaxOrders);
  GF_ASSIGN_OR_RETURN(const SelectedSizes sample, MeasureSizes(spec.selection, offsets));
  GF_ASSIGN_OR_RETURN(std::vector<PackedSizes::Slacks> found,
                      packed.Search(sample.totals, orders,
                                    std::clamp(kSearchedGraphs / (searched * orders),
                                               kMinCandidates, kMaxCandidates)));
  found.resize(std::min(found.size(), kFinalists));
  // Slack may leave no room for the largest graphs.
  if (found.empty()) found.push_back(packed.None());

  // In other orders than those that they were found in.
  spec.selection = SampleOf(all, offsets.num_graphs, kSampledGraphs, spec.shuffle);
  orders = OrdersOf(spec, kSampledGraphs, std::min(graphs, kSampledGraphs), kMaxFinalOrders);
  std::optional<PackedSizes::Outcome> best;
  for (const PackedSizes::Slacks& slacks : found) {
    for (int64_t steps = 0; steps <= (orders > 1 ? kLoosened : 0); ++steps) {
      std::optional<ResolvedOptions> options =
          packed.Options(selected.totals, packed.Loosened(slacks, steps));
      if (!options.has_value()) options = tightest;
      GF_ASSIGN_OR_RETURN(PackedSizes::Outcome outcome,
                          packed.Pack(*std::move(options), kFinalSeed, orders));
      if (!best.has_value() || outcome.waste() < best->waste()) best = std::move(outcome);
    }
  }
  spec.options = best->options;

  GF_ASSIGN_OR_RETURN(const SelectedSizes last, MeasureSizes(spec.selection, offsets));
  SizeChoice choice;
  choice.num_graphs = graphs;
  choice.sampled_graphs = last.totals.graphs;
  choice.batch_bytes = best->batch_bytes;
  choice.node_efficiency = best->node_efficiency;
  choice.edge_efficiency = best->edge_efficiency;
  const EpochBytes real = sizes.RealBytes(last.totals) * best->orders;
  choice.padding_share = std::clamp(
      1 - Share(real, static_cast<EpochBytes>(best->batches) * best->batch_bytes), 0.0, 1.0);
  spec.options = best->options;
  choice.lower_bound_batches =
      PackDimensions(spec, offsets)
          .LowerBound(
              {.graphs = graphs, .nodes = selected.totals.nodes, .edges = selected.totals.edges});
  // Of the mean over the orders.
  const double mean = static_cast<double>(best->batches) / static_cast<double>(best->orders);
  const double scale = static_cast<double>(graphs) / static_cast<double>(last.totals.graphs);
  choice.num_batches = std::max<int64_t>(std::llround(mean * scale), choice.lower_bound_batches);
  return choice;
}

absl::StatusOr<SizeChoice> ChoosePadded(const Selection& all, const GraphOffsets& offsets,
                                        BatchSizes& sizes, ResolvedSpec& spec) {
  GF_ASSIGN_OR_RETURN(const SelectedCounts counts, CountSizes(all, offsets));
  const int64_t graphs = all.size(offsets.num_graphs);
  const auto options_of = [&](int64_t batches) {
    ResolvedOptions options;
    const int64_t real = CeilDivide(graphs, batches);
    options.num_graphs = real + 1;
    for (const LargestSizes& of : counts.nodes) {
      options.num_nodes.push_back(of.SumOfLargest(real) + 1);
    }
    for (const LargestSizes& of : counts.edges) {
      options.num_edges.push_back(of.SumOfLargest(real) + 1);
    }
    return options;
  };
  const std::optional<int64_t> fewest =
      Smallest(graphs, [&](int64_t batches) { return sizes.Meets(options_of(batches)); });
  if (!fewest.has_value()) return sizes.Refusal(options_of(graphs));

  SizeChoice choice;
  choice.num_graphs = choice.sampled_graphs = graphs;
  EpochBytes least = std::numeric_limits<EpochBytes>::max();
  for (int64_t batches = *fewest; batches <= std::min(*fewest + 3, graphs); ++batches) {
    const ResolvedOptions options = options_of(batches);
    const int64_t batch_bytes = sizes.BatchBytes(options);
    // There may be fewer than that: ten graphs in at most seven batches of two are five.
    const int64_t really = CeilDivide(graphs, options.num_graphs - 1);
    const EpochBytes bytes = static_cast<EpochBytes>(really) * batch_bytes;
    if (bytes >= least) continue;
    least = bytes;
    choice.num_batches = choice.lower_bound_batches = really;
    choice.batch_bytes = batch_bytes;
    spec.options = options;
  }
  const ResolvedOptions best = spec.options = options_of(choice.num_batches);
  SizeTotals totals{.graphs = graphs, .nodes = {}, .edges = {}};
  for (const LargestSizes& of : counts.nodes) totals.nodes.push_back(of.total());
  for (const LargestSizes& of : counts.edges) totals.edges.push_back(of.total());
  const auto batches = static_cast<__int128>(choice.num_batches);
  choice.node_efficiency = Share(Sum(totals.nodes), batches * Sum(best.num_nodes));
  choice.edge_efficiency = Share(Sum(totals.edges), batches * Sum(best.num_edges));
  choice.padding_share = std::clamp(1 - Share(sizes.RealBytes(totals), least), 0.0, 1.0);
  spec.options = best;
  return choice;
}

absl::Status CheckRequest(const BatchSpec& request, const SizeTarget& target) {
  if (!Pads(request.strategy) || Samples(request.strategy)) {
    return absl::InvalidArgumentError(
        absl::StrCat("strategy is ", NameOf(request.strategy),
                     "; sizes are chosen for pad_to_max, stream_pack and pack"));
  }
  if (!request.selection.batch_sizes.empty()) {
    return absl::InvalidArgumentError(
        "selection.batch_sizes are given; sizes are chosen for batches that the server cuts");
  }
  const int64_t least = target.limit == SizeLimit::kGraphs ? 2 : 1;
  if (target.at_most < least || target.at_most > SizeTarget::kMax) {
    return absl::InvalidArgumentError(absl::StrCat("best.", NameOf(target.limit), " is ",
                                                   target.at_most, "; it is ", least, " to 2^40"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SizeChoice> ChooseSizes(const BatchSpec& request, const SizeTarget& target,
                                       const DatasetInfo& dataset, const GraphOffsets& offsets,
                                       int64_t max_batch_bytes) {
  GF_RETURN_IF_ERROR(CheckRequest(request, target));
  for (const ColumnSchema& column : dataset.schema.columns) {
    const std::vector<std::string>& excluded = request.exclude_keys;
    if (!column.varying() || std::count(excluded.begin(), excluded.end(), column.name) > 0)
      continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "column \"", column.name,
        "\" has another number of rows in every graph, and sizes are not ",
        "chosen for those: leave it out, exclude_keys=[\"", column.name, "\"], or give sizes"));
  }
  BatchSpec sized = request;
  sized.batch_size = sized.sample_limit = 0;
  sized.micro_batches = 1;
  sized.drop_last = false;
  sized.incomplete_step = IncompleteStep::kFill;
  sized.over_size = OverSize::kError;
  sized.options.emplace();  // any, to resolve the rest
  sized.options->num_nodes[""] = sized.options->num_edges[""] = sized.options->num_graphs = 2;
  GF_ASSIGN_OR_RETURN(ResolvedSpec spec, ResolveSpec(sized, dataset, offsets));
  // The list of graphs may be long.
  const Selection all = std::move(spec.selection);
  spec.selection = sized.selection = Selection();
  BatchSizes sizes(dataset.schema, target, max_batch_bytes, spec);
  GF_ASSIGN_OR_RETURN(SizeChoice choice, Packs(spec.strategy)
                                             ? ChoosePacked(all, target, offsets, sizes, spec)
                                             : ChoosePadded(all, offsets, sizes, spec));
  choice.options = RequestFromOptions(spec.options, dataset.schema);
  // Indices of the request's dtype may be too small for them.
  sized.options = choice.options;
  GF_RETURN_IF_ERROR(ResolveSpec(sized, dataset, offsets).status());
  return choice;
}

int64_t ChooseSizesBytes(const BatchSpec& request, const DatasetInfo& dataset) {
  constexpr int64_t kPerGraph = 6 * sizeof(int64_t);
  const auto types =
      static_cast<int64_t>(dataset.schema.node_types.size() + dataset.schema.edge_types.size());
  const auto listed = static_cast<int64_t>(request.selection.ids.size() * sizeof(int64_t));
  if (!Packs(request.strategy)) {
    int64_t bytes = 2 * listed + types * LargestSizes::kSmallBytes;
    for (const auto* totals : {&dataset.num_nodes, &dataset.num_edges}) {
      for (const int64_t total : *totals) bytes += LargestSizes::LargeBytes(total);
    }
    return bytes;
  }
  const int64_t packed =
      std::clamp<int64_t>(request.selection.size(dataset.num_graphs), 0, kSampledGraphs);
  return 2 * listed + kSearchBytes + (types + 1) * kSearchBytesOfType +
         packed * (kPerGraph + (types + 1) * static_cast<int64_t>(sizeof(int32_t)));
}

}  // namespace graphfeed
