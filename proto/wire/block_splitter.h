#ifndef GRAPHFEED_PROTO_WIRE_BLOCK_SPLITTER_H_
#define GRAPHFEED_PROTO_WIRE_BLOCK_SPLITTER_H_

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "proto/wire/limits.h"
#include "storage/graph/graph_block.h"

namespace graphfeed::wire {

struct SplitLimits {
  int64_t target_bytes = kTargetBlockBytes;  // of a message, if it has more than one graph or row
  int64_t max_bytes = kMaxBlockBytes;        // of one graph or row, which is sent alone
};

// Cuts a block into blocks of at most `target_bytes` and hands them to `send` in order, until it
// fails: collections between graphs, a single graph between rows (one column to a block), and so
// also a graph of a collection that has more than `max_bytes`, in parts (GraphBlock). A block that
// is small enough, or is such a part itself, goes as it is. Checks that rows and sizes agree:
// INVALID_ARGUMENT names the column, or the graph (`first_graph` is the number of the block's first
// one) of a row that is too large.
absl::Status SplitBlock(GraphBlock block, bool collection, int64_t first_graph,
                        const SplitLimits& limits,
                        absl::FunctionRef<absl::Status(GraphBlock)> send);

}  // namespace graphfeed::wire

#endif  // GRAPHFEED_PROTO_WIRE_BLOCK_SPLITTER_H_
