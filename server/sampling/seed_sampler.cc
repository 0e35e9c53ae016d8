#include "server/sampling/seed_sampler.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "server/sampling/closure.h"
#include "server/sampling/cluster_union.h"
#include "server/sampling/negative_sampler.h"
#include "server/sampling/seed_scratch.h"
#include "server/sampling/subgraph_fitter.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// Edge ids are asked for in the stored dtype.
void Widen(const std::vector<std::byte>& rows, DType dtype, std::vector<int64_t>& values) {
  const auto copy = [&](const auto* from) { values.assign(from, from + values.size()); };
  if (dtype == DType::kInt32) {
    copy(reinterpret_cast<const int32_t*>(rows.data()));
  } else {
    copy(reinterpret_cast<const int64_t*>(rows.data()));
  }
}

// Sorts and makes unique.
void SortUnique(std::vector<int64_t>& nodes) {
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
}

int32_t PlaceOf(const std::vector<int64_t>& sorted, int64_t node) {
  return static_cast<int32_t>(std::lower_bound(sorted.begin(), sorted.end(), node) -
                              sorted.begin());
}

}  // namespace

SeedSampler::SeedSampler(const GraphView& graph, const ResolvedSpec& spec, const SeedSet& seeds,
                         ScratchPool* scratch, int64_t max_edges)
    : graph_(graph),
      spec_(spec),
      sampling_(*spec.sampling),
      seeds_(seeds),
      max_edges_(max_edges),
      own_scratch_(scratch == nullptr ? std::make_unique<ScratchPool>(INT_MAX) : nullptr),
      scratch_(scratch == nullptr ? *own_scratch_ : *scratch) {
  if (sampling_.links.has_value()) {
    reverse_type_ = ReverseEdgeTypes(graph.schema)[sampling_.links->edge_type];
  }
}

SeedSampler::~SeedSampler() = default;

absl::StatusOr<std::unique_ptr<SeedSampler>> SeedSampler::Create(const GraphView& graph,
                                                                 const ResolvedSpec& spec,
                                                                 const SeedSet& seeds,
                                                                 ScratchPool* scratch,
                                                                 int64_t max_edges) {
  std::unique_ptr<SeedSampler> sampler(new SeedSampler(graph, spec, seeds, scratch, max_edges));
  const ResolvedSampling& sampling = *spec.sampling;
  if (sampling.partition >= 0) return sampler;
  NeighborSamplerOptions options;
  options.num_neighbors = sampling.num_neighbors;
  options.replace = sampling.replace;
  options.subgraph_type = sampling.subgraph_type;
  options.disjoint = sampling.disjoint;
  options.edge_times = sampling.edge_times;
  options.time_columns = sampling.time_columns;
  options.temporal_strategy = sampling.temporal_strategy;
  options.weight_columns = sampling.weight_columns;
  options.max_edges = max_edges;
  GF_ASSIGN_OR_RETURN(sampler->sampler_, NeighborSampler::Create(graph, std::move(options)));
  return sampler;
}

bool SeedSampler::dense() const { return sampler_ != nullptr && sampler_->dense(); }

absl::Status SeedSampler::Sample(const EpochPlan& plan, uint64_t seed, int64_t batch,
                                 SampledBatch& sampled) const {
  sampled.Clear(graph_.schema.node_types.size(), graph_.schema.edge_types.size());
  plan.PositionsOf(batch, sampled.input_ids);
  if (sampled.null()) return absl::OkStatus();

  std::unique_ptr<SeedScratch> scratch = scratch_.Take(sampler_.get());
  absl::Status status = SampleInto(plan, seed, batch, *scratch, sampled);
  scratch_.Return(std::move(scratch));
  return status;
}

absl::Status SeedSampler::SampleInto(const EpochPlan& plan, uint64_t seed, int64_t batch,
                                     SeedScratch& scratch, SampledBatch& sampled) const {
  scratch.items.clear();
  for (const int64_t position : sampled.input_ids) {
    scratch.items.push_back(spec_.selection(position));
  }
  if (sampler_ == nullptr) {
    GF_RETURN_IF_ERROR(
        UniteClusters(graph_, seeds_.clusters(), scratch.items, sampled.subgraph, max_edges_));
  } else if (sampling_.links.has_value()) {
    GF_RETURN_IF_ERROR(SampleLinks(plan.epoch(), seed, batch, scratch, sampled));
  } else {
    GF_RETURN_IF_ERROR(SampleNodes(plan.epoch(), seed, batch, scratch, sampled));
  }
  if (!spec_.fixed_size()) return absl::OkStatus();
  return FitSubgraph(graph_.schema, spec_, batch, SpareNodes(sampled, scratch), sampled.subgraph,
                     sampled.trimmed);
}

absl::Status SeedSampler::SampleNodes(int64_t epoch, uint64_t seed, int64_t batch,
                                      SeedScratch& scratch, SampledBatch& sampled) const {
  scratch.nodes.clear();
  for (const int64_t item : scratch.items) scratch.nodes.push_back(seeds_.Node(item));
  if (!sampling_.input_time.empty()) {
    for (const int64_t position : sampled.input_ids) {
      sampled.times.push_back(sampling_.input_time[position]);
    }
  }
  const Seeds seeds{
      .node_type = sampling_.input_type, .nodes = scratch.nodes, .times = sampled.times};
  return sampler_->Sample(seed, epoch, static_cast<uint64_t>(batch), seeds, *scratch.sampler,
                          sampled.subgraph);
}

// sources, targets = the ends of the batch's seed edges.
absl::Status SeedSampler::ReadPairs(const SampledBatch& sampled, SeedScratch& scratch) const {
  const ResolvedLinks& links = *sampling_.links;
  scratch.sources.clear();
  scratch.targets.clear();
  if (links.explicit_pairs) {
    for (const int64_t item : scratch.items) {
      scratch.sources.push_back(links.sources[item]);
      scratch.targets.push_back(links.targets[item]);
    }
    return absl::OkStatus();
  }
  const int column = graph_.schema.FindColumn(Level::kEdge, links.edge_type, "edge_index");
  const DType dtype = graph_.schema.columns[column].dtype;
  scratch.ends.resize(2 * sampled.input_ids.size());
  scratch.rows.resize(scratch.ends.size() * SizeOf(dtype));
  GF_RETURN_IF_ERROR(graph_.features.GatherRows(column, scratch.items, scratch.rows.data()));
  Widen(scratch.rows, dtype, scratch.ends);
  for (size_t i = 0; i < scratch.ends.size(); i += 2) {
    scratch.sources.push_back(scratch.ends[i]);
    scratch.targets.push_back(scratch.ends[i + 1]);
  }
  return absl::OkStatus();
}

absl::Status SeedSampler::AddNegatives(int64_t epoch, uint64_t seed, int64_t batch,
                                       const SampledBatch& sampled, SeedScratch& scratch) const {
  const ResolvedLinks& links = *sampling_.links;
  const auto number = static_cast<uint64_t>(batch);
  const size_t num_positives = scratch.sources.size();
  const auto per_seed = static_cast<size_t>(links.negatives_per_seed());
  NegativeTimes times{&seeds_.source_times(), &seeds_.target_times(), {}};
  const bool timed = sampling_.TimesNegatives(graph_.schema);
  if (timed) {
    const bool binary = links.negative_mode == NegativeMode::kBinary;
    const size_t count =
        binary ? static_cast<size_t>(links.NumNegatives(static_cast<int64_t>(num_positives)))
               : num_positives * per_seed;
    scratch.times.clear();
    for (size_t i = 0; i < count; ++i) {
      const size_t positive = binary ? i % num_positives : i / per_seed;
      scratch.times.push_back(sampling_.input_time[sampled.input_ids[positive]]);
    }
    times.latest = scratch.times;
  }
  if (links.negative_mode == NegativeMode::kBinary) {
    const int64_t count = links.NumNegatives(static_cast<int64_t>(scratch.sources.size()));
    GF_RETURN_IF_ERROR(SampleNegativePairs(graph_, links.edge_type, seed, epoch, number, count,
                                           scratch.negatives, timed ? &times : nullptr));
    const NegativePairs& pairs = scratch.negatives;
    scratch.sources.insert(scratch.sources.end(), pairs.source.begin(), pairs.source.end());
    scratch.targets.insert(scratch.targets.end(), pairs.target.begin(), pairs.target.end());
  } else if (links.negative_mode == NegativeMode::kTriplet) {
    std::vector<int64_t>& targets = scratch.negatives.target;
    GF_RETURN_IF_ERROR(SampleNegativeTargets(graph_, links.edge_type, seed, epoch, number,
                                             scratch.sources, links.negatives_per_seed(), targets,
                                             timed ? &times : nullptr));
    scratch.targets.insert(scratch.targets.end(), targets.begin(), targets.end());
  }
  return absl::OkStatus();
}

absl::Status SeedSampler::SampleLinks(int64_t epoch, uint64_t seed, int64_t batch,
                                      SeedScratch& scratch, SampledBatch& sampled) const {
  const EdgeType& type = graph_.schema.edge_types[sampling_.links->edge_type];
  GF_RETURN_IF_ERROR(ReadPairs(sampled, scratch));
  GF_RETURN_IF_ERROR(AddNegatives(epoch, seed, batch, sampled, scratch));
  AddLabels(scratch, sampled);

  // Sources and targets of one node type are one group of seeds.
  const bool one_type = type.source == type.target;
  const size_t num_positives = sampled.input_ids.size();
  const size_t each = std::max<size_t>(1, scratch.targets.size() / num_positives);
  const bool triplets = sampling_.links->negative_mode == NegativeMode::kTriplet;
  // The seed edge that entry i of `sources` or `targets` belongs to: itself, the one that the
  // negative of a triplet was drawn for, or, for binary negatives, each in turn.
  const auto seed_edge = [&](size_t i) {
    if (i < num_positives) return i;
    return triplets ? (i - num_positives) / std::max<size_t>(1, each - 1)
                    : (i - num_positives) % num_positives;
  };
  const auto fill = [&](const std::vector<int64_t>& ends, std::vector<int64_t>& nodes,
                        std::vector<int64_t>& times, std::vector<int32_t>& trees) {
    nodes.insert(nodes.end(), ends.begin(), ends.end());
    if (!sampling_.disjoint) return;
    for (size_t i = 0; i < ends.size(); ++i) {
      trees.push_back(static_cast<int32_t>(triplets ? seed_edge(i) : i));
      if (sampling_.input_time.empty()) continue;
      times.push_back(sampling_.input_time[sampled.input_ids[seed_edge(i)]]);
    }
  };
  scratch.nodes.clear();
  scratch.times.clear();
  scratch.trees.clear();
  scratch.other_nodes.clear();
  scratch.other_times.clear();
  scratch.other_trees.clear();
  fill(scratch.sources, scratch.nodes, scratch.times, scratch.trees);
  if (one_type) {
    fill(scratch.targets, scratch.nodes, scratch.times, scratch.trees);
  } else {
    fill(scratch.targets, scratch.other_nodes, scratch.other_times, scratch.other_trees);
  }
  if (!sampling_.disjoint) {
    SortUnique(scratch.nodes);
    SortUnique(scratch.other_nodes);
  }
  PlaceEnds(scratch, sampled);

  const Seeds groups[] = {{.node_type = type.source,
                           .nodes = scratch.nodes,
                           .times = scratch.times,
                           .trees = scratch.trees},
                          {.node_type = type.target,
                           .nodes = scratch.other_nodes,
                           .times = scratch.other_times,
                           .trees = scratch.other_trees}};
  GF_RETURN_IF_ERROR(sampler_->Sample(seed, epoch, static_cast<uint64_t>(batch),
                                      absl::MakeConstSpan(groups, one_type ? 1 : 2),
                                      *scratch.sampler, sampled.subgraph));
  if (sampling_.links->exclude_seed_edges) ExcludeSeedEdges(scratch, sampled);
  return absl::OkStatus();
}

// Given labels, raised where negatives need the 0; without labels 1 and 0.
void SeedSampler::AddLabels(const SeedScratch& scratch, SampledBatch& sampled) const {
  const ResolvedLinks& links = *sampling_.links;
  const size_t num_labels = scratch.sources.size();
  if (!sampling_.input_time.empty()) {
    // Binary negatives have those of the seed edges in turn.
    const bool pairs = links.negative_mode != NegativeMode::kTriplet;
    const size_t num_seeds = sampled.input_ids.size();
    for (size_t i = 0; i < (pairs ? num_labels : num_seeds); ++i) {
      sampled.times.push_back(sampling_.input_time[sampled.input_ids[i % num_seeds]]);
    }
  }
  if (!links.labelled()) return;
  if (!links.float_labels.empty()) {
    const float raised = links.RaisesLabels() ? 1 : 0;
    for (const int64_t position : sampled.input_ids) {
      sampled.float_labels.push_back(links.float_labels[position] + raised);
    }
    sampled.float_labels.resize(num_labels, 0);
    return;
  }
  for (const int64_t position : sampled.input_ids) {
    sampled.labels.push_back(
        links.labels.empty() ? 1 : links.labels[position] + (links.RaisesLabels() ? 1 : 0));
  }
  sampled.labels.resize(num_labels, 0);
}

// Where the ends of the labelled pairs are among the seeds.
void SeedSampler::PlaceEnds(SeedScratch& scratch, SampledBatch& sampled) const {
  const EdgeType& type = graph_.schema.edge_types[sampling_.links->edge_type];
  const bool one_type = type.source == type.target;
  const size_t num_sources = scratch.sources.size();
  const auto place = [&](const std::vector<int64_t>& ends, size_t i,
                         const std::vector<int64_t>& nodes, size_t first) {
    return sampling_.disjoint ? static_cast<int32_t>(first + i) : PlaceOf(nodes, ends[i]);
  };
  const std::vector<int64_t>& target_nodes = one_type ? scratch.nodes : scratch.other_nodes;
  const size_t first_target = one_type ? num_sources : 0;
  for (size_t i = 0; i < num_sources; ++i) {
    sampled.label_source.push_back(place(scratch.sources, i, scratch.nodes, 0));
  }
  for (size_t i = 0; i < scratch.targets.size(); ++i) {
    (i < num_sources ? sampled.label_target : sampled.negative_target)
        .push_back(place(scratch.targets, i, target_nodes, first_target));
  }
}

// Takes the batch's positives out of its subgraph, and the edges that run the other way, which
// would tell just as much.
void SeedSampler::ExcludeSeedEdges(const SeedScratch& scratch, SampledBatch& sampled) const {
  const Schema& schema = graph_.schema;
  absl::flat_hash_set<std::pair<int64_t, int64_t>> pairs;
  for (size_t i = 0; i < sampled.input_ids.size(); ++i) {
    pairs.emplace(scratch.sources[i], scratch.targets[i]);
  }
  const auto exclude = [&](int edge_type, bool reversed) {
    const EdgeType& type = schema.edge_types[edge_type];
    const std::vector<int64_t>& sources = sampled.subgraph.nodes[type.source];
    const std::vector<int64_t>& targets = sampled.subgraph.nodes[type.target];
    Subgraph::Edges& edges = sampled.subgraph.edges[edge_type];
    edges.KeepIf([&](size_t i) {
      const int64_t source = sources[static_cast<size_t>(edges.source[i])];
      const int64_t target = targets[static_cast<size_t>(edges.target[i])];
      return !pairs.contains(reversed ? std::make_pair(target, source)
                                      : std::make_pair(source, target));
    });
  };
  exclude(sampling_.links->edge_type, /*reversed=*/false);
  if (reverse_type_ >= 0) exclude(reverse_type_, /*reversed=*/true);
}

// Padding labels of a short batch point to padding nodes.
absl::Span<const uint8_t> SeedSampler::SpareNodes(const SampledBatch& sampled,
                                                  SeedScratch& scratch) const {
  std::vector<uint8_t>& spare = scratch.spare_nodes;
  spare.assign(graph_.schema.node_types.size(), 0);
  if (sampling_.links.has_value() &&
      static_cast<int64_t>(sampled.input_ids.size()) < spec_.batch_size) {
    const EdgeType& type = graph_.schema.edge_types[sampling_.links->edge_type];
    spare[static_cast<size_t>(type.source)] = spare[static_cast<size_t>(type.target)] = 1;
  }
  return spare;
}

}  // namespace graphfeed
