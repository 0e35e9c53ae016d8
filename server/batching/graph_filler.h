#ifndef GRAPHFEED_SERVER_BATCHING_GRAPH_FILLER_H_
#define GRAPHFEED_SERVER_BATCHING_GRAPH_FILLER_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "server/batching/filler.h"
#include "server/batching/fitter.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Frames of whole graphs of a collection: the plan's graphs, trimmed where they do not fit
// (Fitter), their rows copied graph by graph and node ids shifted.
class GraphFiller final : public Filler {
 public:
  // All must outlive the filler. `spec` is not sampled.
  GraphFiller(const Schema& schema, const GraphOffsets& offsets, const ResolvedSpec& spec);

  absl::StatusOr<Frame*> Start(const EpochPlan& plan, uint64_t seed, int64_t ordinal,
                               bool null_frame, FeatureStore& features) const override;

 private:
  class GraphFrame;

  const Schema& schema_;
  const GraphOffsets& offsets_;
  const ResolvedSpec& spec_;
  const Fitter fitter_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_GRAPH_FILLER_H_
