#include "server/sampling/cluster_union.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/sampling/closure.h"
#include "server/sampling/in_edge_reader.h"
#include "server/sampling/node_table.h"
#include "server/sampling/row_reader.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kRowsAtOnce = 1 << 16;

absl::Status CheckHomogeneous(const Schema& schema) {
  if (!schema.collection && schema.node_types.size() == 1 && schema.edge_types.size() == 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "clusters are those of one homogeneous graph; the dataset ",
      schema.collection ? "is a collection of graphs with " : "has ", schema.node_types.size(),
      " node types and ", schema.edge_types.size(), " edge types"));
}

// Stably sorts the edges (and what `positions` says of them) by source: counts, then deals out.
void SortBySource(size_t num_nodes, Subgraph::Edges& edges, std::vector<int64_t>& positions) {
  std::vector<size_t> next(num_nodes + 1, 0);
  for (const int32_t source : edges.source) ++next[static_cast<size_t>(source) + 1];
  std::partial_sum(next.begin(), next.end(), next.begin());
  Subgraph::Edges sorted;
  sorted.source.resize(edges.source.size());
  sorted.target.resize(edges.source.size());
  std::vector<int64_t> sorted_positions(edges.source.size());
  for (size_t i = 0; i < edges.source.size(); ++i) {
    const size_t to = next[static_cast<size_t>(edges.source[i])]++;
    sorted.source[to] = edges.source[i];
    sorted.target[to] = edges.target[i];
    sorted_positions[to] = positions[i];
  }
  edges = std::move(sorted);
  positions = std::move(sorted_positions);
}

}  // namespace

absl::StatusOr<Clusters> Clusters::Read(const GraphView& graph, int column) {
  const Schema& schema = graph.schema;
  GF_RETURN_IF_ERROR(CheckHomogeneous(schema));
  if (column < 0 || static_cast<size_t>(column) >= schema.columns.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no partition column ", column, "; the graph has ", schema.columns.size()));
  }
  const ColumnSchema& declared = schema.columns[column];
  if (declared.level != Level::kNode || !IsInteger(declared.dtype) ||
      declared.row_elements() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "column '", declared.name, "' is a ", LevelName(declared.level), " column with rows of ",
        declared.row_elements(), " ", DTypeName(declared.dtype),
        "; a partition is a node column with one integer a row"));
  }

  const int64_t num_nodes = graph.adjacency.NumNodes(0);
  std::vector<int64_t> assigned(static_cast<size_t>(num_nodes));
  std::vector<int64_t> rows;
  RowReader reader;
  for (int64_t begin = 0; begin < num_nodes; begin += kRowsAtOnce) {
    rows.resize(static_cast<size_t>(std::min(num_nodes - begin, kRowsAtOnce)));
    std::iota(rows.begin(), rows.end(), begin);
    GF_RETURN_IF_ERROR(reader.ReadIntegers(
        graph, column, rows,
        absl::MakeSpan(assigned).subspan(static_cast<size_t>(begin), rows.size())));
  }

  int64_t num_clusters = 0;
  for (int64_t node = 0; node < num_nodes; ++node) {
    const int64_t cluster = assigned[static_cast<size_t>(node)];
    if (cluster < 0 || cluster >= num_nodes) {
      return absl::InvalidArgumentError(absl::StrCat("column '", declared.name, "': node ", node,
                                                     " is in cluster ", cluster,
                                                     "; clusters go from 0 to ", num_nodes - 1));
    }
    num_clusters = std::max(num_clusters, cluster + 1);
  }
  Clusters clusters;
  clusters.ptr.assign(static_cast<size_t>(num_clusters) + 1, 0);
  for (const int64_t cluster : assigned) ++clusters.ptr[static_cast<size_t>(cluster) + 1];
  std::partial_sum(clusters.ptr.begin(), clusters.ptr.end(), clusters.ptr.begin());
  clusters.nodes.resize(assigned.size());
  std::vector<int64_t> next(clusters.ptr.begin(), clusters.ptr.end() - 1);
  for (int64_t node = 0; node < num_nodes; ++node) {
    int64_t& to = next[static_cast<size_t>(assigned[static_cast<size_t>(node)])];
    clusters.nodes[static_cast<size_t>(to++)] = node;
  }
  return clusters;
}

absl::Status UniteClusters(const GraphView& graph, const Clusters& clusters,
                           absl::Span<const int64_t> chosen, Subgraph& subgraph,
                           int64_t max_edges) {
  GF_RETURN_IF_ERROR(CheckHomogeneous(graph.schema));
  subgraph.Clear(1, 1);
  std::vector<int64_t>& nodes = subgraph.nodes[0];
  std::set<int64_t> seen;
  int64_t num_nodes = 0;
  for (const int64_t cluster : chosen) {
    if (cluster < 0 || cluster >= clusters.num_clusters()) {
      return absl::InvalidArgumentError(
          absl::StrCat("no cluster ", cluster, "; the partition has ", clusters.num_clusters()));
    }
    if (!seen.insert(cluster).second) {
      return absl::InvalidArgumentError(absl::StrCat("cluster ", cluster, " is given twice"));
    }
    num_nodes += clusters.ptr[cluster + 1] - clusters.ptr[cluster];
  }
  if (num_nodes > std::numeric_limits<int32_t>::max()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(chosen.size(), " clusters have ", num_nodes, " nodes; a batch holds at most ",
                     std::numeric_limits<int32_t>::max(), ": take fewer clusters"));
  }

  const std::unique_ptr<NodeTable> table = NewHashedNodeTable();
  table->StartBatch();
  for (const int64_t cluster : chosen) {
    const auto begin = static_cast<size_t>(clusters.ptr[cluster]);
    const auto end = static_cast<size_t>(clusters.ptr[cluster + 1]);
    table->AppendSeeds(absl::MakeConstSpan(clusters.nodes).subspan(begin, end - begin), {},
                       {nodes, subgraph.tree[0]});
  }
  std::vector<std::vector<int64_t>> positions(1);
  InEdgeReader reader;
  // By target and position; then, stably, by source.
  GF_RETURN_IF_ERROR(AddInducedEdges(graph, absl::MakeConstSpan(&table, 1), max_edges, reader,
                                     subgraph, positions));
  SortBySource(nodes.size(), subgraph.edges[0], positions[0]);
  subgraph.edges[0].edge_id.resize(positions[0].size());
  return graph.adjacency.EdgeIds(0, positions[0], absl::MakeSpan(subgraph.edges[0].edge_id));
}

}  // namespace graphfeed
