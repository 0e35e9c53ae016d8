#ifndef GRAPHFEED_STORAGE_GRAPH_FEATURE_STORE_H_
#define GRAPHFEED_STORAGE_GRAPH_FEATURE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// `count` consecutive rows of a column from row `first` on.
struct RowRange {
  int64_t first = 0;
  int64_t count = 0;
};

// Receives `count` consecutive rows at `rows`, which start `offset` rows into `ranges[range]`. The
// bytes are valid during the call only. `rows` is aligned to the element size.
using RowVisitor =
    absl::FunctionRef<void(size_t range, int64_t offset, int64_t count, const std::byte* rows)>;

// The seam through which batches read rows. Columns are indices into Schema::columns. Rows may be
// remote: a read can fail or take milliseconds. Thread-safe.
class FeatureStore {
 public:
  virtual ~FeatureStore() = default;

  // Calls `visitor` for pieces that together cover every range exactly once, in no particular
  // order. Ranges may overlap, repeat and be empty; rows must exist. Not for string columns.
  // DATA_LOSS names the unreadable chunk; after an error an unspecified part has been visited.
  virtual absl::Status VisitRows(int column, absl::Span<const RowRange> ranges,
                                 RowVisitor visitor) = 0;

  // Copies row rows[i] to dst + i * row_bytes for every i: the batch's rows of a sampled subgraph,
  // row-major. Rows may repeat and come in any order; they must exist. Not for string columns.
  // DATA_LOSS names the unreadable chunk; after an error the contents of `dst` are unspecified.
  virtual absl::Status GatherRows(int column, absl::Span<const int64_t> rows, std::byte* dst) = 0;

  // How often, since some start, rows had to be had from another machine; always 0 where they are
  // on this one. A call waits for all that it misses once: who sees this grow asks for more in one.
  virtual int64_t far_reads() const { return 0; }
};

// Where each graph's rows lie in the concatenated columns: graph g has rows [ptr[g], ptr[g + 1]). A
// single graph is a collection of one. Views into memory owned elsewhere.
struct GraphOffsets {
  int64_t num_graphs = 0;
  std::vector<absl::Span<const int64_t>> node_ptr;  // by node type, num_graphs + 1 entries each
  std::vector<absl::Span<const int64_t>> edge_ptr;  // by edge type
  // By column of the schema, empty but for the varying ones; may end early where there are none.
  std::vector<absl::Span<const int64_t>> row_ptr = {};

  int64_t NumNodes(int node_type, int64_t graph) const {
    return node_ptr[node_type][graph + 1] - node_ptr[node_type][graph];
  }
  int64_t NumEdges(int edge_type, int64_t graph) const {
    return edge_ptr[edge_type][graph + 1] - edge_ptr[edge_type][graph];
  }
  // Rows of a column of the schema that `count` graphs from `graph` on have.
  RowRange RowsOf(const std::vector<ColumnSchema>& columns, size_t index, int64_t graph,
                  int64_t count = 1) const {
    const ColumnSchema& column = columns[index];
    if (column.level == Level::kGraph && !column.varying()) {
      return {graph * column.rows_per_graph, count * column.rows_per_graph};
    }
    const absl::Span<const int64_t> ptr = column.level == Level::kNode   ? node_ptr[column.type]
                                          : column.level == Level::kEdge ? edge_ptr[column.type]
                                                                         : row_ptr[index];
    return {ptr[graph], ptr[graph + count] - ptr[graph]};
  }
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_FEATURE_STORE_H_
