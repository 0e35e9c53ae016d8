#ifndef GRAPHFEED_SERVER_BATCHING_COLLATER_H_
#define GRAPHFEED_SERVER_BATCHING_COLLATER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"
#include "server/batching/plan.h"
#include "server/batching/resolved_spec.h"
#include "server/batching/sampled_batch.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Turns a plan's entry into the bytes of a batch. Immutable and thread-safe: every call works on
// its own slab.
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
  // The dataset's parts and the spec must outlive the collater. `sampler` makes the batches of a
  // sampled spec, which are one real graph each; null for others.
  // `max_bytes` bounds a fixed-size slab (RESOURCE_EXHAUSTED, before anything is allocated).
  static absl::StatusOr<std::unique_ptr<Collater>> Create(
      const DatasetInfo& dataset, const GraphOffsets& offsets, const ResolvedSpec& spec,
      int64_t max_bytes, std::unique_ptr<const BatchSampler> sampler = nullptr);

  const Layout& layout() const { return layout_; }

  // Makes the frame `ordinal` of the plan, or a null frame (all padding) of that position. Asks
  // `allocate` once for the slab's bytes (64-byte-aligned; nullptr is RESOURCE_EXHAUSTED) and
  // writes every byte of it, gaps included. Returns counts; the digest is left 0.
  // FAILED_PRECONDITION: the batch does not fit and may not be trimmed, naming graphs, sizes and
  // limit. RESOURCE_EXHAUSTED: a ragged frame exceeds `max_frame_bytes`.
  absl::StatusOr<FrameInfo> Collate(const EpochPlan& plan, uint64_t seed, int64_t ordinal,
                                    bool null_frame, FeatureStore& features,
                                    int64_t max_frame_bytes,
                                    absl::FunctionRef<std::byte*(int64_t size)> allocate) const;

  ~Collater();

 private:
  class Impl;
  Collater(Layout layout, std::unique_ptr<Impl> impl);

  Layout layout_;
  std::unique_ptr<Impl> impl_;
};

// The layout of batches of a resolved spec, without places when it is ragged. Order of tensors:
// homogeneous and fixed-size: x, edge_index, edge_attr, y, pos, then all others by name;
// homogeneous and plain: the columns in schema order, batch, ptr; heterogeneous: graph-level
// columns, graphs_mask, then each node type (columns, batch, ptr, nodes_mask) and each edge type
// (columns, edges_mask). Sampled ones have n_id behind each node type's columns, e_id behind each
// edge type's, and input_id and labels in the store of the seeds (batch_tensors.h); plain sampled
// ones have neither batch nor ptr. `max_bytes` bounds a fixed-size slab (RESOURCE_EXHAUSTED).
absl::StatusOr<Layout> MakeLayout(const Schema& schema, const ResolvedSpec& spec,
                                  int64_t max_bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_COLLATER_H_
