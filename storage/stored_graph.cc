#include "storage/stored_graph.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

std::string AdjacencyName(const Schema& schema, int edge_type, absl::string_view column) {
  return absl::StrCat("adjacency of ", schema.EdgeTypeName(edge_type), ", ", column);
}

StoredGraph::StoredGraph(std::shared_ptr<const Manifest> manifest, ChunkCache& cache)
    : manifest_(std::move(manifest)), cache_(cache) {
  for (const StoredAdjacency& lists : manifest_->adjacency) {
    lists_.push_back({cache_.Open(lists.in_ptr.storage), cache_.Open(lists.in_source.storage),
                      cache_.Open(lists.in_edge_id.storage)});
  }
}

absl::Status StoredGraph::Check(int edge_type, size_t num_asked, size_t num_answers) const {
  if (edge_type < 0 || static_cast<size_t>(edge_type) >= lists_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("edge type ", edge_type, "; the graph has ", lists_.size()));
  }
  if (num_asked == num_answers) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("room for ", num_answers, " answers to ", num_asked, " questions"));
}

absl::Status StoredGraph::Named(int edge_type, absl::string_view column,
                                const absl::Status& status) const {
  if (status.ok()) return status;
  const DatasetInfo& info = manifest_->info;
  return absl::Status(
      status.code(),
      absl::StrCat("dataset \"", info.name, "@", info.version, "\", ",
                   AdjacencyName(info.schema, edge_type, column), ", ", status.message()));
}

absl::Status StoredGraph::InRuns(int edge_type, absl::Span<const int64_t> nodes,
                                 absl::Span<InRun> runs) {
  GF_RETURN_IF_ERROR(Check(edge_type, nodes.size(), runs.size()));
  return Named(edge_type, "in_ptr", cache_.GatherRuns(*lists_[edge_type].in_ptr, nodes, runs));
}

absl::Status StoredGraph::Sources(int edge_type, absl::Span<const int64_t> positions,
                                  absl::Span<int64_t> sources) {
  GF_RETURN_IF_ERROR(Check(edge_type, positions.size(), sources.size()));
  return Named(edge_type, "in_source",
               cache_.GatherInts(*lists_[edge_type].in_source, positions, sources));
}

absl::Status StoredGraph::EdgeIds(int edge_type, absl::Span<const int64_t> positions,
                                  absl::Span<int64_t> edge_ids) {
  GF_RETURN_IF_ERROR(Check(edge_type, positions.size(), edge_ids.size()));
  return Named(edge_type, "in_edge_id",
               cache_.GatherInts(*lists_[edge_type].in_edge_id, positions, edge_ids));
}

}  // namespace graphfeed
