#include "storage/ingest/edge_scan.h"

#include <vector>

#include "storage/chunks/column_reader.h"
#include "storage/graph/element_access.h"

namespace graphfeed {

EdgeList EdgeListOf(const Manifest& manifest, int edge_type) {
  const DatasetInfo& info = manifest.info;
  const EdgeType& type = info.schema.edge_types[edge_type];
  EdgeList edges{.edge_index = std::nullopt,
                 .num_sources = info.num_nodes[type.source],
                 .num_targets = info.num_nodes[type.target],
                 .num_edges = info.num_edges[edge_type]};
  const int column = info.schema.FindColumn(Level::kEdge, edge_type, "edge_index");
  if (column >= 0) {
    edges.edge_index = manifest.columns[column].rows.storage;
    edges.dtype = info.schema.columns[column].dtype;
  }
  return edges;
}

absl::Status ScanEdges(ChunkStore& store, const EdgeList& edges,
                       absl::FunctionRef<absl::Status(absl::Span<const Edge>)> visitor) {
  if (!edges.edge_index) return absl::OkStatus();
  std::vector<Edge> some;
  int64_t id = 0;
  return ReadColumn(store, *edges.edge_index, [&](absl::string_view rows) {
    WithType(edges.dtype, [&](auto type) {
      using T = decltype(type);
      some.resize(rows.size() / (2 * sizeof(T)));
      const char* row = rows.data();
      for (Edge& edge : some) {
        edge.source = static_cast<int64_t>(LoadElement<T>(row));
        edge.target = static_cast<int64_t>(LoadElement<T>(row + sizeof(T)));
        edge.id = id++;
        row += 2 * sizeof(T);
      }
    });
    return visitor(some);
  });
}

}  // namespace graphfeed
