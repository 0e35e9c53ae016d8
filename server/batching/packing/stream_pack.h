#ifndef GRAPHFEED_SERVER_BATCHING_PACKING_STREAM_PACK_H_
#define GRAPHFEED_SERVER_BATCHING_PACKING_STREAM_PACK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Packs graphs into batches of fixed size in arrival order. The graph that no longer fits opens
// the next batch; nothing is looked ahead. One graph, one node and one edge are kept back for
// padding, and so are a node and an edge for every further graph that the batch has room for, so
// that every padding graph of a homogeneous batch has some of its own.
//
// A heterogeneous batch counts these totals over all types, and besides keeps to the limit of
// every type: one node less than num_nodes of the type, since padding edges of any edge type need
// a padding node at both ends, and num_edges of the edge type; and any batch to num_rows of every
// column of which graphs have different numbers of rows. So every batch can be padded and
// none needs trimming. With one type this adds nothing to the totals.
//
// Thread-compatible.
class StreamPacker {
 public:
  // All must outlive the packer.
  StreamPacker(const ResolvedSpec& spec, const GraphOffsets& offsets);

  enum class Outcome {
    kAdded,       // to the current batch
    kOpenedNext,  // the current batch is finished, the graph begins another (also the first)
    kSkipped,     // fits no batch; the current batch, if it has graphs, is finished
    kRefused,     // fits no batch, and graphs may not be skipped
  };
  Outcome Add(int64_t graph);

  // Why a graph fits no batch: FAILED_PRECONDITION with its size and the limit, and where trimming
  // is asked for, why there is none.
  absl::Status Explain(int64_t graph) const;

 private:
  absl::Status ExplainSize(int64_t graph) const;
  int64_t NumRows(size_t i, int64_t graph) const {
    const absl::Span<const int64_t> ptr = offsets_.row_ptr[spec_.row_columns[i]];
    return ptr[graph + 1] - ptr[graph];
  }
  bool Fits(int64_t graph) const;
  void Append(int64_t graph);
  void Clear();

  const ResolvedSpec& spec_;
  const ResolvedOptions& options_;
  const GraphOffsets& offsets_;
  const int64_t max_graphs_;
  const int64_t max_nodes_;
  const int64_t max_edges_;
  const bool typed_;  // more than one node or edge type: the limits of each count
  // Of the current batch.
  int64_t graphs_ = 0;
  int64_t nodes_ = 0;
  int64_t edges_ = 0;
  std::vector<int64_t> nodes_by_type_;
  std::vector<int64_t> edges_by_type_;
  std::vector<int64_t> rows_;  // by ResolvedSpec::row_columns
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_PACKING_STREAM_PACK_H_
