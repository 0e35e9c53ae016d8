#include "server/sampling/in_edge_reader.h"

#include <algorithm>

#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {

absl::Status InEdgeReader::Visit(GraphStore& graph, int edge_type, absl::Span<const int64_t> nodes,
                                 Visitor visitor) {
  runs_.resize(nodes.size());
  GF_RETURN_IF_ERROR(graph.InRuns(edge_type, nodes, absl::MakeSpan(runs_)));
  pieces_.clear();
  positions_.clear();
  const auto flush = [&]() -> absl::Status {
    GF_RETURN_IF_ERROR(CheckWanted());
    sources_.resize(positions_.size());
    GF_RETURN_IF_ERROR(graph.Sources(edge_type, positions_, absl::MakeSpan(sources_)));
    GF_RETURN_IF_ERROR(visitor(pieces_, positions_, sources_));
    pieces_.clear();
    positions_.clear();
    return absl::OkStatus();
  };
  for (size_t i = 0; i < runs_.size(); ++i) {
    for (int64_t done = 0; done < runs_[i].count;) {
      const int64_t free = static_cast<int64_t>(kGroupEdges - positions_.size());
      const int64_t count = std::min(runs_[i].count - done, free);
      pieces_.push_back({i, count});
      for (int64_t j = 0; j < count; ++j) positions_.push_back(runs_[i].begin + done + j);
      done += count;
      if (positions_.size() == kGroupEdges) GF_RETURN_IF_ERROR(flush());
    }
  }
  return positions_.empty() ? absl::OkStatus() : flush();
}

}  // namespace graphfeed
