#ifndef GRAPHFEED_STORAGE_INGEST_VALUE_CHECK_H_
#define GRAPHFEED_STORAGE_INGEST_VALUE_CHECK_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// What the values of a well-formed block (graph_check.h) have to keep. INVALID_ARGUMENT names
// graph, column, row and limit. `types` is a schema without columns.

// Where a block of a column belongs.
struct BlockPlace {
  int64_t first_graph = 0;
  int64_t first_row = 0;  // single graph: rows in earlier blocks
};

// Strings are UTF-8.
absl::Status CheckStrings(const Schema& types, const ColumnBlock& column, const BlockPlace& place);

// Integers leave room for the nodes before them.
absl::Status CheckShiftable(const Schema& types, const ColumnBlock& column,
                            const BlockPlace& place);

// Integers are ids of nodes of their graph, of one type of which each graph of the block has
// `num_nodes` (a single graph: one entry).
absl::Status CheckNodeIds(const Schema& types, const ColumnBlock& column, const BlockPlace& place,
                          int node_type, absl::Span<const int64_t> num_nodes);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_VALUE_CHECK_H_
