#ifndef GRAPHFEED_SERVER_BATCHING_SIZING_CHOOSE_SIZES_H_
#define GRAPHFEED_SERVER_BATCHING_SIZING_CHOOSE_SIZES_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/size_choice.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Chooses num_nodes, num_edges and num_graphs, by type, for batches of `request`, a padded strategy
// that takes whole graphs and whose options are left out: those within the target that waste least,
// which is the sum of three ratios of what an epoch has with its padding to what is real: nodes,
// edges, and bytes. Every graph of the selection fits into a batch.
//
// Packed strategies: if an epoch were p batches, each had a p-th of all nodes, edges and graphs.
// Sizes are such shares and some slack, of 0 to 32 %, for each type and for the graphs; p is the
// smallest that meets the target. Slacks are tried that are the same for all node types and for all
// edge types, then steps along one after the other; each candidate is packed by the strategy
// itself. The search takes a part of the selection; then the best four, and looser ones, are
// compared on up to kSampledGraphs, in several orders where the selection is smaller and shuffled.
// What counts is the worst order. With a target of graphs these have no slack, so that batches are
// full of them.
//
// PadToMax: sizes that any batch of num_graphs - 1 graphs meets, which is the sum of as many of the
// largest; num_graphs is the largest that meets the target, or what divides the graphs more evenly.
//
// A function of its arguments alone. INVALID_ARGUMENT for what ResolveSpec refuses, for batches of
// given sizes, and for a target that has no room for the largest graph, naming what it needs.
// Fails if nobody waits for it any more (CheckWanted).
absl::StatusOr<SizeChoice> ChooseSizes(const BatchSpec& request, const SizeTarget& target,
                                       const DatasetInfo& dataset, const GraphOffsets& offsets,
                                       int64_t max_batch_bytes);

// Graphs that are packed at a time, of larger selections.
inline constexpr int64_t kSampledGraphs = 100'000;

// No call of ChooseSizes holds more: of each graph that is packed 48 bytes and 4 for each node
// type, edge type and one, twice the list of graphs if the request has one, and some KiB.
int64_t ChooseSizesBytes(const BatchSpec& request, const DatasetInfo& dataset);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_SIZING_CHOOSE_SIZES_H_
