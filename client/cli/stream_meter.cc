#include "client/cli/stream_meter.h"

#include "storage/base/arithmetic.h"

namespace graphfeed {
namespace {

double Share(int64_t real, int64_t padded) {
  return padded > 0 ? static_cast<double>(real) / static_cast<double>(padded) : 1;
}

}  // namespace

void StreamMeter::Add(const Layout& layout, const FrameInfo& frame, int64_t slab_bytes) {
  ++totals_.frames;
  totals_.bytes += slab_bytes;
  totals_.trimmed_nodes += Sum(frame.trimmed.nodes);
  totals_.trimmed_edges += Sum(frame.trimmed.edges);
  if (frame.repeat) ++totals_.repeated_frames;
  if (frame.null_frame) {
    ++totals_.null_frames;
    return;
  }
  const int64_t padded_nodes = layout.ragged ? 0 : Sum(layout.padded.nodes);
  const int64_t padded_edges = layout.ragged ? 0 : Sum(layout.padded.edges);
  for (const Counts& real : frame.real) {
    if (real.graphs == 0) continue;  // fills up the last frame
    const int64_t nodes = Sum(real.nodes);
    const int64_t edges = Sum(real.edges);
    ++totals_.batches;
    totals_.graphs += real.graphs;
    totals_.seeds += real.seeds;
    totals_.nodes += nodes;
    totals_.edges += edges;
    totals_.graphs_per_batch.push_back(real.graphs);
    node_shares_ += Share(nodes, padded_nodes);
    edge_shares_ += Share(edges, padded_edges);
  }
  if (totals_.batches > 0) {
    totals_.node_efficiency = node_shares_ / static_cast<double>(totals_.batches);
    totals_.edge_efficiency = edge_shares_ / static_cast<double>(totals_.batches);
  }
}

}  // namespace graphfeed
