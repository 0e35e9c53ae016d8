#include "server/sampling/subgraph_fitter.h"

#include <algorithm>
#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

class SubgraphFitter {
 public:
  SubgraphFitter(const Schema& schema, const ResolvedSpec& spec, int64_t batch, Subgraph& subgraph)
      : schema_(schema),
        spec_(spec),
        batch_(batch),
        trims_nodes_(spec.over_size == OverSize::kTrimNodes ||
                     spec.over_size == OverSize::kTrimNodesAndEdges),
        trims_edges_(spec.over_size == OverSize::kTrimEdges ||
                     spec.over_size == OverSize::kTrimNodesAndEdges),
        subgraph_(subgraph) {
    for (const std::vector<int64_t>& nodes : subgraph.nodes) {
      keep_.push_back(static_cast<int64_t>(nodes.size()));
    }
  }

  absl::Status Fit(absl::Span<const uint8_t> spare_nodes, Counts& trimmed) {
    for (size_t t = 0; t < keep_.size(); ++t) {
      GF_RETURN_IF_ERROR(LimitNodes(t, spec_.options.num_nodes[t] - (spare_nodes[t] != 0 ? 1 : 0),
                                    spare_nodes[t] != 0 ? "; one is kept for padding" : ""));
    }
    // Cutting nodes makes room in edge types, whose padding may then need a node of a full type.
    bool changed = true;
    while (changed) {
      changed = false;
      for (size_t r = 0; r < schema_.edge_types.size(); ++r) {
        if (CountEdges(r) >= spec_.options.num_edges[r]) continue;
        for (const int type : {schema_.edge_types[r].source, schema_.edge_types[r].target}) {
          const auto t = static_cast<size_t>(type);
          if (keep_[t] < spec_.options.num_nodes[t]) continue;
          GF_RETURN_IF_ERROR(LimitNodes(
              t, spec_.options.num_nodes[t] - 1,
              absl::StrCat(
                  "; one is kept for padding edges",
                  schema_.heterogeneous
                      ? absl::StrCat(" of type ", schema_.EdgeTypeName(static_cast<int>(r)))
                      : "")));
          changed = true;
        }
      }
    }
    for (size_t r = 0; r < schema_.edge_types.size(); ++r) {
      const int64_t count = CountEdges(r);
      if (count <= spec_.options.num_edges[r] || trims_edges_) continue;
      return Refuse(count, "edges", schema_.EdgeTypeName(static_cast<int>(r)),
                    absl::StrCat("num_edges is ", spec_.options.num_edges[r]));
    }
    Cut(trimmed);
    return absl::OkStatus();
  }

 private:
  bool cut(int type) const {
    const auto t = static_cast<size_t>(type);
    return keep_[t] < static_cast<int64_t>(subgraph_.nodes[t].size());
  }

  bool Survives(const EdgeType& type, const Subgraph::Edges& edges, size_t i) const {
    return edges.source[i] < keep_[static_cast<size_t>(type.source)] &&
           edges.target[i] < keep_[static_cast<size_t>(type.target)];
  }

  // Edges of a type between the nodes that stay.
  int64_t CountEdges(size_t r) const {
    const Subgraph::Edges& edges = subgraph_.edges[r];
    const EdgeType& type = schema_.edge_types[r];
    if (!cut(type.source) && !cut(type.target)) return static_cast<int64_t>(edges.source.size());
    int64_t count = 0;
    for (size_t i = 0; i < edges.source.size(); ++i) count += Survives(type, edges, i) ? 1 : 0;
    return count;
  }

  absl::Status LimitNodes(size_t t, int64_t limit, absl::string_view why) {
    if (keep_[t] <= limit) return absl::OkStatus();
    const std::string given = absl::StrCat("num_nodes is ", spec_.options.num_nodes[t], why);
    if (!trims_nodes_) return Refuse(keep_[t], "nodes", schema_.node_types[t], given);
    if (subgraph_.num_seeds[t] > limit) {
      return Refuse(subgraph_.num_seeds[t], "seeds", schema_.node_types[t], given);
    }
    keep_[t] = limit;
    return absl::OkStatus();
  }

  absl::Status Refuse(int64_t size, absl::string_view what, absl::string_view type,
                      absl::string_view limit) const {
    return absl::FailedPreconditionError(
        absl::StrCat("batch ", batch_, " has ", size, " ", what,
                     schema_.heterogeneous ? absl::StrCat(" of type ", type) : "", "; ", limit));
  }

  void Cut(Counts& trimmed) {
    for (size_t r = 0; r < schema_.edge_types.size(); ++r) {
      const EdgeType& type = schema_.edge_types[r];
      Subgraph::Edges& edges = subgraph_.edges[r];
      const size_t before = edges.source.size();
      const bool nodes_go = cut(type.source) || cut(type.target);
      if (!nodes_go && static_cast<int64_t>(before) <= spec_.options.num_edges[r]) continue;
      edges.KeepIf([&](size_t i) { return !nodes_go || Survives(type, edges, i); },
                   static_cast<size_t>(spec_.options.num_edges[r]));
      trimmed.edges[r] += static_cast<int64_t>(before - edges.source.size());
    }
    for (size_t t = 0; t < keep_.size(); ++t) {
      const auto keep = static_cast<size_t>(keep_[t]);
      trimmed.nodes[t] += static_cast<int64_t>(subgraph_.nodes[t].size() - keep);
      subgraph_.nodes[t].resize(keep);
      if (!subgraph_.tree[t].empty()) subgraph_.tree[t].resize(keep);
    }
  }

  const Schema& schema_;
  const ResolvedSpec& spec_;
  const int64_t batch_;
  const bool trims_nodes_;
  const bool trims_edges_;
  Subgraph& subgraph_;
  absl::InlinedVector<int64_t, 16> keep_;  // by type: nodes that stay, the first ones
};

}  // namespace

absl::Status FitSubgraph(const Schema& schema, const ResolvedSpec& spec, int64_t batch,
                         absl::Span<const uint8_t> spare_nodes, Subgraph& subgraph,
                         Counts& trimmed) {
  return SubgraphFitter(schema, spec, batch, subgraph).Fit(spare_nodes, trimmed);
}

}  // namespace graphfeed
