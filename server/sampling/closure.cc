#include "server/sampling/closure.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/edge_limit.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// An edge of a subgraph.
struct PlacedEdge {
  int32_t source;
  int32_t target;
  int64_t position;
  bool added;

  auto Order() const { return std::tie(source, target, added, position); }
};

// An edge of the graph that is looked for: from a node into the node at a place.
struct Wanted {
  int32_t target;  // place of u, the end that v -> u has
  int64_t source;  // id of v
  size_t edge;     // of the subgraph: u -> v
  int64_t found;   // position of v -> u, or -1
};

// The reverses of the edges of `edge_type`, as edges of `reverse_type`.
absl::Status FindReverses(const GraphView& graph, int edge_type, int reverse_type,
                          InEdgeReader& reader, const Subgraph& subgraph,
                          const std::vector<int64_t>& positions,
                          std::vector<PlacedEdge>& reverses) {
  const Subgraph::Edges& edges = subgraph.edges[edge_type];
  const std::vector<int64_t>& sources = subgraph.nodes[graph.schema.edge_types[edge_type].source];
  const std::vector<int64_t>& targets = subgraph.nodes[graph.schema.edge_types[edge_type].target];

  std::vector<Wanted> wanted;
  wanted.reserve(edges.source.size());
  for (size_t i = 0; i < edges.source.size(); ++i) {
    wanted.push_back({edges.source[i], targets[edges.target[i]], i, -1});
  }
  const auto before = [](const Wanted& a, const Wanted& b) {
    return std::tie(a.target, a.source, a.edge) < std::tie(b.target, b.source, b.edge);
  };
  std::sort(wanted.begin(), wanted.end(), before);

  std::vector<int64_t> nodes;  // the distinct places of u
  std::vector<size_t> starts;  // of what is wanted of them
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (i > 0 && wanted[i].target == wanted[i - 1].target) continue;
    nodes.push_back(sources[wanted[i].target]);
    starts.push_back(i);
  }
  starts.push_back(wanted.size());

  GF_RETURN_IF_ERROR(reader.Visit(
      graph.adjacency, reverse_type, nodes,
      [&](absl::Span<const InEdgeReader::Piece> pieces, absl::Span<const int64_t> run_positions,
          absl::Span<const int64_t> run_sources) {
        size_t next = 0;
        for (const InEdgeReader::Piece& piece : pieces) {
          const auto first = wanted.begin() + static_cast<ptrdiff_t>(starts[piece.node]);
          const auto last = wanted.begin() + static_cast<ptrdiff_t>(starts[piece.node + 1]);
          for (const size_t end = next + static_cast<size_t>(piece.count); next < end; ++next) {
            const int64_t source = run_sources[next];
            auto at = std::lower_bound(first, last, source, [](const Wanted& entry, int64_t id) {
              return entry.source < id;
            });
            // Several edges can want the same one: parallel ones, those of a repeated seed.
            for (; at != last && at->source == source && at->found < 0; ++at) {
              at->found = run_positions[next];
            }
          }
        }
        return absl::OkStatus();
      }));

  for (const Wanted& entry : wanted) {
    int64_t position = entry.found;
    if (position < 0 && edge_type == reverse_type) position = positions[entry.edge];
    if (position < 0) {
      int64_t id = 0;
      GF_RETURN_IF_ERROR(graph.adjacency.EdgeIds(
          edge_type, absl::MakeConstSpan(&positions[entry.edge], 1), absl::MakeSpan(&id, 1)));
      return absl::FailedPreconditionError(
          absl::StrCat("edge ", id, " of '", graph.schema.EdgeTypeName(edge_type),
                       "' goes from node ", sources[edges.source[entry.edge]], " to node ",
                       entry.source, ", but '", graph.schema.EdgeTypeName(reverse_type),
                       "' has no edge back: a bidirectional subgraph needs one"));
    }
    reverses.push_back({edges.target[entry.edge], entry.target, position, true});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddInducedEdges(const GraphView& graph,
                             absl::Span<const std::unique_ptr<NodeTable>> tables, int64_t max_edges,
                             InEdgeReader& reader, Subgraph& subgraph,
                             std::vector<std::vector<int64_t>>& positions) {
  std::vector<int32_t> places;
  std::vector<int32_t> trees;
  for (size_t e = 0; e < graph.schema.edge_types.size(); ++e) {
    const EdgeType& type = graph.schema.edge_types[e];
    const std::vector<int32_t>& target_trees = subgraph.tree[type.target];
    Subgraph::Edges& edges = subgraph.edges[e];
    GF_RETURN_IF_ERROR(reader.Visit(
        graph.adjacency, static_cast<int>(e), subgraph.nodes[type.target],
        [&](absl::Span<const InEdgeReader::Piece> pieces, absl::Span<const int64_t> run_positions,
            absl::Span<const int64_t> sources) {
          trees.clear();
          if (!target_trees.empty()) {
            for (const InEdgeReader::Piece& piece : pieces) {
              trees.insert(trees.end(), static_cast<size_t>(piece.count), target_trees[piece.node]);
            }
          }
          places.resize(sources.size());
          tables[type.source]->Find(sources, trees, places.data());
          size_t next = 0;
          for (const InEdgeReader::Piece& piece : pieces) {
            for (const size_t end = next + static_cast<size_t>(piece.count); next < end; ++next) {
              if (places[next] < 0) continue;
              edges.source.push_back(places[next]);
              edges.target.push_back(static_cast<int32_t>(piece.node));
              positions[e].push_back(run_positions[next]);
            }
          }
          return CheckEdgeLimit(graph.schema, static_cast<int>(e),
                                static_cast<int64_t>(positions[e].size()), max_edges);
        }));
  }
  return absl::OkStatus();
}

absl::Status AddReverseEdges(const GraphView& graph, absl::Span<const int> reverse_types,
                             int64_t max_edges, InEdgeReader& reader, Subgraph& subgraph,
                             std::vector<std::vector<int64_t>>& positions) {
  const size_t num_edge_types = graph.schema.edge_types.size();
  std::vector<int64_t> num_edges(num_edge_types, 0);
  for (size_t e = 0; e < num_edge_types; ++e) {
    const auto count = static_cast<int64_t>(positions[e].size());
    num_edges[e] += count;
    if (count > 0) num_edges[reverse_types[e]] += count;
  }
  for (size_t e = 0; e < num_edge_types; ++e) {
    GF_RETURN_IF_ERROR(CheckEdgeLimit(graph.schema, static_cast<int>(e), num_edges[e], max_edges));
  }
  std::vector<std::vector<PlacedEdge>> lists(num_edge_types);
  for (size_t e = 0; e < num_edge_types; ++e) {
    const Subgraph::Edges& edges = subgraph.edges[e];
    for (size_t i = 0; i < edges.source.size(); ++i) {
      lists[e].push_back({edges.source[i], edges.target[i], positions[e][i], false});
    }
    if (edges.source.empty()) continue;
    GF_RETURN_IF_ERROR(FindReverses(graph, static_cast<int>(e), reverse_types[e], reader, subgraph,
                                    positions[e], lists[reverse_types[e]]));
  }
  for (size_t e = 0; e < num_edge_types; ++e) {
    std::vector<PlacedEdge>& list = lists[e];
    std::sort(list.begin(), list.end(),
              [](const PlacedEdge& a, const PlacedEdge& b) { return a.Order() < b.Order(); });
    Subgraph::Edges& edges = subgraph.edges[e];
    edges.source.clear();
    edges.target.clear();
    positions[e].clear();
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0 && list[i].source == list[i - 1].source && list[i].target == list[i - 1].target) {
        continue;
      }
      edges.source.push_back(list[i].source);
      edges.target.push_back(list[i].target);
      positions[e].push_back(list[i].position);
    }
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
