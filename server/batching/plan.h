#ifndef GRAPHFEED_SERVER_BATCHING_PLAN_H_
#define GRAPHFEED_SERVER_BATCHING_PLAN_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/shard.h"
#include "proto/frame/stream_info.h"
#include "server/batching/random.h"
#include "server/batching/resolved_spec.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Which graphs make up each batch of one epoch. Immutable; shared by all streams of the same
// (dataset, spec, seed, epoch). Padded and plain plans take O(1) memory, packed ones 8 bytes a
// graph and a batch, all of them the lists of their spec (memory_bytes).
class EpochPlan {
 public:
  // FAILED_PRECONDITION when a batch cannot fit and the strategy is Error: which graph, its size,
  // the limit ("graph 17 has 66 edges; a batch holds 59 (num_edges 60, one kept for padding)").
  // `spec` and `offsets` must outlive the plan.
  static absl::StatusOr<std::unique_ptr<EpochPlan>> Create(const ResolvedSpec& spec,
                                                           const GraphOffsets& offsets,
                                                           uint64_t seed, int64_t epoch);

  int64_t epoch() const { return epoch_; }
  int64_t num_batches() const { return summary_.num_batches; }
  int64_t num_frames() const { return summary_.num_frames; }
  const PlanSummary& summary() const { return summary_; }
  int64_t memory_bytes() const;

  // Replaces `graphs` by the real graphs of a batch, in order. Batches from num_batches() to the
  // end of the last frame are null: no graphs. Thread-safe.
  void GraphsOf(int64_t batch, std::vector<int64_t>& graphs) const;

  // The same for what sampled batches select, as positions in the selection: PyG's input_id.
  void PositionsOf(int64_t batch, std::vector<int64_t>& positions) const;

  // Entry i: number of batches with i real graphs.
  std::vector<int64_t> GraphsPerBatch() const;
  // Of that: 8 for each graph of the largest batch, and 8.
  int64_t histogram_bytes() const;

  ~EpochPlan();

 private:
  EpochPlan(const ResolvedSpec& spec, const GraphOffsets& offsets, uint64_t seed, int64_t epoch);

  // Positions in the selection of places in the epoch's order, and what is there.
  void PositionsAt(int64_t begin, absl::Span<int64_t> positions) const;
  void GraphsAt(int64_t begin, absl::Span<int64_t> graphs) const;
  // The places of a batch in the epoch's order, or in graphs_ if that holds them.
  void PlacesOf(int64_t batch, int64_t& begin, int64_t& end) const;
  // The next kGraphsAtOnce of the epoch's order. Fails if nobody waits for the plan any more.
  absl::Status NextGraphs(int64_t position, std::vector<int64_t>& graphs) const;
  absl::Status PlanCuts();
  absl::Status PackInOrder();
  absl::Status PackLookingAhead(uint64_t seed);
  absl::Status Summarize();
  absl::Status SummarizeFill();
  int64_t NumLargeGraphs() const;
  int64_t LargestBatch() const;  // how many graphs it has

  const ResolvedSpec& spec_;
  const GraphOffsets& offsets_;
  const int64_t epoch_;
  const int64_t num_selected_;
  KeyedPermutation order_;
  // Packed and explicit batches: batch b is graphs_[starts_[b] .. starts_[b + 1]); explicit
  // batches leave graphs_ empty and read the order. Empty for batches of one size.
  std::vector<int64_t> graphs_;
  std::vector<int64_t> starts_;
  PlanSummary summary_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_PLAN_H_
