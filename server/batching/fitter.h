#ifndef GRAPHFEED_SERVER_BATCHING_FITTER_H_
#define GRAPHFEED_SERVER_BATCHING_FITTER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/batching/graph_batch.h"
#include "server/batching/random.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Decides whether a batch fits its limits, and trims it if it does not and the spec allows it.
//
// A batch fits if every count is within its limit, a padding graph is left if anything needs
// padding, and each end of an edge type that needs padding edges has a padding node, as does
// what padding rows of node ids point to.
//
// Trimming removes nodes until every type is within its limit, with the edges that lose an end;
// then, where edges still need padding and a type at their ends is exactly full, one node more of
// that type; then edges until every edge type is within its limit. Of each graph one node
// (edge) of each type, drawn at random, is protected; the others go in random order. Survivors keep
// their order. The draws come from the counters (batch, 2 t) for node type t and (batch, 2 r + 1)
// for edge type r, so they depend on nothing but seed, epoch and batch.
//
// Thread-safe.
class Fitter {
 public:
  // All must outlive the fitter.
  Fitter(const Schema& schema, const GraphOffsets& offsets, const ResolvedSpec& spec)
      : schema_(schema), offsets_(offsets), spec_(spec) {}

  // Leaves `batch` fitting, its survivors and counts set where it was trimmed. FAILED_PRECONDITION
  // if it cannot be made to fit, naming batch, graphs, size and limit. Reads edges only to trim
  // nodes; DATA_LOSS for edges without ends.
  absl::Status Fit(const CounterRandom& random, FeatureStore& features, GraphBatch& batch) const;

 private:
  class Trimmer;

  absl::Status Check(const GraphBatch& batch) const;
  absl::Status CheckGraphs(const GraphBatch& batch) const;
  // Of columns of which graphs have different numbers of rows, which are never trimmed.
  absl::Status CheckRows(const GraphBatch& batch) const;
  absl::Status CheckRowPadding(const GraphBatch& batch) const;
  absl::Status Refuse(const GraphBatch& batch, absl::string_view why) const;
  std::string NodesOf(int type) const;  // "nodes", or "nodes of type movie"
  std::string EdgesOf(int type) const;

  const Schema& schema_;
  const GraphOffsets& offsets_;
  const ResolvedSpec& spec_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_FITTER_H_
