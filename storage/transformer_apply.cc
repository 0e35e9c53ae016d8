#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/element_access.h"
#include "storage/graph/status_macros.h"
#include "storage/transformer.h"

namespace graphfeed {

absl::Status Transformer::Apply(const NormalizeFeatures& transform) {
  for (const std::string& name : transform.columns) {
    const auto found = std::find_if(columns_.begin(), columns_.end(),
                                    [&](const Column& c) { return c.block->name == name; });
    if (found == columns_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("normalize_features: there is no column ", name));
    }
    const Column& column = *found;
    const DType dtype = column.block->dtype;
    if (!IsFloat(dtype)) {
      return absl::InvalidArgumentError(absl::StrCat("normalize_features: column ", name, " is ",
                                                     DTypeName(dtype),
                                                     "; only float columns can be normalized"));
    }
    // The sum goes over the tensor's last dimension: a row's own, or that of the rows themselves.
    const bool sum_over_rows = column.block->row_shape.empty() || column.block->concat_last;
    const int64_t last = sum_over_rows ? column.row_elements : column.block->row_shape.back();
    const size_t size = SizeOf(dtype);
    char* tensor = column.block->rows.data();
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      const int64_t elements = Rows(column, g) * column.row_elements;
      double smallest = std::numeric_limits<double>::infinity();
      for (int64_t i = 0; i < elements; ++i) {
        const double value = LoadFloat(dtype, tensor + i * size);
        if (!std::isfinite(value)) {
          return absl::InvalidArgumentError(absl::StrCat("normalize_features: column ", name,
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
  }
  return absl::OkStatus();
}

absl::Status Transformer::Apply(const AddSelfLoops& transform) {
  constexpr absl::string_view kName = "add_self_loops";
  GF_RETURN_IF_ERROR(RequireEdgeIndex(kName));
  GF_RETURN_IF_ERROR(RequireNoStrings(kName, Level::kEdge));
  for (const Column& column : columns_) {
    if (column.level != Level::kEdge || IsEdgeIndex(column)) continue;
    if (!CanHold(column.block->dtype, transform.fill_value)) {
      return absl::InvalidArgumentError(absl::StrCat(
          kName, ": column ", column.block->name, " is ", DTypeName(column.block->dtype),
          ", which cannot hold fill_value ", transform.fill_value));
    }
  }

  std::vector<std::vector<int64_t>> loops(block_.num_graphs);  // nodes that get one
  int64_t first = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    GF_ASSIGN_OR_RETURN(const std::vector<Edge> edges, ReadEdges(g, first));
    std::vector<bool> has_loop(block_.num_nodes[0][g]);
    for (const Edge& edge : edges) {
      if (edge.source == edge.target) has_loop[edge.source] = true;
    }
    for (int64_t v = 0; v < block_.num_nodes[0][g]; ++v) {
      if (!has_loop[v]) loops[g].push_back(v);
    }
    first += block_.num_edges[0][g];
  }

  for (Column& column : columns_) {
    if (column.level != Level::kEdge) continue;
    ColumnBlock& block = *column.block;
    std::string filled(column.row_bytes, '\0');
    if (!IsEdgeIndex(column)) {
      Fill(block.dtype, transform.fill_value, column.row_elements,
           reinterpret_cast<std::byte*>(filled.data()));
    }
    std::string rows;
    const char* old = block.rows.data();
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      const int64_t bytes = block_.num_edges[0][g] * column.row_bytes;
      rows.append(old, bytes);
      old += bytes;
      for (const int64_t v : loops[g]) {
        if (IsEdgeIndex(column)) {
          GF_RETURN_IF_ERROR(AppendEndpoints(kName, g, v, v, rows));
        } else {
          rows.append(filled);
        }
      }
    }
    block.rows = std::move(rows);
  }
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    block_.num_edges[0][g] += static_cast<int64_t>(loops[g].size());
  }
  for (Column& column : columns_) {
    if (column.level == Level::kEdge) column.block->sizes = block_.num_edges[0];
  }
  return absl::OkStatus();
}

absl::Status Transformer::Apply(const ToUndirected&) {
  constexpr absl::string_view kName = "to_undirected";
  GF_RETURN_IF_ERROR(RequireEdgeIndex(kName));
  GF_RETURN_IF_ERROR(RequireNoStrings(kName, Level::kEdge));

  std::vector<std::string> rows(columns_.size());
  std::vector<int64_t> new_counts(block_.num_graphs);
  int64_t first = 0;
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    GF_ASSIGN_OR_RETURN(std::vector<Edge> edges, ReadEdges(g, first));
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
        const Column& column = columns_[c];
        if (column.level != Level::kEdge) continue;
        if (static_cast<int>(c) == edge_index_) {
          if (repeats) continue;
          GF_RETURN_IF_ERROR(AppendEndpoints(kName, g, edges[e].source, edges[e].target, rows[c]));
          continue;
        }
        const char* row =
            column.block->rows.data() + (first + edges[e].position) * column.row_bytes;
        if (!repeats) {
          rows[c].append(row, column.row_bytes);
        } else if (!Accumulate(column.block->dtype, row, column.row_elements,
                               rows[c].data() + rows[c].size() - column.row_bytes)) {
          return absl::InvalidArgumentError(
              absl::StrCat(kName, ": column ", column.block->name, " is ",
                           DTypeName(column.block->dtype), ", which cannot hold the sum at edge (",
                           edges[e].source, ", ", edges[e].target, ") of graph ", g));
        }
      }
    }
    first += static_cast<int64_t>(num_edges);
  }
  block_.num_edges[0] = std::move(new_counts);
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (columns_[c].level != Level::kEdge) continue;
    columns_[c].block->rows = std::move(rows[c]);
    columns_[c].block->sizes = block_.num_edges[0];
  }
  return absl::OkStatus();
}

absl::Status Transformer::Renumber(const Column& column, int64_t graph,
                                   absl::Span<const int64_t> new_id, char* rows,
                                   int64_t count) const {
  const DType dtype = column.block->dtype;
  for (int64_t i = 0; i < count * column.row_elements; ++i, rows += SizeOf(dtype)) {
    const int64_t node = LoadInt(dtype, rows);
    const bool exists = node >= 0 && node < static_cast<int64_t>(new_id.size());
    if (!exists || new_id[node] < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "remove_isolated_nodes: column ", column.block->name, " of graph ", graph, " names node ",
          node, ", which ", exists ? "is isolated" : "does not exist"));
    }
    StoreInt(dtype, new_id[node], rows);  // not larger than before: it fits
  }
  return absl::OkStatus();
}

absl::Status Transformer::Apply(const RemoveIsolatedNodes&) {
  constexpr absl::string_view kName = "remove_isolated_nodes";
  GF_RETURN_IF_ERROR(RequireEdgeIndex(kName));
  GF_RETURN_IF_ERROR(RequireNoStrings(kName, Level::kNode));

  std::vector<std::vector<int64_t>> kept(block_.num_graphs);  // old ids of the remaining nodes
  int64_t first = 0;
  std::vector<int64_t> first_row(columns_.size());
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    GF_ASSIGN_OR_RETURN(const std::vector<Edge> edges, ReadEdges(g, first));
    std::vector<int64_t> new_id(block_.num_nodes[0][g], -1);
    for (const Edge& edge : edges) new_id[edge.source] = new_id[edge.target] = 0;
    for (size_t v = 0; v < new_id.size(); ++v) {
      if (new_id[v] < 0) continue;
      new_id[v] = static_cast<int64_t>(kept[g].size());
      kept[g].push_back(static_cast<int64_t>(v));
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      const Column& column = columns_[c];
      const int64_t count = Rows(column, g);
      if (static_cast<int>(c) == edge_index_ || IsIndexColumn(column)) {
        GF_RETURN_IF_ERROR(Renumber(
            column, g, new_id, column.block->rows.data() + first_row[c] * column.row_bytes, count));
      }
      first_row[c] += count;
    }
    first += static_cast<int64_t>(edges.size());
  }

  for (Column& column : columns_) {
    if (column.level != Level::kNode) continue;
    std::string rows;
    int64_t graph_first = 0;
    for (int64_t g = 0; g < block_.num_graphs; ++g) {
      for (const int64_t v : kept[g]) {
        rows.append(column.block->rows, (graph_first + v) * column.row_bytes, column.row_bytes);
      }
      graph_first += block_.num_nodes[0][g];
    }
    column.block->rows = std::move(rows);
  }
  for (int64_t g = 0; g < block_.num_graphs; ++g) {
    block_.num_nodes[0][g] = static_cast<int64_t>(kept[g].size());
  }
  for (Column& column : columns_) {
    if (column.level == Level::kNode) column.block->sizes = block_.num_nodes[0];
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
