// Transforms that take nodes away.

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/graph/element_access.h"
#include "storage/transforms/transformer.h"

namespace graphfeed {

absl::Status Transformer::Apply(const RemoveIsolatedNodes&) {
  constexpr absl::string_view kName = "remove_isolated_nodes";
  std::vector<std::vector<std::vector<bool>>> touched(types_.node_types.size());
  for (size_t t = 0; t < touched.size(); ++t) {
    for (const int64_t count : block_.num_nodes[t]) touched[t].emplace_back(count);
  }
  for (size_t t = 0; t < types_.edge_types.size(); ++t) {
    const int type = static_cast<int>(t);
    GF_ASSIGN_OR_RETURN(const bool has_ends, HasEnds(kName, type));
    if (!has_ends) continue;
    const EdgeType& ends = types_.edge_types[t];
    int64_t first = 0;
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      GF_ASSIGN_OR_RETURN(const std::vector<Edge> edges, ReadEdges(type, g, first));
      for (const Edge& edge : edges) {
        touched[ends.source][g][edge.source] = true;
        touched[ends.target][g][edge.target] = true;
      }
      first += static_cast<int64_t>(edges.size());
    }
  }
  std::vector<std::optional<KeptNodes>> kept(touched.size());
  for (size_t t = 0; t < touched.size(); ++t) {
    kept[t].emplace(block_.num_graphs);
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      for (int64_t v = 0; v < block_.num_nodes[t][g]; ++v) {
        if (touched[t][g][v]) (*kept[t])[g].push_back(v);
      }
    }
  }
  return KeepNodes(kName, "is isolated", kept);
}

absl::Status Transformer::Apply(const InducedSubgraph& transform) {
  constexpr absl::string_view kName = "subgraph";
  std::vector<std::optional<KeptNodes>> kept(types_.node_types.size());
  for (const auto& [name, subset] : transform.nodes) {
    const auto found = std::find(types_.node_types.begin(), types_.node_types.end(), name);
    // An unnamed subset is that of the only type.
    const auto type = static_cast<int>(name.empty() ? 0 : found - types_.node_types.begin());
    const int64_t num_nodes = block_.num_nodes[type][0];
    std::vector<int64_t> ids = subset.ids;
    if (subset.leading.has_value()) {
      if (*subset.leading > num_nodes) {
        return absl::InvalidArgumentError(absl::StrCat(kName, ": the first ", *subset.leading, " ",
                                                       NodesOf(type), "; there are ", num_nodes));
      }
      ids.resize(*subset.leading);
      std::iota(ids.begin(), ids.end(), 0);
    }
    std::vector<bool> seen(num_nodes);
    for (const int64_t id : ids) {
      if (id < 0 || id >= num_nodes) {
        return absl::InvalidArgumentError(
            absl::StrCat(kName, ": node ", id, "; there are ", num_nodes, " ", NodesOf(type)));
      }
      if (seen[id]) {
        return absl::InvalidArgumentError(
            absl::StrCat(kName, ": node ", id, " occurs twice among the ", NodesOf(type)));
      }
      seen[id] = true;
    }
    kept[type] = KeptNodes{std::move(ids)};
  }
  return KeepNodes(kName, "is not in the subgraph", kept);
}

absl::Status Transformer::KeepNodes(absl::string_view transform, absl::string_view gone,
                                    const std::vector<std::optional<KeptNodes>>& kept) {
  std::vector<NewIds> new_ids(kept.size());
  for (size_t t = 0; t < kept.size(); ++t) {
    if (!kept[t].has_value()) continue;
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      std::vector<int64_t>& ids = new_ids[t].emplace_back(block_.num_nodes[t][g], -1);
      int64_t next = 0;
      for (const int64_t v : (*kept[t])[g]) ids[v] = next++;
    }
  }
  for (size_t t = 0; t < types_.edge_types.size(); ++t) {
    const EdgeType& ends = types_.edge_types[t];
    if (new_ids[ends.source].empty() && new_ids[ends.target].empty()) continue;
    GF_RETURN_IF_ERROR(KeepEdges(transform, static_cast<int>(t), new_ids));
  }
  for (size_t t = 0; t < kept.size(); ++t) {
    if (!kept[t].has_value()) continue;
    std::vector<int64_t> rows;
    std::vector<int64_t>& counts = block_.num_nodes[t];
    int64_t first = 0;
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      for (const int64_t v : (*kept[t])[g]) rows.push_back(first + v);
      first += std::exchange(counts[g], static_cast<int64_t>((*kept[t])[g].size()));
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (!IsOf(c, Level::kNode, static_cast<int>(t))) continue;
      TakeRows(c, rows);
      block_.columns[c].sizes = counts;
    }
  }
  for (size_t c = 0; c < columns_.size(); ++c) {
    const int type = columns_[c].index_type;
    if (type < 0 || new_ids[type].empty()) continue;
    GF_RETURN_IF_ERROR(Renumber(transform, gone, c, new_ids[type]));
  }
  return absl::OkStatus();
}

absl::Status Transformer::KeepEdges(absl::string_view transform, int type,
                                    const std::vector<NewIds>& new_ids) {
  GF_ASSIGN_OR_RETURN(const bool has_ends, HasEnds(transform, type));
  if (!has_ends) return absl::OkStatus();
  const EdgeType& ends = types_.edge_types[type];
  const auto new_id = [&](int node_type, int64_t graph, int64_t v) {
    return new_ids[node_type].empty() ? v : new_ids[node_type][graph][v];
  };
  std::vector<int64_t>& counts = block_.num_edges[type];
  std::vector<int64_t> rows;
  std::string pairs;
  int64_t first = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    GF_ASSIGN_OR_RETURN(const std::vector<Edge> edges, ReadEdges(type, g, first));
    const size_t before = rows.size();
    for (const Edge& edge : edges) {
      const int64_t source = new_id(ends.source, g, edge.source);
      const int64_t target = new_id(ends.target, g, edge.target);
      if (source < 0 || target < 0) continue;
      rows.push_back(first + edge.position);
      GF_RETURN_IF_ERROR(AppendEnds(transform, type, g, source, target, pairs));
    }
    first += std::exchange(counts[g], static_cast<int64_t>(rows.size() - before));
  }
  const bool all = static_cast<int64_t>(rows.size()) == first;
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (!IsOf(c, Level::kEdge, type)) continue;
    if (IsEdgeIndex(c)) {
      block_.columns[c].rows = std::move(pairs);
    } else if (!all) {
      TakeRows(c, rows);
    }
    block_.columns[c].sizes = counts;
  }
  return absl::OkStatus();
}

absl::Status Transformer::Renumber(absl::string_view transform, absl::string_view gone, size_t c,
                                   const NewIds& new_ids) {
  ColumnBlock& block = block_.columns[c];
  char* at = block.rows.data();
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    const std::vector<int64_t>& ids = new_ids[g];
    for (int64_t i = 0; i < Rows(c, g) * columns_[c].row_elements; ++i, at += SizeOf(block.dtype)) {
      const int64_t node = LoadInt(block.dtype, at);
      const bool exists = node >= 0 && node < static_cast<int64_t>(ids.size());
      if (!exists || ids[node] < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat(transform, ": column ", NameOf(c), " of graph ", g, " names node ", node,
                         ", which ", exists ? gone : "does not exist"));
      }
      if (!StoreInt(block.dtype, ids[node], at)) {
        return absl::InvalidArgumentError(absl::StrCat(transform, ": column ", NameOf(c), " is ",
                                                       DTypeName(block.dtype),
                                                       ", which cannot hold node ", ids[node]));
      }
    }
  }
  return absl::OkStatus();
}

void Transformer::TakeRows(size_t c, absl::Span<const int64_t> rows) {
  ColumnBlock& block = block_.columns[c];
  if (block.dtype == DType::kString) {
    std::vector<std::string> strings;
    strings.reserve(rows.size());
    for (const int64_t row : rows) strings.push_back(std::move(block.strings[row]));
    block.strings = std::move(strings);
    return;
  }
  const int64_t row_bytes = columns_[c].row_bytes;
  std::string taken;
  taken.reserve(rows.size() * row_bytes);
  for (const int64_t row : rows) taken.append(block.rows, row * row_bytes, row_bytes);
  block.rows = std::move(taken);
}

}  // namespace graphfeed
