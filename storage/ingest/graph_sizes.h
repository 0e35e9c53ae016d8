#ifndef GRAPHFEED_STORAGE_INGEST_GRAPH_SIZES_H_
#define GRAPHFEED_STORAGE_INGEST_GRAPH_SIZES_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/chunks/column_writer.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"
#include "storage/ingest/size_counts.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// The sizes of all graphs of a running ingest: written as offset columns, counted for summaries.
// Not thread-safe.
class GraphSizes {
 public:
  // One writer of int64 rows per node type, then one per edge type.
  GraphSizes(const Schema& types, std::vector<ColumnWriter> writers);

  // Appends the graphs of a checked block. INVALID_ARGUMENT when totals grow beyond bounds.
  absl::Status Append(const GraphBlock& block);
  // Appends one graph, of which the sizes are given by type.
  absl::Status AppendGraph(absl::Span<const int64_t> num_nodes,
                           absl::Span<const int64_t> num_edges);

  // Finishes the columns and fills in what the manifest says about sizes. Requires a graph.
  absl::Status Finish(Manifest& manifest);

  int64_t num_graphs() const { return num_graphs_; }
  const std::vector<int64_t>& num_nodes() const { return num_nodes_; }
  const std::vector<int64_t>& num_edges() const { return num_edges_; }  // totals by type
  int64_t memory_bytes() const;

 private:
  absl::Status AppendOffset(size_t column, int64_t offset);

  int64_t num_graphs_ = 0;
  std::vector<int64_t> num_nodes_;
  std::vector<int64_t> num_edges_;
  std::vector<SizeCounts> node_sizes_;
  std::vector<SizeCounts> edge_sizes_;
  SizeCounts total_node_sizes_;
  SizeCounts total_edge_sizes_;
  std::vector<ColumnWriter> writers_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_GRAPH_SIZES_H_
