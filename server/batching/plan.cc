#include "server/batching/plan.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/batching/packing/pack_dimensions.h"
#include "server/batching/packing/stream_pack.h"
#include "storage/base/arithmetic.h"
#include "storage/base/check.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

// Graphs, or batches, between two looks at whether anybody still wants the plan.
constexpr int64_t kGraphsAtOnce = 4096;

bool Trims(const ResolvedSpec& spec) {
  return spec.fixed_size() && spec.over_size != OverSize::kError &&
         spec.over_size != OverSize::kSkip;
}

void AddGraph(const ResolvedSpec& spec, const GraphOffsets& offsets, int64_t graph, int64_t times,
              Counts& counts) {
  counts.graphs += times;
  for (size_t t = 0; t < counts.nodes.size(); ++t) {
    counts.nodes[t] += times * offsets.NumNodes(static_cast<int>(t), graph);
  }
  for (size_t r = 0; r < counts.edges.size(); ++r) {
    counts.edges[r] += times * offsets.NumEdges(static_cast<int>(r), graph);
  }
  for (size_t i = 0; i < counts.rows.size(); ++i) {
    const absl::Span<const int64_t> ptr = offsets.row_ptr[spec.row_columns[i]];
    counts.rows[i] += times * (ptr[graph + 1] - ptr[graph]);
  }
}

Counts ZeroCounts(const ResolvedSpec& spec, const GraphOffsets& offsets) {
  Counts counts;
  counts.nodes.resize(offsets.node_ptr.size());
  counts.edges.resize(offsets.edge_ptr.size());
  counts.rows.resize(spec.row_columns.size());
  return counts;
}

// Sizes of all selected graphs together; O(types) unless they are listed one by one.
Counts SizeOfSelection(const ResolvedSpec& spec, const GraphOffsets& offsets) {
  const Selection& selection = spec.selection;
  Counts counts = ZeroCounts(spec, offsets);
  if (selection.kind == Selection::Kind::kIds) {
    for (const int64_t graph : selection.ids) AddGraph(spec, offsets, graph, 1, counts);
    return counts;
  }
  const int64_t start = selection.start;
  const int64_t stop =
      selection.kind == Selection::Kind::kAll ? offsets.num_graphs : selection.stop;
  counts.graphs = stop - start;
  for (size_t t = 0; t < counts.nodes.size(); ++t) {
    counts.nodes[t] = offsets.node_ptr[t][stop] - offsets.node_ptr[t][start];
  }
  for (size_t r = 0; r < counts.edges.size(); ++r) {
    counts.edges[r] = offsets.edge_ptr[r][stop] - offsets.edge_ptr[r][start];
  }
  for (size_t i = 0; i < counts.rows.size(); ++i) {
    const absl::Span<const int64_t> ptr = offsets.row_ptr[spec.row_columns[i]];
    counts.rows[i] = ptr[stop] - ptr[start];
  }
  return counts;
}

}  // namespace

EpochPlan::EpochPlan(const ResolvedSpec& spec, const GraphOffsets& offsets, uint64_t seed,
                     int64_t epoch)
    : spec_(spec),
      offsets_(offsets),
      epoch_(epoch),
      num_selected_(spec.selection.size(offsets.num_graphs)),
      order_(seed, epoch, RandomPurpose::kShuffle, num_selected_) {}

EpochPlan::~EpochPlan() = default;

absl::StatusOr<std::unique_ptr<EpochPlan>> EpochPlan::Create(const ResolvedSpec& spec,
                                                             const GraphOffsets& offsets,
                                                             uint64_t seed, int64_t epoch) {
  std::unique_ptr<EpochPlan> plan(new EpochPlan(spec, offsets, seed, epoch));
  switch (PackingOf(spec.strategy)) {
    case Packing::kNone:
      GF_RETURN_IF_ERROR(plan->PlanCuts());
      break;
    case Packing::kInOrder:
      GF_RETURN_IF_ERROR(plan->PackInOrder());
      break;
    case Packing::kLookAhead:
      GF_RETURN_IF_ERROR(plan->PackLookingAhead(seed));
      break;
  }
  GF_RETURN_IF_ERROR(plan->Summarize());
  return plan;
}

void EpochPlan::PositionsAt(int64_t begin, absl::Span<int64_t> positions) const {
  if (spec_.shuffle) return order_.Range(begin, positions);
  std::iota(positions.begin(), positions.end(), begin);
}

void EpochPlan::GraphsAt(int64_t begin, absl::Span<int64_t> graphs) const {
  PositionsAt(begin, graphs);
  for (int64_t& graph : graphs) graph = spec_.selection(graph);
}

// Batches of one size, or of the sizes that the user gave.
absl::Status EpochPlan::PlanCuts() {
  const std::vector<int64_t>& sizes = spec_.selection.batch_sizes;
  if (!sizes.empty()) {
    starts_.reserve(sizes.size() + 1);
    starts_.push_back(0);
    for (size_t b = 0; b < sizes.size(); ++b) {
      if (spec_.fixed_size() && !spec_.sampling.has_value() &&
          sizes[b] > spec_.options.num_graphs) {
        return absl::FailedPreconditionError(
            absl::StrCat("batch ", b, " has ", sizes[b], " graphs; a batch holds ",
                         spec_.options.num_graphs, " (num_graphs)"));
      }
      starts_.push_back(starts_.back() + sizes[b]);
    }
    summary_.num_batches = static_cast<int64_t>(sizes.size());
    return absl::OkStatus();
  }
  const int64_t size = spec_.items_per_batch();
  summary_.num_batches = spec_.drop_last ? num_selected_ / size : CeilDivide(num_selected_, size);
  return absl::OkStatus();
}

absl::Status EpochPlan::NextGraphs(int64_t position, std::vector<int64_t>& graphs) const {
  GF_RETURN_IF_ERROR(CheckWanted());
  graphs.resize(std::min(kGraphsAtOnce, num_selected_ - position));
  GraphsAt(position, absl::MakeSpan(graphs));
  return absl::OkStatus();
}

absl::Status EpochPlan::PackInOrder() {
  StreamPacker packer(spec_, offsets_);
  graphs_.reserve(num_selected_);
  std::vector<int64_t> some;
  for (int64_t position = 0; position < num_selected_; ++position) {
    if (position % kGraphsAtOnce == 0) GF_RETURN_IF_ERROR(NextGraphs(position, some));
    const int64_t graph = some[position % kGraphsAtOnce];
    switch (packer.Add(graph)) {
      case StreamPacker::Outcome::kAdded:
        graphs_.push_back(graph);
        break;
      case StreamPacker::Outcome::kOpenedNext:
        starts_.push_back(static_cast<int64_t>(graphs_.size()));
        graphs_.push_back(graph);
        break;
      case StreamPacker::Outcome::kSkipped:
        ++summary_.skipped_graphs;
        break;
      case StreamPacker::Outcome::kRefused:
        return packer.Explain(graph);
    }
  }
  starts_.push_back(static_cast<int64_t>(graphs_.size()));
  graphs_.shrink_to_fit();
  summary_.num_batches = static_cast<int64_t>(starts_.size()) - 1;
  return absl::OkStatus();
}

absl::Status EpochPlan::PackLookingAhead(uint64_t seed) {
  const PackDimensions dimensions(spec_, offsets_);
  std::vector<int64_t> graphs;  // in the order of the epoch, without those that fit no batch
  graphs.reserve(num_selected_);
  std::vector<std::vector<int32_t>> sizes(dimensions.size());
  for (std::vector<int32_t>& of_dimension : sizes) of_dimension.reserve(num_selected_);
  std::vector<int64_t> some;
  for (int64_t position = 0; position < num_selected_; position += std::ssize(some)) {
    GF_RETURN_IF_ERROR(NextGraphs(position, some));
    if (dimensions.AddAll(some, sizes)) {
      graphs.insert(graphs.end(), some.begin(), some.end());
      continue;
    }
    for (const int64_t graph : some) {
      if (dimensions.Add(graph, sizes)) {
        graphs.push_back(graph);
      } else if (spec_.over_size == OverSize::kSkip) {
        ++summary_.skipped_graphs;
      } else {
        return dimensions.Explain(graph);
      }
    }
  }
  GF_ASSIGN_OR_RETURN(const PackedItems packs,
                      PackWithLookAhead(dimensions.capacity(), std::move(sizes)));

  // What is left at the end makes an odd pack, which must not always be the last one.
  const int64_t num_packs = std::ssize(packs.starts) - 1;
  const KeyedPermutation order(seed, epoch_, RandomPurpose::kPackOrder, num_packs);
  graphs_.reserve(graphs.size());
  starts_.reserve(packs.starts.size());
  starts_.push_back(0);
  for (int64_t p = 0; p < num_packs; ++p) {
    const int64_t pack = spec_.shuffle ? order(p) : p;
    for (int64_t i = packs.starts[pack]; i < packs.starts[pack + 1]; ++i) {
      graphs_.push_back(graphs[packs.items[i]]);
    }
    starts_.push_back(static_cast<int64_t>(graphs_.size()));
  }
  summary_.num_batches = num_packs;
  return absl::OkStatus();
}

absl::Status EpochPlan::Summarize() {
  const int64_t k = spec_.micro_batches;
  if (spec_.incomplete_step == IncompleteStep::kDrop) {
    summary_.num_frames = summary_.num_batches / k;
    summary_.num_batches = summary_.num_frames * k;
  } else {
    summary_.num_frames = CeilDivide(summary_.num_batches, k);
  }

  // Everything in the plan's order without what lies behind the last delivered batch.
  const bool packed = Packs(spec_.strategy);
  const int64_t num_planned = packed ? static_cast<int64_t>(graphs_.size()) : num_selected_;
  const int64_t num_delivered =
      starts_.empty() ? std::min(num_planned, summary_.num_batches * spec_.items_per_batch())
                      : starts_[summary_.num_batches];
  if (packed && summary_.skipped_graphs > 0) {
    summary_.real = ZeroCounts(spec_, offsets_);
    for (const int64_t graph : graphs_) AddGraph(spec_, offsets_, graph, 1, summary_.real);
  } else {
    summary_.real = SizeOfSelection(spec_, offsets_);
  }
  std::vector<int64_t> some;
  for (int64_t i = num_delivered; i < num_planned; i += std::ssize(some)) {
    if (packed) {
      some.assign(graphs_.begin() + i, graphs_.end());
    } else {
      GF_RETURN_IF_ERROR(NextGraphs(i, some));
    }
    for (const int64_t graph : some) AddGraph(spec_, offsets_, graph, -1, summary_.real);
  }
  summary_.num_graphs = num_delivered;
  if (spec_.sampling.has_value()) {
    // Sizes are known only when batches are sampled.
    summary_.real.seeds = std::exchange(summary_.real.graphs, 0);
    summary_.node_efficiency = summary_.edge_efficiency = 0;
    summary_.lower_bound_batches = summary_.num_batches;
    return absl::OkStatus();
  }
  return SummarizeFill();
}

// Efficiencies and the lower bound.
absl::Status EpochPlan::SummarizeFill() {
  if (!spec_.fixed_size() || summary_.num_batches == 0) {
    summary_.lower_bound_batches = summary_.num_batches;
    return absl::OkStatus();
  }
  const ResolvedOptions& options = spec_.options;
  const int64_t all_nodes = Sum(options.num_nodes);
  const int64_t all_edges = Sum(options.num_edges);
  GF_CHECK(all_nodes > 0);  // one of them is for padding
  double nodes = static_cast<double>(Sum(summary_.real.nodes));
  double edges = static_cast<double>(Sum(summary_.real.edges));
  if (Trims(spec_)) {
    // A batch that will be trimmed counts as full.
    nodes = edges = 0;
    std::vector<int64_t> graphs;
    for (int64_t batch = 0; batch < summary_.num_batches; ++batch) {
      if (batch % kGraphsAtOnce == 0) GF_RETURN_IF_ERROR(CheckWanted());
      GraphsOf(batch, graphs);
      Counts counts = ZeroCounts(spec_, offsets_);
      for (const int64_t graph : graphs) AddGraph(spec_, offsets_, graph, 1, counts);
      for (size_t t = 0; t < counts.nodes.size(); ++t) {
        nodes += static_cast<double>(std::min(counts.nodes[t], options.num_nodes[t]));
      }
      for (size_t r = 0; r < counts.edges.size(); ++r) {
        edges += static_cast<double>(std::min(counts.edges[r], options.num_edges[r]));
      }
    }
  }
  const auto batches = static_cast<double>(summary_.num_batches);
  summary_.node_efficiency = nodes / (batches * static_cast<double>(all_nodes));
  summary_.edge_efficiency =
      all_edges == 0 ? 1 : edges / (batches * static_cast<double>(all_edges));

  int64_t bound = CeilDivide(summary_.num_graphs, options.num_graphs - 1);
  if (Packs(spec_.strategy)) {
    bound = PackDimensions(spec_, offsets_).LowerBound(summary_.real);
    bound = std::max(bound, NumLargeGraphs());
  } else if (!Trims(spec_)) {
    // A padded batch may be exactly full.
    bound = std::max(bound, CeilDivide(Sum(summary_.real.nodes), all_nodes));
    if (all_edges > 0) bound = std::max(bound, CeilDivide(Sum(summary_.real.edges), all_edges));
    for (size_t t = 0; t < options.num_nodes.size(); ++t) {
      bound = std::max(bound, CeilDivide(summary_.real.nodes[t], options.num_nodes[t]));
    }
    for (size_t r = 0; r < options.num_edges.size(); ++r) {
      bound = std::max(bound, CeilDivide(summary_.real.edges[r], options.num_edges[r]));
    }
    size_t i = 0;
    for (const auto& [name, rows] : options.num_rows) {
      bound = std::max(bound, CeilDivide(summary_.real.rows[i++], rows));
    }
  }
  summary_.lower_bound_batches = std::min(bound, summary_.num_batches);
  return absl::OkStatus();
}

// Graphs of packed batches that take more than half of the nodes or of the edges: no two of them
// share a batch.
int64_t EpochPlan::NumLargeGraphs() const {
  const int64_t nodes = Sum(spec_.options.num_nodes) - 1;
  const int64_t edges = Sum(spec_.options.num_edges) - 1;
  int64_t by_nodes = 0;
  int64_t by_edges = 0;
  // Where all of a range are packed, as they are stored: that is much faster.
  const Selection& selection = spec_.selection;
  const bool in_order =
      selection.kind != Selection::Kind::kIds && summary_.num_graphs == num_selected_;
  for (int64_t i = 0; i < summary_.num_graphs; ++i) {
    const int64_t graph = in_order ? selection(i) : graphs_[i];
    int64_t graph_nodes = 0;
    int64_t graph_edges = 0;
    for (const auto& ptr : offsets_.node_ptr) graph_nodes += ptr[graph + 1] - ptr[graph];
    for (const auto& ptr : offsets_.edge_ptr) graph_edges += ptr[graph + 1] - ptr[graph];
    if (2 * graph_nodes > nodes) ++by_nodes;
    if (graph_edges > 0 && 2 * graph_edges > edges) ++by_edges;
  }
  return std::max(by_nodes, by_edges);
}

int64_t EpochPlan::memory_bytes() const {
  return static_cast<int64_t>(sizeof(*this) +
                              (graphs_.capacity() + starts_.capacity()) * sizeof(int64_t)) +
         spec_.list_bytes();
}

void EpochPlan::PlacesOf(int64_t batch, int64_t& begin, int64_t& end) const {
  if (batch >= summary_.num_batches) {
    begin = end = 0;
  } else if (starts_.empty()) {
    const int64_t size = spec_.items_per_batch();
    begin = batch * size;
    end = std::min(begin + size, num_selected_);
  } else {
    begin = starts_[batch];
    end = starts_[batch + 1];
  }
}

void EpochPlan::GraphsOf(int64_t batch, std::vector<int64_t>& graphs) const {
  int64_t begin;
  int64_t end;
  PlacesOf(batch, begin, end);
  if (!graphs_.empty()) {
    graphs.assign(graphs_.begin() + begin, graphs_.begin() + end);
    return;
  }
  graphs.resize(end - begin);
  GraphsAt(begin, absl::MakeSpan(graphs));
}

void EpochPlan::PositionsOf(int64_t batch, std::vector<int64_t>& positions) const {
  GF_CHECK(graphs_.empty());
  int64_t begin;
  int64_t end;
  PlacesOf(batch, begin, end);
  positions.resize(end - begin);
  PositionsAt(begin, absl::MakeSpan(positions));
}

int64_t EpochPlan::LargestBatch() const {
  const int64_t batches = summary_.num_batches;
  if (starts_.empty()) return batches == 0 ? 0 : std::min(spec_.items_per_batch(), num_selected_);
  int64_t largest = 0;
  for (int64_t b = 0; b < batches; ++b) largest = std::max(largest, starts_[b + 1] - starts_[b]);
  return largest;
}

int64_t EpochPlan::histogram_bytes() const {
  return (LargestBatch() + 1) * static_cast<int64_t>(sizeof(int64_t));
}

std::vector<int64_t> EpochPlan::GraphsPerBatch() const {
  const int64_t batches = summary_.num_batches;
  if (batches == 0) return {};
  std::vector<int64_t> histogram(static_cast<size_t>(LargestBatch()) + 1);
  if (!starts_.empty()) {
    for (int64_t b = 0; b < batches; ++b) ++histogram[starts_[b + 1] - starts_[b]];
  } else {
    const int64_t size = spec_.items_per_batch();
    histogram.back() += batches - 1;
    ++histogram[std::min(size, num_selected_ - (batches - 1) * size)];
  }
  return histogram;
}

}  // namespace graphfeed
