#ifndef GRAPHFEED_SERVER_BATCHING_SIZING_SELECTED_SIZES_H_
#define GRAPHFEED_SERVER_BATCHING_SIZING_SELECTED_SIZES_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/frame/batch_spec.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/sizing/largest_sizes.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Sizes of some graphs together, by type.
struct SizeTotals {
  int64_t graphs = 0;
  std::vector<int64_t> nodes;
  std::vector<int64_t> edges;
};

struct SelectedSizes {
  SizeTotals totals;
  SizeTotals largest;         // of one graph
  int64_t largest_nodes = 0;  // of one graph, all types together
  int64_t largest_edges = 0;
};

// Fails if nobody waits for it any more (CheckWanted).
absl::StatusOr<SelectedSizes> MeasureSizes(const Selection& selection, const GraphOffsets& offsets);

// By type.
struct SelectedCounts {
  std::vector<LargestSizes> nodes;
  std::vector<LargestSizes> edges;
};
absl::StatusOr<SelectedCounts> CountSizes(const Selection& selection, const GraphOffsets& offsets);

// `count` graphs of a selection, the same every time: drawn from it if they are packed in random
// order anyway, else runs of neighbours. All of it if it has no more.
Selection SampleOf(const Selection& selection, int64_t num_graphs, int64_t count, bool shuffled);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_SIZING_SELECTED_SIZES_H_
