#include "server/sampling/neighbor_sampler.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/closure.h"
#include "server/sampling/conditional_choice.h"
#include "server/sampling/draws.h"
#include "server/sampling/in_edge_reader.h"
#include "server/sampling/node_table.h"
#include "server/sampling/row_reader.h"
#include "server/sampling/sampler_options.h"
#include "server/sampling/uniform_choice.h"
#include "storage/base/check.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {

struct NeighborSampler::Scratch::State {
  std::vector<std::unique_ptr<NodeTable>> tables;  // by node type
  UniformChoice uniform;
  ConditionalChoice conditional;
  InEdgeReader in_edges;
  RowReader rows;

  // By node type: the hop's frontier is [frontier_begin, frontier_end) of the nodes.
  std::vector<size_t> frontier_begin;
  std::vector<size_t> frontier_end;
  std::vector<int64_t> seed_times;              // by tree
  std::vector<std::vector<int64_t>> positions;  // by edge type, of the subgraph's edges
  // Of one hop and edge type.
  std::vector<InRun> runs;
  std::vector<int64_t> time_limits;
  std::vector<int64_t> sources;
  std::vector<int32_t> source_trees;
};

NeighborSampler::Scratch::Scratch(std::unique_ptr<State> state) : state_(std::move(state)) {}
NeighborSampler::Scratch::~Scratch() = default;

// One hop of one edge type asks in two phases, many nodes at a time: for the runs of in-edges of
// the whole frontier, then, once positions are chosen from the runs' lengths, for the sources of
// all of them. Each phase is a loop over independent cache misses, which overlap.
class NeighborSampler::Impl {
 public:
  using State = Scratch::State;

  Impl(const GraphView& graph, NeighborSamplerOptions options)
      : graph_(graph),
        options_(std::move(options)),
        order_(ExpansionOrder(graph.schema)),
        reverse_types_(ReverseEdgeTypes(graph.schema)),
        temporal_(!options_.time_columns.empty()),
        disjoint_(options_.disjoint || temporal_) {}

  // Relabelling by dense tables: trees would need one each.
  bool dense() const { return !disjoint_ && TotalNodes() <= options_.max_dense_nodes; }

  // Of what draws: part of the random key.
  uint32_t algorithm_version() const {
    return options_.weight_columns.empty() ? kAlgorithms.neighbors : kAlgorithms.weighted_neighbors;
  }

  int64_t scratch_bytes() const {
    const auto state_bytes = static_cast<int64_t>(sizeof(State));
    return state_bytes + (dense() ? kDenseBytesPerNode * TotalNodes() : 0);
  }

  std::unique_ptr<State> NewState(bool dense_tables) const {
    GF_CHECK(dense() || !dense_tables);
    auto state = std::make_unique<State>();
    for (size_t t = 0; t < graph_.schema.node_types.size(); ++t) {
      state->tables.push_back(
          dense_tables ? NewDenseNodeTable(graph_.adjacency.NumNodes(static_cast<int>(t)))
                       : NewHashedNodeTable());
    }
    return state;
  }

  absl::Status Sample(const CounterRandom& random, uint64_t batch, absl::Span<const Seeds> groups,
                      State& state, Subgraph& subgraph) const {
    for (const Seeds& seeds : groups) GF_RETURN_IF_ERROR(CheckSeeds(seeds));
    subgraph.Clear(graph_.schema.node_types.size(), graph_.schema.edge_types.size());
    state.positions.resize(graph_.schema.edge_types.size());
    for (std::vector<int64_t>& positions : state.positions) positions.clear();
    for (const std::unique_ptr<NodeTable>& table : state.tables) table->StartBatch();
    state.seed_times.clear();
    for (const Seeds& seeds : groups) GF_RETURN_IF_ERROR(AddSeeds(seeds, state, subgraph));
    GF_RETURN_IF_ERROR(Expand(random, batch, state, subgraph));

    if (options_.subgraph_type == SubgraphType::kInduced) {
      for (size_t e = 0; e < graph_.schema.edge_types.size(); ++e) {
        subgraph.edges[e].source.clear();
        subgraph.edges[e].target.clear();
        state.positions[e].clear();
      }
      GF_RETURN_IF_ERROR(AddInducedEdges(graph_, state.tables, max_edges(), state.in_edges,
                                         subgraph, state.positions));
    } else if (options_.subgraph_type == SubgraphType::kBidirectional) {
      GF_RETURN_IF_ERROR(AddReverseEdges(graph_, reverse_types_, max_edges(), state.in_edges,
                                         subgraph, state.positions));
    }

    for (size_t e = 0; e < graph_.schema.edge_types.size(); ++e) {
      std::vector<int64_t>& edge_id = subgraph.edges[e].edge_id;
      if (state.positions[e].empty()) continue;
      edge_id.resize(state.positions[e].size());
      GF_RETURN_IF_ERROR(graph_.adjacency.EdgeIds(static_cast<int>(e), state.positions[e],
                                                  absl::MakeSpan(edge_id)));
    }
    return absl::OkStatus();
  }

 private:
  // Edges that are looked up between two looks at whether anybody still wants them.
  static constexpr size_t kPieceEdges = size_t{1} << 20;
  static constexpr int64_t kMaxPlaces = std::numeric_limits<int32_t>::max();

  int64_t TotalNodes() const {
    int64_t total = 0;
    for (size_t t = 0; t < graph_.schema.node_types.size(); ++t) {
      total += graph_.adjacency.NumNodes(static_cast<int>(t));
    }
    return total;
  }

  absl::Status CheckSeeds(const Seeds& seeds) const {
    if (seeds.node_type < 0 ||
        static_cast<size_t>(seeds.node_type) >= graph_.schema.node_types.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("seeds of node type ", seeds.node_type, "; the graph has ",
                       graph_.schema.node_types.size(), " node types"));
    }
    const std::string& type = graph_.schema.node_types[seeds.node_type];
    const int64_t num_nodes = graph_.adjacency.NumNodes(seeds.node_type);
    if (seeds.nodes.size() > static_cast<size_t>(kMaxPlaces)) {
      return absl::InvalidArgumentError(absl::StrCat(seeds.nodes.size(), " seeds of '", type,
                                                     "'; a batch holds at most ", kMaxPlaces));
    }
    for (size_t i = 0; i < seeds.nodes.size(); ++i) {
      if (seeds.nodes[i] >= 0 && seeds.nodes[i] < num_nodes) continue;
      return absl::InvalidArgumentError(absl::StrCat("seed ", i, " is node ", seeds.nodes[i],
                                                     " of '", type, "', which has ", num_nodes,
                                                     " nodes"));
    }
    if (!seeds.trees.empty() && (!disjoint_ || seeds.trees.size() != seeds.nodes.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat(seeds.trees.size(), " trees for ", seeds.nodes.size(), " seeds",
                       disjoint_ ? "" : "; sampling is not disjoint"));
    }
    for (const int32_t tree : seeds.trees) {
      if (tree >= 0) continue;
      return absl::InvalidArgumentError(absl::StrCat("tree ", tree, "; trees count from 0"));
    }
    if (!seeds.times.empty() && (!temporal_ || seeds.times.size() != seeds.nodes.size())) {
      return absl::InvalidArgumentError(
          absl::StrCat(seeds.times.size(), " times for ", seeds.nodes.size(), " seeds",
                       temporal_ ? "" : "; sampling is not temporal"));
    }
    if (temporal_ && seeds.times.empty() && !seeds.nodes.empty() &&
        (options_.edge_times || options_.time_columns[seeds.node_type] < 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("seeds of '", type, "' have no time column, so their times must be given"));
    }
    return absl::OkStatus();
  }

  absl::Status AddSeeds(const Seeds& seeds, State& state, Subgraph& subgraph) const {
    const int type = seeds.node_type;
    if (subgraph.num_seeds[type] != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("seeds of '", graph_.schema.node_types[type], "' are given twice"));
    }
    subgraph.num_seeds[type] = static_cast<int64_t>(seeds.nodes.size());
    state.source_trees.assign(seeds.trees.begin(), seeds.trees.end());
    if (disjoint_ && seeds.trees.empty()) {
      state.source_trees.resize(seeds.nodes.size());
      std::iota(state.source_trees.begin(), state.source_trees.end(), 0);
    }
    state.tables[type]->AppendSeeds(seeds.nodes, state.source_trees,
                                    {subgraph.nodes[type], subgraph.tree[type]});
    if (!temporal_) return absl::OkStatus();
    std::vector<int64_t> own;
    absl::Span<const int64_t> times = seeds.times;
    if (times.empty() && !seeds.nodes.empty()) {
      own.resize(seeds.nodes.size());
      GF_RETURN_IF_ERROR(state.rows.ReadIntegers(graph_, options_.time_columns[type], seeds.nodes,
                                                 absl::MakeSpan(own)));
      times = own;
    }
    for (size_t i = 0; i < times.size(); ++i) {
      const auto tree = static_cast<size_t>(state.source_trees[i]);
      if (tree >= state.seed_times.size()) state.seed_times.resize(tree + 1);
      state.seed_times[tree] = times[i];
    }
    return absl::OkStatus();
  }

  absl::Status Expand(const CounterRandom& random, uint64_t batch, State& state,
                      Subgraph& subgraph) const {
    const size_t num_node_types = graph_.schema.node_types.size();
    const size_t num_hops = order_.empty() ? 0 : options_.num_neighbors[0].size();
    state.frontier_begin.assign(num_node_types, 0);
    state.frontier_end.resize(num_node_types);
    for (size_t hop = 0; hop < num_hops; ++hop) {
      for (size_t t = 0; t < num_node_types; ++t) state.frontier_end[t] = subgraph.nodes[t].size();
      for (const int edge_type : order_) {
        const auto stream = static_cast<uint32_t>(hop << 16 | static_cast<size_t>(edge_type));
        GF_RETURN_IF_ERROR(ExpandEdgeType(edge_type, options_.num_neighbors[edge_type][hop],
                                          StreamDraws(random, batch, stream), state, subgraph));
      }
      state.frontier_begin = state.frontier_end;
    }
    return absl::OkStatus();
  }

  absl::Status ExpandEdgeType(int edge_type, int64_t fan_out, const StreamDraws& stream,
                              State& state, Subgraph& subgraph) const {
    const EdgeType& type = graph_.schema.edge_types[edge_type];
    const size_t begin = state.frontier_begin[type.target];
    const size_t count = state.frontier_end[type.target] - begin;
    if (fan_out == 0 || count == 0) return absl::OkStatus();

    state.runs.resize(count);
    const auto frontier = absl::MakeConstSpan(subgraph.nodes[type.target]).subspan(begin, count);
    GF_RETURN_IF_ERROR(graph_.adjacency.InRuns(edge_type, frontier, absl::MakeSpan(state.runs)));

    const size_t first = state.positions[edge_type].size();
    GF_RETURN_IF_ERROR(ChooseEdges(edge_type, fan_out, begin, stream, state, subgraph));
    const size_t chosen = state.positions[edge_type].size() - first;
    if (chosen == 0) return absl::OkStatus();
    GF_RETURN_IF_ERROR(CheckNodes(type.source, subgraph.nodes[type.source].size(), chosen));

    Subgraph::Edges& edges = subgraph.edges[edge_type];
    edges.source.resize(first + chosen);
    for (size_t begin_piece = first; begin_piece < first + chosen; begin_piece += kPieceEdges) {
      GF_RETURN_IF_ERROR(CheckWanted());
      const size_t piece = std::min(kPieceEdges, first + chosen - begin_piece);
      if (state.sources.size() < piece) state.sources.resize(piece);
      const auto sources = absl::MakeSpan(state.sources).subspan(0, piece);
      GF_RETURN_IF_ERROR(graph_.adjacency.Sources(
          edge_type, absl::MakeConstSpan(state.positions[edge_type]).subspan(begin_piece, piece),
          sources));
      state.source_trees.clear();
      if (disjoint_) {
        for (size_t i = begin_piece; i < begin_piece + piece; ++i) {
          state.source_trees.push_back(subgraph.tree[type.target][edges.target[i]]);
        }
      }
      state.tables[type.source]->FindOrAppend(
          sources, state.source_trees, {subgraph.nodes[type.source], subgraph.tree[type.source]},
          edges.source.data() + begin_piece);
    }
    return absl::OkStatus();
  }

  // Appends to the edge type's positions and targets what is chosen from state.runs.
  absl::Status ChooseEdges(int edge_type, int64_t fan_out, size_t frontier_begin,
                           const StreamDraws& stream, State& state, Subgraph& subgraph) const {
    const EdgeType& type = graph_.schema.edge_types[edge_type];
    std::vector<int64_t>& positions = state.positions[edge_type];
    std::vector<int32_t>& targets = subgraph.edges[edge_type].target;
    ConditionalChoice::Question question{.edge_type = edge_type,
                                         .fan_out = fan_out,
                                         .replace = options_.replace,
                                         .max_edges = max_edges()};
    if (temporal_) {
      question.edge_times = options_.edge_times;
      question.time_column = options_.time_columns[options_.edge_times ? edge_type : type.source];
      question.latest = options_.temporal_strategy == TemporalStrategy::kLast;
    }
    if (!options_.weight_columns.empty())
      question.weight_column = options_.weight_columns[edge_type];
    if (question.time_column < 0 && question.weight_column < 0 && !question.latest) {
      return ChooseByNumber(edge_type, fan_out, frontier_begin, stream, state, positions, targets);
    }
    if (options_.replace) {
      int64_t total = 0;
      for (const InRun& run : state.runs) total += NumChosen(run.count, fan_out, true);
      GF_RETURN_IF_ERROR(CheckPlaces(edge_type, positions.size(), total));
    }
    state.time_limits.clear();
    if (temporal_) {
      for (size_t i = 0; i < state.runs.size(); ++i) {
        const int32_t tree = subgraph.tree[type.target][frontier_begin + i];
        state.time_limits.push_back(state.seed_times[static_cast<size_t>(tree)]);
      }
    }
    return state.conditional.Choose(question, stream, graph_, state.runs, state.time_limits,
                                    static_cast<int32_t>(frontier_begin), state.uniform, positions,
                                    targets);
  }

  absl::Status ChooseByNumber(int edge_type, int64_t fan_out, size_t frontier_begin,
                              const StreamDraws& stream, State& state,
                              std::vector<int64_t>& positions,
                              std::vector<int32_t>& targets) const {
    const bool replace = options_.replace;
    int64_t total = 0;
    for (const InRun& run : state.runs) total += NumChosen(run.count, fan_out, replace);
    const size_t first = positions.size();
    GF_RETURN_IF_ERROR(CheckPlaces(edge_type, first, total));
    positions.resize(first + static_cast<size_t>(total));
    targets.resize(first + static_cast<size_t>(total));
    int64_t* position = positions.data() + first;
    int32_t* target = targets.data() + first;
    for (size_t i = 0; i < state.runs.size(); ++i) {
      const InRun& run = state.runs[i];
      const int64_t chosen = NumChosen(run.count, fan_out, replace);
      state.uniform.Choose(stream, i, run.count, fan_out, replace, run.begin, position);
      std::fill(target, target + chosen, static_cast<int32_t>(frontier_begin + i));
      position += chosen;
      target += chosen;
    }
    return absl::OkStatus();
  }

  // Places of nodes are 32 bits wide.
  absl::Status CheckNodes(int node_type, size_t present, size_t more) const {
    if (present + more <= static_cast<size_t>(kMaxPlaces)) return absl::OkStatus();
    return absl::ResourceExhaustedError(
        absl::StrCat("sampling takes up to ", more, " nodes of '",
                     graph_.schema.node_types[node_type], "' beside ", present,
                     "; a batch holds at most ", kMaxPlaces, ": take fewer seeds or neighbours"));
  }

  int64_t max_edges() const { return std::min(kMaxEdgePlaces, options_.max_edges); }

  absl::Status CheckPlaces(int edge_type, size_t present, int64_t more) const {
    return CheckEdgeLimit(graph_.schema, edge_type, static_cast<int64_t>(present) + more,
                          max_edges());
  }

  const GraphView graph_;
  const NeighborSamplerOptions options_;
  const std::vector<int> order_;          // of edge types within a hop
  const std::vector<int> reverse_types_;  // by edge type
  const bool temporal_;
  const bool disjoint_;
};

NeighborSampler::NeighborSampler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NeighborSampler::~NeighborSampler() = default;

absl::StatusOr<std::unique_ptr<NeighborSampler>> NeighborSampler::Create(
    const GraphView& graph, NeighborSamplerOptions options) {
  GF_RETURN_IF_ERROR(CheckSamplerOptions(graph, options));
  return std::unique_ptr<NeighborSampler>(
      new NeighborSampler(std::make_unique<Impl>(graph, std::move(options))));
}

std::unique_ptr<NeighborSampler::Scratch> NeighborSampler::NewScratch(bool dense_tables) const {
  return std::unique_ptr<Scratch>(new Scratch(impl_->NewState(dense_tables)));
}

bool NeighborSampler::dense() const { return impl_->dense(); }

int64_t NeighborSampler::scratch_bytes() const { return impl_->scratch_bytes(); }

absl::Status NeighborSampler::Sample(uint64_t seed, int64_t epoch, uint64_t batch,
                                     absl::Span<const Seeds> seeds, Scratch& scratch,
                                     Subgraph& subgraph) const {
  const CounterRandom random(seed, epoch, RandomPurpose::kNeighbors, impl_->algorithm_version());
  return impl_->Sample(random, batch, seeds, *scratch.state_, subgraph);
}

}  // namespace graphfeed
