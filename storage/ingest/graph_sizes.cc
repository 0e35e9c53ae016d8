#include "storage/ingest/graph_sizes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
GraphSizes::GraphSizes(const Schema& types, std::vector<ColumnWriter> writers)
    : num_nodes_(types.node_types.size()),
      num_edges_(types.edge_types.size()),
      node_sizes_(types.node_types.size()),
      edge_sizes_(types.edge_types.size()),
      writers_(std::move(writers)) {}

absl::Status GraphSizes::AppendOffset(size_t column, int64_t offset) {
  if (offset > kMaxTotalSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("graph ", num_graphs_, ": the graphs so far have ", offset,
                     " nodes or edges of one type; the limit is ", kMaxTotalSize));
  }
  std::string bytes;
  if (writers_[column].num_rows() == 0) AppendInt64(0, bytes);
  AppendInt64(offset, bytes);
  return writers_[column].Append(static_cast<int64_t>(bytes.size() / sizeof(int64_t)), bytes);
}

absl::Status GraphSizes::AppendGraph(absl::Span<const int64_t> num_nodes,
                                     absl::Span<const int64_t> num_edges) {
  int64_t nodes = 0;
  for (size_t t = 0; t < num_nodes.size(); ++t) {
    nodes += num_nodes[t];
    num_nodes_[t] += num_nodes[t];
    node_sizes_[t].Add(num_nodes[t]);
    GF_RETURN_IF_ERROR(AppendOffset(t, num_nodes_[t]));
  }
  int64_t edges = 0;
  for (size_t t = 0; t < num_edges.size(); ++t) {
    edges += num_edges[t];
    num_edges_[t] += num_edges[t];
    edge_sizes_[t].Add(num_edges[t]);
    GF_RETURN_IF_ERROR(AppendOffset(num_nodes.size() + t, num_edges_[t]));
  }
  total_node_sizes_.Add(nodes);
  total_edge_sizes_.Add(edges);
  ++num_graphs_;
  return absl::OkStatus();
}

absl::Status GraphSizes::Append(const GraphBlock& block) {
  std::vector<int64_t> num_nodes(num_nodes_.size());
  std::vector<int64_t> num_edges(num_edges_.size());
  for (int64_t g = 0; g < block.num_graphs; ++g) {
    for (size_t t = 0; t < num_nodes.size(); ++t) num_nodes[t] = block.num_nodes[t][g];
    for (size_t t = 0; t < num_edges.size(); ++t) num_edges[t] = block.num_edges[t][g];
    GF_RETURN_IF_ERROR(AppendGraph(num_nodes, num_edges));
  }
  return absl::OkStatus();
}

absl::Status GraphSizes::Finish(Manifest& manifest) {
  DatasetInfo& info = manifest.info;
  info.num_graphs = num_graphs_;
  info.num_nodes = num_nodes_;
  info.num_edges = num_edges_;
  for (const SizeCounts& sizes : node_sizes_) info.node_sizes.push_back(sizes.Summary());
  for (const SizeCounts& sizes : edge_sizes_) info.edge_sizes.push_back(sizes.Summary());
  info.total_node_sizes = total_node_sizes_.Summary();
  info.total_edge_sizes = total_edge_sizes_.Summary();
  for (size_t i = 0; i < writers_.size(); ++i) {
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_RETURN_IF_ERROR(writers_[i].Finish());
    auto& list = i < num_nodes_.size() ? manifest.node_offsets : manifest.edge_offsets;
    list.push_back(writers_[i].stored());
  }
  return absl::OkStatus();
}

int64_t GraphSizes::memory_bytes() const {
  int64_t bytes = 0;
  for (const ColumnWriter& writer : writers_) bytes += writer.memory_bytes();
  return bytes;
}

}  // namespace graphfeed
