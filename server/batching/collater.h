#ifndef GRAPHFEED_SERVER_BATCHING_COLLATER_H_
#define GRAPHFEED_SERVER_BATCHING_COLLATER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"
#include "server/batching/batch_tensors.h"
#include "server/batching/filler.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/tensor_blocks.h"
#include "storage/graph/feature_store.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// Turns a plan's entry into the bytes of a batch: asks for a slab, lets a Filler write what is the
// dataset's into it, tensor by tensor, and writes what follows from sizes alone: batch, ptr, masks,
// padding and gaps. Immutable and thread-safe: every call works on its own slab.
//
// A fixed-size batch holds the real graphs first, then always num_graphs - real padding graphs,
// over which the padding nodes and edges of every type are divided evenly (the first ones get one
// more). A padding edge is a self-loop on the first node of its own padding graph (edge type
// (s, r, d): from the graph's first node of type s to its first node of type d). A padding graph
// without a node there borrows the nearest earlier padding graph's first node of that type, so no
// edge ever touches a real node or leaves the range. A batch fits if all counts are within the
// limits, a padding graph is left where anything needs padding, and each endpoint type of an edge
// type that needs padding edges has a spare node; otherwise it is trimmed or refused.
class Collater {
 public:
  // `schema` and `spec` must outlive the collater. `filler` is the one of the spec's kind: a
  // GraphFiller, or a SampledFiller. `max_bytes` bounds a fixed-size slab (RESOURCE_EXHAUSTED,
  // before anything is allocated).
  static absl::StatusOr<std::unique_ptr<Collater>> Create(const Schema& schema,
                                                          const ResolvedSpec& spec,
                                                          int64_t max_bytes,
                                                          std::unique_ptr<const Filler> filler);

  const Layout& layout() const { return layout_; }

  // Makes the frame `ordinal` of the plan, or a null frame (all padding) of that position. Asks
  // `allocate` once for the slab's bytes (64-byte-aligned; nullptr is RESOURCE_EXHAUSTED) and
  // writes every byte of it, gaps included. `info` becomes counts and digest, graph ids are not
  // its business; what memory it has is used again, so that a thread that makes frame after frame
  // allocates nothing for them.
  // FAILED_PRECONDITION: the batch does not fit and may not be trimmed, naming graphs, sizes and
  // limit. RESOURCE_EXHAUSTED: a ragged frame exceeds `max_frame_bytes`.
  absl::Status Collate(const EpochPlan& plan, uint64_t seed, int64_t ordinal, bool null_frame,
                       FeatureStore& features, int64_t max_frame_bytes,
                       absl::FunctionRef<std::byte*(int64_t size)> allocate, FrameInfo& info) const;

 private:
  Collater(const Schema& schema, const ResolvedSpec& spec, Layout layout,
           std::unique_ptr<const Filler> filler);

  // Writes every byte of the slab; returns its digest.
  absl::StatusOr<uint64_t> Fill(const std::vector<TensorPlace>& places, int64_t slab_bytes,
                                std::byte* slab, Filler::Frame& frame) const;
  absl::Status FillTensor(const TensorBlocks& to, Filler::Frame& frame) const;

  const Schema& schema_;
  const ResolvedSpec& spec_;
  const Layout layout_;
  const std::vector<BatchTensor> tensors_;  // of the layout
  const std::unique_ptr<const Filler> filler_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_COLLATER_H_
