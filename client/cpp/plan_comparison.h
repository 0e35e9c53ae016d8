#ifndef GRAPHFEED_CLIENT_CPP_PLAN_COMPARISON_H_
#define GRAPHFEED_CLIENT_CPP_PLAN_COMPARISON_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "client/cpp/stream.h"
#include "proto/frame/size_choice.h"

namespace graphfeed {

// An epoch as one strategy would make it.
struct StrategyPlan {
  Strategy strategy = Strategy::kPadToMax;
  // Why there is no description: nothing fits these sizes, no sizes the target, no plan the memory.
  absl::Status refused;
  PlanDescription description;
  std::optional<SizeChoice> choice;  // how its sizes came about, if there was a target
  // Of all nodes, and of all edges: the share that is in batches beyond their sizes. Unless they
  // are trimmed such batches are errors.
  double cut_nodes = 0;
  double cut_edges = 0;
  // Nobody knows what is cut: where nothing can be trimmed beside a column, or rows that are not
  // trimmed may be too many. Not recommended.
  bool cut_unknown = false;

  int64_t epoch_bytes = 0;  // slabs of the epoch's batches
};

struct PlanComparison {
  std::vector<StrategyPlan> plans;  // pad_to_max, stream_pack, pack
  // That with the fewest bytes for each graph, of those that deliver the most graphs and cut
  // nothing. None if there is no such one.
  std::optional<Strategy> recommended;

  const StrategyPlan* Find(Strategy strategy) const;
};

// The epoch `options.start_epoch` by each strategy that pads whole graphs: with the sizes of
// `options`, or with those that are best for each strategy within `target`. An error only where
// none of the strategies has a plan: that of the strategy that `options` name.
absl::StatusOr<PlanComparison> ComparePlans(Client& client, const StreamOptions& options,
                                            const std::optional<SizeTarget>& target);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_PLAN_COMPARISON_H_
