#include "server/batching/packing/pack_dimensions.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "storage/base/arithmetic.h"

namespace graphfeed {

absl::Status TooManyRows(const ResolvedSpec& spec, int64_t graph, int column, int64_t rows) {
  const auto place = std::find(spec.row_columns.begin(), spec.row_columns.end(), column);
  const auto limit = std::next(spec.options.num_rows.begin(), place - spec.row_columns.begin());
  return absl::FailedPreconditionError(
      absl::StrCat("graph ", graph, " has ", rows, " rows of column \"", limit->first,
                   "\"; a batch holds ", limit->second, " (num_rows)"));
}

PackDimensions::PackDimensions(const ResolvedSpec& spec, const GraphOffsets& offsets)
    : spec_(spec), offsets_(offsets) {
  const ResolvedOptions& options = spec.options;
  capacity_.items = options.num_graphs - 1;
  for (size_t t = 0; t < options.num_nodes.size(); ++t) {
    Add(Kind::kNodes, static_cast<int>(t), options.num_nodes[t] - 1);
  }
  if (options.num_edges.size() > 1) {
    for (size_t r = 0; r < options.num_edges.size(); ++r) {
      Add(Kind::kEdges, static_cast<int>(r), options.num_edges[r]);
    }
  }
  if (!options.num_edges.empty()) {
    Add(Kind::kAllEdges, 0, Sum(options.num_edges) - 1);
  }
  size_t i = 0;
  for (const auto& [name, rows] : options.num_rows) Add(Kind::kRows, spec.row_columns[i++], rows);
}

void PackDimensions::Add(Kind kind, int type, int64_t capacity) {
  dimensions_.push_back({kind, type});
  capacity_.sizes.push_back(std::max<int64_t>(capacity, 0));
}

int64_t PackDimensions::Size(size_t dimension, int64_t graph) const {
  int64_t size = 0;
  for (const auto& ptr : PtrsOf(dimensions_[dimension])) size += ptr[graph + 1] - ptr[graph];
  return size;
}

absl::Span<const absl::Span<const int64_t>> PackDimensions::PtrsOf(
    const Dimension& dimension) const {
  switch (dimension.kind) {
    case Kind::kNodes:
      return absl::MakeConstSpan(&offsets_.node_ptr[dimension.type], 1);
    case Kind::kEdges:
      return absl::MakeConstSpan(&offsets_.edge_ptr[dimension.type], 1);
    case Kind::kRows:
      return absl::MakeConstSpan(&offsets_.row_ptr[dimension.type], 1);
    case Kind::kAllEdges:
      break;
  }
  return offsets_.edge_ptr;
}

// Graphs come in any order, so each is somewhere else in memory: a loop that does nothing else has
// many of them under way at a time.
bool PackDimensions::AddAll(absl::Span<const int64_t> graphs,
                            std::vector<std::vector<int32_t>>& sizes) const {
  const size_t before = sizes.empty() ? 0 : sizes[0].size();
  bool all_fit = true;
  for (size_t d = 0; d < size(); ++d) {
    const int64_t limit = std::min(capacity_.sizes[d], kPackSizeLimit - 1);
    sizes[d].resize(before + graphs.size());
    int64_t largest = 0;
    const auto ptrs = PtrsOf(dimensions_[d]);
    int32_t* const of_graphs = sizes[d].data() + before;
    if (ptrs.size() == 1) {
      const int64_t* const ptr = ptrs[0].data();
      for (size_t i = 0; i < graphs.size(); ++i) {
        const int64_t of_graph = ptr[graphs[i] + 1] - ptr[graphs[i]];
        largest = std::max(largest, of_graph);
        of_graphs[i] = static_cast<int32_t>(of_graph);
      }
    } else {
      for (size_t i = 0; i < graphs.size(); ++i) {
        const int64_t of_graph = Size(d, graphs[i]);
        largest = std::max(largest, of_graph);
        of_graphs[i] = static_cast<int32_t>(of_graph);
      }
    }
    all_fit = all_fit && largest <= limit;
  }
  if (all_fit) return true;
  for (std::vector<int32_t>& of_dimension : sizes) of_dimension.resize(before);
  return false;
}

bool PackDimensions::Add(int64_t graph, std::vector<std::vector<int32_t>>& sizes) const {
  for (size_t d = 0; d < size(); ++d) {
    const int64_t of_graph = Size(d, graph);
    if (of_graph > std::min(capacity_.sizes[d], kPackSizeLimit - 1)) {
      for (size_t before = 0; before < d; ++before) sizes[before].pop_back();
      return false;
    }
    sizes[d].push_back(static_cast<int32_t>(of_graph));
  }
  return true;
}

absl::Status PackDimensions::Explain(int64_t graph) const {
  for (size_t d = 0; d < size(); ++d) {
    const int64_t limit = std::min(capacity_.sizes[d], kPackSizeLimit - 1);
    const int64_t actual = Size(d, graph);
    if (actual <= limit) continue;
    const auto [kind, type] = dimensions_[d];
    if (kind == Kind::kRows) return TooManyRows(spec_, graph, type, actual);
    std::string of_type;
    if (kind == Kind::kNodes && spec_.node_types.size() > 1) {
      of_type = absl::StrCat(" of type ", spec_.node_types[type]);
    } else if (kind == Kind::kEdges) {
      of_type = absl::StrCat(" of type ", spec_.edge_types[type]);
    }
    const bool nodes = kind == Kind::kNodes;
    return absl::FailedPreconditionError(absl::StrCat(
        "graph ", graph, " has ", actual, nodes ? " nodes" : " edges", of_type, "; a batch holds ",
        limit, " (num_", nodes ? "nodes " : "edges ", limit + (kind == Kind::kEdges ? 0 : 1),
        kind == Kind::kEdges ? ")" : ", one kept for padding)"));
  }
  return absl::FailedPreconditionError(absl::StrCat("graph ", graph, " fits no batch"));
}

int64_t PackDimensions::LowerBound(const Counts& total) const {
  int64_t bound = CeilDivide(total.graphs, capacity_.items);
  for (size_t d = 0; d < size(); ++d) {
    const auto [kind, type] = dimensions_[d];
    int64_t sum = 0;
    switch (kind) {
      case Kind::kNodes:
        sum = total.nodes[type];
        break;
      case Kind::kEdges:
        sum = total.edges[type];
        break;
      case Kind::kAllEdges:
        sum = Sum(total.edges);
        break;
      case Kind::kRows:
        sum = total.rows[std::find(spec_.row_columns.begin(), spec_.row_columns.end(), type) -
                         spec_.row_columns.begin()];
        break;
    }
    if (sum > 0) bound = std::max(bound, CeilDivide(sum, capacity_.sizes[d]));
  }
  return bound;
}

}  // namespace graphfeed
