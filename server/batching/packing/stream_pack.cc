#include "server/batching/packing/stream_pack.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/batching/packing/pack_dimensions.h"
#include "storage/base/arithmetic.h"

namespace graphfeed {
namespace {

int64_t TotalNodes(const GraphOffsets& offsets, int64_t graph) {
  int64_t total = 0;
  for (const auto& ptr : offsets.node_ptr) total += ptr[graph + 1] - ptr[graph];
  return total;
}

int64_t TotalEdges(const GraphOffsets& offsets, int64_t graph) {
  int64_t total = 0;
  for (const auto& ptr : offsets.edge_ptr) total += ptr[graph + 1] - ptr[graph];
  return total;
}

}  // namespace

StreamPacker::StreamPacker(const ResolvedSpec& spec, const GraphOffsets& offsets)
    : spec_(spec),
      options_(spec.options),
      offsets_(offsets),
      max_graphs_(options_.num_graphs - 1),
      max_nodes_(Sum(options_.num_nodes) - 1),
      max_edges_(Sum(options_.num_edges) - 1),
      typed_(options_.num_nodes.size() != 1 || options_.num_edges.size() != 1),
      nodes_by_type_(typed_ ? options_.num_nodes.size() : 0),
      edges_by_type_(typed_ ? options_.num_edges.size() : 0),
      rows_(spec.row_columns.size()) {}

bool StreamPacker::Fits(int64_t graph) const {
  const int64_t graphs_left = max_graphs_ - graphs_ - 1;
  const int64_t nodes_left = max_nodes_ - nodes_ - TotalNodes(offsets_, graph);
  if (graphs_left < 0 || nodes_left < graphs_left) return false;
  if (!options_.num_edges.empty()) {
    const int64_t edges_left = max_edges_ - edges_ - TotalEdges(offsets_, graph);
    if (edges_left < graphs_left) return false;
  }
  auto num_rows = options_.num_rows.begin();
  for (size_t i = 0; i < rows_.size(); ++i, ++num_rows) {
    if (rows_[i] + NumRows(i, graph) > num_rows->second) return false;
  }
  if (!typed_) return true;

  for (size_t t = 0; t < nodes_by_type_.size(); ++t) {
    const int64_t nodes = nodes_by_type_[t] + offsets_.NumNodes(static_cast<int>(t), graph);
    if (nodes > options_.num_nodes[t] - 1) return false;
  }
  for (size_t r = 0; r < edges_by_type_.size(); ++r) {
    const int64_t edges = edges_by_type_[r] + offsets_.NumEdges(static_cast<int>(r), graph);
    if (edges > options_.num_edges[r]) return false;
  }
  return true;
}

void StreamPacker::Append(int64_t graph) {
  ++graphs_;
  nodes_ += TotalNodes(offsets_, graph);
  for (size_t i = 0; i < rows_.size(); ++i) rows_[i] += NumRows(i, graph);
  edges_ += TotalEdges(offsets_, graph);
  for (size_t t = 0; t < nodes_by_type_.size(); ++t) {
    nodes_by_type_[t] += offsets_.NumNodes(static_cast<int>(t), graph);
  }
  for (size_t r = 0; r < edges_by_type_.size(); ++r) {
    edges_by_type_[r] += offsets_.NumEdges(static_cast<int>(r), graph);
  }
}

void StreamPacker::Clear() {
  graphs_ = nodes_ = edges_ = 0;
  std::fill(nodes_by_type_.begin(), nodes_by_type_.end(), 0);
  std::fill(edges_by_type_.begin(), edges_by_type_.end(), 0);
  std::fill(rows_.begin(), rows_.end(), 0);
}

StreamPacker::Outcome StreamPacker::Add(int64_t graph) {
  const bool opens = graphs_ == 0;
  if (Fits(graph)) {
    Append(graph);
    return opens ? Outcome::kOpenedNext : Outcome::kAdded;
  }
  if (!opens) {
    Clear();
    if (Fits(graph)) {
      Append(graph);
      return Outcome::kOpenedNext;
    }
  }
  return spec_.over_size == OverSize::kSkip ? Outcome::kSkipped : Outcome::kRefused;
}

absl::Status StreamPacker::Explain(int64_t graph) const {
  const absl::Status status = ExplainSize(graph);
  if (spec_.over_size == OverSize::kError || spec_.over_size == OverSize::kSkip) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(
          status.message(),
          "; packing never trims, since it keeps to the size of every type so that nothing "
          "has to go: give larger sizes, or over-size skip, or PadToMax, which trims"));
}

absl::Status StreamPacker::ExplainSize(int64_t graph) const {
  // In total, then by type.
  const auto check = [&](absl::string_view what, int64_t size, int64_t limit) -> absl::Status {
    const int64_t others = max_graphs_ - 1;
    if (size > limit - 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("graph ", graph, " has ", size, " ", what, "; a batch holds ", limit - 1,
                       " (num_", what, " ", limit, ", one kept for padding)"));
    }
    if (size > limit - 1 - others) {
      return absl::FailedPreconditionError(absl::StrCat(
          "graph ", graph, " has ", size, " ", what, "; a batch holds a graph of at most ",
          limit - 1 - others, " (num_", what, " ", limit, ", one kept for each of the other ",
          others + 1, " graphs of num_graphs ", others + 2, ")"));
    }
    return absl::OkStatus();
  };
  absl::Status status = check("nodes", TotalNodes(offsets_, graph), max_nodes_ + 1);
  if (status.ok() && !options_.num_edges.empty()) {
    status = check("edges", TotalEdges(offsets_, graph), max_edges_ + 1);
  }
  if (!status.ok()) return status;
  auto num_rows = options_.num_rows.begin();
  for (size_t i = 0; i < rows_.size(); ++i, ++num_rows) {
    const int64_t rows = NumRows(i, graph);
    if (rows > num_rows->second) return TooManyRows(spec_, graph, spec_.row_columns[i], rows);
  }
  for (size_t t = 0; t < nodes_by_type_.size(); ++t) {
    const int64_t size = offsets_.NumNodes(static_cast<int>(t), graph);
    if (size > options_.num_nodes[t] - 1) {
      return absl::FailedPreconditionError(
          absl::StrCat("graph ", graph, " has ", size, " nodes of type ", spec_.node_types[t],
                       "; a batch holds ", options_.num_nodes[t] - 1, " (num_nodes ",
                       options_.num_nodes[t], " of that type, one kept for padding)"));
    }
  }
  for (size_t r = 0; r < edges_by_type_.size(); ++r) {
    const int64_t size = offsets_.NumEdges(static_cast<int>(r), graph);
    if (size > options_.num_edges[r]) {
      return absl::FailedPreconditionError(
          absl::StrCat("graph ", graph, " has ", size, " edges of type ", spec_.edge_types[r],
                       "; a batch holds ", options_.num_edges[r], " (num_edges of that type)"));
    }
  }
  return absl::FailedPreconditionError(absl::StrCat("graph ", graph, " fits no batch"));
}

}  // namespace graphfeed
