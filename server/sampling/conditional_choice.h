#ifndef GRAPHFEED_SERVER_SAMPLING_CONDITIONAL_CHOICE_H_
#define GRAPHFEED_SERVER_SAMPLING_CONDITIONAL_CHOICE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "proto/frame/batch_spec.h"
#include "server/sampling/draws.h"
#include "server/sampling/edge_limit.h"
#include "server/sampling/graph_view.h"
#include "server/sampling/row_reader.h"
#include "server/sampling/uniform_choice.h"
#include "server/sampling/weighted_choice.h"
#include "storage/graph/graph_store.h"

namespace graphfeed {

// Chooses among neighbours that must be looked at before: by their times, their edges' weights, or
// both (then by weight among those that are not too late). Costs what the degrees sum up to, where
// a choice by number alone costs what is taken. Thread-compatible; keeps its buffers.
class ConditionalChoice {
 public:
  // What decides. Columns are -1 where there are none.
  struct Question {
    int edge_type = 0;
    int time_column = -1;     // of the source type: only neighbours up to the node's limit
    bool edge_times = false;  // it is the edge type's, and it is the edges that have times
    int weight_column = -1;
    bool latest = false;  // of the allowed ones the latest `fan_out`; not with weights
    int64_t fan_out = 0;
    bool replace = false;
    int64_t max_edges = kMaxEdgePlaces;  // of the type, those chosen before included
  };

  // For each run i the chosen positions are appended to `positions`, and `first_target` + i as
  // often to `targets`. Draws are those at place i of `stream`. time_limits[i]: no neighbour of
  // run i is later; may be empty without time_column. FAILED_PRECONDITION names the edge whose
  // weight is negative or not finite; CheckEdgeLimit's error beyond `max_edges`.
  absl::Status Choose(const Question& question, const StreamDraws& stream, const GraphView& graph,
                      absl::Span<const InRun> runs, absl::Span<const int64_t> time_limits,
                      int32_t first_target, UniformChoice& uniform, std::vector<int64_t>& positions,
                      std::vector<int32_t>& targets);

 private:
  // Runs are looked at in groups of about so many edges, but never less than a whole run.
  static constexpr int64_t kGroupEdges = 1 << 16;

  // Fills candidates_ and ends_ (and times_, weights_) for a group of runs.
  absl::Status Look(const Question& question, const GraphView& graph, absl::Span<const InRun> runs,
                    absl::Span<const int64_t> time_limits);
  absl::Status ReadWeights(const Question& question, const GraphView& graph);
  // numbers_ = which of the candidates [first, last).
  void ChooseNumbers(const Question& question, const StreamDraws& stream, uint64_t place,
                     size_t first, size_t last, UniformChoice& uniform);
  void ChooseLatest(const Question& question, size_t first, size_t last);

  RowReader reader_;
  WeightedChoice weighted_;
  std::vector<int64_t> candidates_;  // positions, run after run
  std::vector<size_t> ends_;         // of the runs' candidates
  std::vector<int64_t> times_;       // of the candidates, with a time column
  std::vector<double> weights_;      // of the candidates, with a weight column
  std::vector<int64_t> ids_;         // sources or edge ids of the candidates
  std::vector<int64_t> numbers_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SAMPLING_CONDITIONAL_CHOICE_H_
