#ifndef GRAPHFEED_STORAGE_INGEST_GRAPH_CHECK_H_
#define GRAPHFEED_STORAGE_INGEST_GRAPH_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// "column "x"", in a heterogeneous dataset "column "x" of movie".
std::string ColumnTitle(const Schema& types, const ColumnBlock& column);

// Rows that a well-formed column block holds, in all and of one graph of the block.
int64_t NumRows(const ColumnBlock& column, int64_t num_graphs);
inline int64_t NumRows(const ColumnBlock& column, int64_t /*num_graphs*/, int64_t graph) {
  return column.sizes.empty() ? 1 : column.sizes[graph];
}

int64_t RowBytes(const ColumnBlock& column);

// Whether a column block says that it has no row at all. Then its dtype and shape say little: `[]`
// is an empty list of anything.
bool IsEmpty(const Schema& types, const ColumnBlock& column, int64_t num_graphs);

// Bytes that the block holds.
int64_t BlockBytes(const GraphBlock& block);

// "graph 17", "graphs 100 to 163"; "the graph" of a single one.
std::string GraphRange(const Schema& types, int64_t first, int64_t count);

// The following check a block as it comes from outside; `types` is a schema without columns.
// INVALID_ARGUMENT names the rule; who calls adds graphs and column.

// A number of nodes, edges or rows: 0 to 2^48, far below what sums of them could overflow.
absl::Status CheckSize(absl::string_view field, int64_t size);
// Numbers of graphs, nodes and edges.
absl::Status CheckGraphCounts(const Schema& types, const GraphBlock& block);
// Name, level, type, dtype and shape: what all blocks of a column share.
absl::Status CheckColumnKind(const Schema& types, const ColumnBlock& column);
// As many bytes or strings as the sizes say. Requires CheckColumnKind.
absl::Status CheckColumnRows(const Schema& types, const ColumnBlock& column, int64_t num_graphs);

// Where an edge_index block belongs.
struct EdgeIndexPlace {
  int64_t first_graph = 0;
  int64_t first_edge = 0;                      // single graph: edges in earlier blocks
  absl::Span<const int64_t> num_source_nodes;  // by graph of the block; a single graph: one entry
  absl::Span<const int64_t> num_target_nodes;
};

// Checks that every edge of a well-formed block of an edge_index column ends in nodes of its graph.
absl::Status CheckEdgeIndex(const Schema& types, const ColumnBlock& column,
                            const EdgeIndexPlace& place);

// Nodes without rows cost a sender nothing and the store eight bytes each: INVALID_ARGUMENT for
// more of them, over all types, than 2^24 and one for each byte of rows that has come.
absl::Status CheckNumNodes(absl::Span<const int64_t> num_nodes, int64_t received_bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_GRAPH_CHECK_H_
