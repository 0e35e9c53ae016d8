#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/graph/element_access.h"
#include "storage/transforms/transformer.h"
#include "storage/transforms/transforms.h"

namespace graphfeed {

absl::Status Transformer::Apply(const NormalizeFeatures& transform) {
  for (const std::string& name : transform.columns) {
    bool found = false;
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (block_.columns[c].name != name) continue;
      found = true;
      GF_RETURN_IF_ERROR(Normalize(c));
    }
    if (!found) {
      return absl::InvalidArgumentError(
          absl::StrCat("normalize_features: there is no column ", name));
    }
  }
  return absl::OkStatus();
}

absl::Status Transformer::Normalize(size_t c) {
  const Column& column = columns_[c];
  ColumnBlock& block = block_.columns[c];
  const DType dtype = block.dtype;
  if (!IsFloat(dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("normalize_features: column ", NameOf(c), " is ",
                                                   DTypeName(dtype),
                                                   "; only float columns can be normalized"));
  }
  // The sum goes over the tensor's last dimension: a row's own, or that of the rows themselves.
  const bool sum_over_rows = block.row_shape.empty() || block.concat_last;
  const int64_t last = sum_over_rows ? column.row_elements : block.row_shape.back();
  const size_t size = SizeOf(dtype);
  char* tensor = block.rows.data();
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    const int64_t elements = Rows(c, g) * column.row_elements;
    double smallest = std::numeric_limits<double>::infinity();
    for (int64_t i = 0; i < elements; ++i) {
      const double value = LoadFloat(dtype, tensor + i * size);
      if (!std::isfinite(value)) {
        return absl::InvalidArgumentError(absl::StrCat("normalize_features: column ", NameOf(c),
                                                       " of graph ", g, " has the value ", value,
                                                       "; values must be finite"));
      }
      smallest = std::min(smallest, value);
    }
    // The difference is rounded to the dtype before the sum, as PyG's is.
    for (int64_t i = 0; i < elements; ++i) {
      StoreFloat(dtype, LoadFloat(dtype, tensor + i * size) - smallest, tensor + i * size);
    }
    const int64_t num_sums =
        sum_over_rows ? (elements == 0 ? 0 : last) : (elements == 0 ? 0 : elements / last);
    const int64_t step = sum_over_rows ? column.row_elements : 1;
    const int64_t terms = num_sums == 0 ? 0 : elements / num_sums;
    for (int64_t s = 0; s < num_sums; ++s) {
      char* first = tensor + (sum_over_rows ? s : s * last) * size;
      double sum = 0;
      for (int64_t i = 0; i < terms; ++i) sum += LoadFloat(dtype, first + i * step * size);
      sum = std::max(sum, 1.0);
      for (int64_t i = 0; i < terms; ++i) {
        char* at = first + i * step * size;
        StoreFloat(dtype, LoadFloat(dtype, at) / sum, at);
      }
    }
    tensor += elements * size;
  }
  return absl::OkStatus();
}

absl::Status Transformer::Apply(const AddSelfLoops& transform) {
  for (size_t t = 0; t < types_.edge_types.size(); ++t) {
    if (types_.edge_types[t].source != types_.edge_types[t].target) continue;
    const int type = static_cast<int>(t);
    GF_ASSIGN_OR_RETURN(const bool has_ends, HasEnds("add_self_loops", type));
    if (has_ends) GF_RETURN_IF_ERROR(AddLoops(transform, type));
  }
  return absl::OkStatus();
}

absl::Status Transformer::AddLoops(const AddSelfLoops& transform, int type) {
  constexpr absl::string_view kName = "add_self_loops";
  GF_RETURN_IF_ERROR(RequireNoStrings(kName, type));
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (!IsOf(c, Level::kEdge, type) || IsEdgeIndex(c)) continue;
    if (!CanHold(block_.columns[c].dtype, transform.fill_value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(kName, ": column ", NameOf(c), " is ", DTypeName(block_.columns[c].dtype),
                       ", which cannot hold fill_value ", transform.fill_value));
    }
  }

  const std::vector<int64_t>& num_nodes = block_.num_nodes[types_.edge_types[type].source];
  std::vector<int64_t>& num_edges = block_.num_edges[type];
  std::vector<std::vector<int64_t>> loops(block_.num_graphs);  // nodes that get one
  int64_t first = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_ASSIGN_OR_RETURN(const std::vector<Edge> edges, ReadEdges(type, g, first));
    std::vector<bool> has_loop(num_nodes[g]);
    for (const Edge& edge : edges) {
      if (edge.source == edge.target) has_loop[edge.source] = true;
    }
    for (int64_t v = 0; v < num_nodes[g]; ++v) {
      if (!has_loop[v]) loops[g].push_back(v);
    }
    first += num_edges[g];
  }

  for (size_t c = 0; c < columns_.size(); ++c) {
    if (!IsOf(c, Level::kEdge, type)) continue;
    const Column& column = columns_[c];
    ColumnBlock& block = block_.columns[c];
    std::string filled(column.row_bytes, '\0');
    if (!IsEdgeIndex(c)) {
      Fill(block.dtype, transform.fill_value, column.row_elements,
           reinterpret_cast<std::byte*>(filled.data()));
    }
    std::string rows;
    const char* old = block.rows.data();
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      const int64_t bytes = num_edges[g] * column.row_bytes;
      rows.append(old, bytes);
      old += bytes;
      for (const int64_t v : loops[g]) {
        if (IsEdgeIndex(c)) {
          GF_RETURN_IF_ERROR(AppendEnds(kName, type, g, v, v, rows));
        } else {
          rows.append(filled);
        }
      }
    }
    block.rows = std::move(rows);
  }
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    num_edges[g] += static_cast<int64_t>(loops[g].size());
  }
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (IsOf(c, Level::kEdge, type)) block_.columns[c].sizes = num_edges;
  }
  return absl::OkStatus();
}

absl::Status Transformer::Apply(const ToUndirected&) {
  const size_t num_types = types_.edge_types.size();  // before reverse ones are added
  for (size_t t = 0; t < num_types; ++t) {
    const int type = static_cast<int>(t);
    if (types_.edge_types[t].source != types_.edge_types[t].target) {
      AddReverse(type);
      continue;
    }
    GF_ASSIGN_OR_RETURN(const bool has_ends, HasEnds("to_undirected", type));
    if (has_ends) GF_RETURN_IF_ERROR(Coalesce(type));
  }
  return absl::OkStatus();
}

void Transformer::AddReverse(int type) {
  const auto reverse = static_cast<int>(types_.edge_types.size());
  types_.edge_types.push_back(ReverseOf(types_.edge_types[type]));
  edge_index_.push_back(-1);
  std::vector<int64_t> num_edges = block_.num_edges[type];
  block_.num_edges.push_back(std::move(num_edges));
  const size_t num_columns = columns_.size();
  for (size_t c = 0; c < num_columns; ++c) {
    if (!IsOf(c, Level::kEdge, type)) continue;
    ColumnBlock copy = block_.columns[c];
    copy.type = reverse;
    Column column = columns_[c];
    column.type = reverse;
    if (IsEdgeIndex(c)) {
      edge_index_[reverse] = static_cast<int>(columns_.size());
      const size_t size = SizeOf(copy.dtype);
      for (size_t at = 0; at < copy.rows.size(); at += 2 * size) {
        std::swap_ranges(copy.rows.begin() + at, copy.rows.begin() + at + size,
                         copy.rows.begin() + at + size);
      }
    }
    block_.columns.push_back(std::move(copy));
    columns_.push_back(column);
  }
}

absl::Status Transformer::Coalesce(int type) {
  constexpr absl::string_view kName = "to_undirected";
  GF_RETURN_IF_ERROR(RequireNoStrings(kName, type));
  std::vector<std::string> rows(columns_.size());
  std::vector<int64_t> new_counts(block_.num_graphs);
  int64_t first = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_ASSIGN_OR_RETURN(std::vector<Edge> edges, ReadEdges(type, g, first));
    const size_t num_edges = edges.size();
    edges.reserve(2 * num_edges);
    for (size_t e = 0; e < num_edges; ++e) {
      edges.push_back({edges[e].target, edges[e].source, edges[e].position});
    }
    std::stable_sort(edges.begin(), edges.end());

    for (size_t e = 0; e < edges.size(); ++e) {
      const bool repeats = e > 0 && !(edges[e - 1] < edges[e]);
      if (!repeats) ++new_counts[g];
      for (size_t c = 0; c < columns_.size(); ++c) {
        if (!IsOf(c, Level::kEdge, type)) continue;
        if (IsEdgeIndex(c)) {
          if (repeats) continue;
          GF_RETURN_IF_ERROR(AppendEnds(kName, type, g, edges[e].source, edges[e].target, rows[c]));
          continue;
        }
        const Column& column = columns_[c];
        const ColumnBlock& block = block_.columns[c];
        const char* row = block.rows.data() + (first + edges[e].position) * column.row_bytes;
        if (!repeats) {
          rows[c].append(row, column.row_bytes);
        } else if (!Accumulate(block.dtype, row, column.row_elements,
                               rows[c].data() + rows[c].size() - column.row_bytes)) {
          return absl::InvalidArgumentError(
              absl::StrCat(kName, ": column ", NameOf(c), " is ", DTypeName(block.dtype),
                           ", which cannot hold the sum at edge (", edges[e].source, ", ",
                           edges[e].target, ") of graph ", g));
        }
      }
    }
    first += static_cast<int64_t>(num_edges);
  }
  block_.num_edges[type] = std::move(new_counts);
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (!IsOf(c, Level::kEdge, type)) continue;
    block_.columns[c].rows = std::move(rows[c]);
    block_.columns[c].sizes = block_.num_edges[type];
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
