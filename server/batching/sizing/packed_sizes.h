#ifndef GRAPHFEED_SERVER_BATCHING_SIZING_PACKED_SIZES_H_
#define GRAPHFEED_SERVER_BATCHING_SIZING_PACKED_SIZES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/sizing/batch_sizes.h"
#include "server/batching/sizing/selected_sizes.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// The search for the sizes of packed batches (choose_sizes.h). Packs what the spec selects.
class PackedSizes {
 public:
  // How much more than its share of the graphs a batch has room for: steps of a scale, for each
  // node type, each edge type, and the graphs themselves.
  using Slacks = std::vector<size_t>;

  // Of epochs: padded to real nodes, edges and bytes, the three ratios together. In the worst order
  // and in all.
  using Waste = std::pair<__int128, __int128>;

  struct Outcome {
    ResolvedOptions options;
    int64_t orders = 0;
    int64_t batches = 0;         // in all orders
    int64_t most_batches = 0;    // in one of them
    double node_efficiency = 0;  // mean
    double edge_efficiency = 0;
    int64_t batch_bytes = 0;
    __int128 batch_waste = 0;

    // Sizes are as good as their worst order.
    Waste waste() const { return {most_batches * batch_waste, batches * batch_waste}; }
  };

  // `selected` are all graphs, each of which must fit. No slack for the graphs if
  // `graphs_are_target`. All must outlive the search.
  PackedSizes(const SelectedSizes& selected, const GraphOffsets& offsets, bool graphs_are_target,
              BatchSizes& sizes, ResolvedSpec& spec);

  // All of them by so many steps.
  Slacks Loosened(Slacks slacks, int64_t steps) const;
  Slacks None() const { return Slacks(num_node_types_ + num_edge_types_ + 1, 0); }
  // If an epoch of these graphs were so many batches.
  ResolvedOptions Shares(const SizeTotals& totals, int64_t batches, const Slacks& slacks) const;
  // With the fewest batches that the target allows, if it allows any.
  std::optional<ResolvedOptions> Options(const SizeTotals& totals, const Slacks& slacks);
  // An epoch for each order, of `seed`.
  absl::StatusOr<Outcome> Pack(ResolvedOptions options, uint64_t seed, int64_t orders);
  // Tries slacks, at most `candidates`, on the graphs that the spec selects. The best ones first.
  absl::StatusOr<std::vector<Slacks>> Search(const SizeTotals& totals, int64_t orders,
                                             int64_t candidates);

 private:
  const SelectedSizes& selected_;
  const GraphOffsets& offsets_;
  BatchSizes& sizes_;
  ResolvedSpec& spec_;
  const bool graphs_are_target_;
  const size_t num_node_types_;
  const size_t num_edge_types_;
  // What a node, an edge and a byte of a batch add to its waste.
  __int128 node_weight_ = 0;
  __int128 edge_weight_ = 0;
  __int128 byte_weight_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_SIZING_PACKED_SIZES_H_
