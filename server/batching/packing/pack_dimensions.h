#ifndef GRAPHFEED_SERVER_BATCHING_PACKING_PACK_DIMENSIONS_H_
#define GRAPHFEED_SERVER_BATCHING_PACKING_PACK_DIMENSIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "proto/frame/layout.h"
#include "server/batching/packing/look_ahead_pack.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Why a graph with so many rows of a column of the schema fits no batch: FAILED_PRECONDITION.
absl::Status TooManyRows(const ResolvedSpec& spec, int64_t graph, int column, int64_t rows);

// What a pack of graphs has room for: one graph, node and edge less than its batch, so that there
// is something to pad with; in heterogeneous batches one node less of each type, the edges of each
// type, and one edge less in total; and the rows of every column of which graphs have different
// numbers.
class PackDimensions {
 public:
  // Both must outlive this.
  PackDimensions(const ResolvedSpec& spec, const GraphOffsets& offsets);

  const PackCapacity& capacity() const { return capacity_; }
  size_t size() const { return dimensions_.size(); }

  // Appends a graph's size to `sizes` of each dimension, if it fits.
  bool Add(int64_t graph, std::vector<std::vector<int32_t>>& sizes) const;
  // Those of all graphs, if all fit: faster than one by one.
  bool AddAll(absl::Span<const int64_t> graphs, std::vector<std::vector<int32_t>>& sizes) const;
  // Why a graph fits no batch: FAILED_PRECONDITION with its size and the limit.
  absl::Status Explain(int64_t graph) const;
  // No packing of graphs that are so many and so large together, and fit, needs fewer packs: by
  // their number and by the sum of their sizes in each dimension.
  int64_t LowerBound(const Counts& total) const;

 private:
  int64_t Size(size_t dimension, int64_t graph) const;

  enum class Kind { kNodes, kEdges, kAllEdges, kRows };
  struct Dimension {
    Kind kind;
    int type;  // kRows: column of the schema
  };
  void Add(Kind kind, int type, int64_t capacity);
  // Ends of what graphs have in a dimension: one list, or one for each type of edges.
  absl::Span<const absl::Span<const int64_t>> PtrsOf(const Dimension& dimension) const;

  const ResolvedSpec& spec_;
  const GraphOffsets& offsets_;
  PackCapacity capacity_;
  std::vector<Dimension> dimensions_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_PACKING_PACK_DIMENSIONS_H_
