#ifndef GRAPHFEED_PROTO_FRAME_STREAM_INFO_H_
#define GRAPHFEED_PROTO_FRAME_STREAM_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/frame/batch_spec.h"
#include "proto/frame/layout.h"
#include "proto/frame/named_enum.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// How a frame's slab travels. The slab that arrives is the same.
enum class Encoding : uint8_t {
  kDense = 0,
  kCompact = 1,  // without the padding, which the receiver writes itself (compact.h)
};

template <>
struct EnumTable<Encoding> {
  static constexpr EnumEntry<Encoding> kEntries[] = {{Encoding::kDense, "dense"},
                                                     {Encoding::kCompact, "compact"}};
};

// What is known of one frame besides its tensors.
struct FrameInfo {
  int64_t epoch = 0;
  int64_t ordinal = 0;
  std::vector<Counts> real;  // by micro-batch; a null batch has 0 graphs
  Counts trimmed;            // nodes and edges cut off, over all micro-batches
  bool null_frame = false;
  bool repeat = false;
  uint64_t digest = 0;  // XXH3-64 of the slab
  // If they were asked for: by micro-batch the numbers in the dataset version of its real graphs,
  // in the order in which they lie. Else empty.
  std::vector<std::vector<int64_t>> graph_ids = {};
};

// An epoch in numbers, known before its first frame.
struct PlanSummary {
  int64_t num_batches = 0;
  int64_t num_frames = 0;      // of k batches each, over all shards
  int64_t shard_frames = 0;    // of the asking shard; set by the server
  int64_t num_graphs = 0;      // delivered in an epoch; of sampled ones: seeds, edges, clusters
  int64_t skipped_graphs = 0;  // by OverSize::kSkip
  Counts real;                 // totals of an epoch, before trimming
  // Mean over batches of real / padded nodes, all types together; what will be trimmed is left
  // out. 1 when plain, 0 when sampled: not known before the batches are made.
  double node_efficiency = 1;
  double edge_efficiency = 1;
  // No packing needs fewer batches: the largest of graphs / num_graphs - 1, nodes / num_nodes,
  // edges / num_edges (each type, and all together) and the number of graphs that take more than
  // half a batch. Trimmed batches count graphs only; plain ones are what they are.
  int64_t lower_bound_batches = 0;
};

// Sizes of padded batches, and for sampled batches what they cost.
struct SizeEstimate {
  FixedSizeOptions options;
  // By type, which share of what the observed batches held would be trimmed; empty unless the
  // batches are sampled ones.
  std::vector<double> trimmed_nodes;
  std::vector<double> trimmed_edges;
  double trimmed_batches = 0;  // the share of batches that would be trimmed
  int64_t num_samples = 0;     // batches that were made
};

// What a stream says before its first frame.
struct StreamInfo {
  std::string dataset;  // "name@version"
  Fingerprint fingerprint{};
  Layout layout;
  BatchSpec resolved_spec;
  Fingerprint spec_digest{};
  uint64_t seed = 0;
  uint32_t prefetch = 0;          // effective
  uint32_t shared_places = 0;     // of memory that client and server share; 0: none
  int64_t max_age_ms = 0;         // after which the server ends it, behind a frame; 0: never
  bool passage_messages = false;  // what follows comes beside the call (proto/passage)
};

// What precedes the frames of each epoch.
struct EpochInfo {
  int64_t epoch = 0;
  PlanSummary plan;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_STREAM_INFO_H_
