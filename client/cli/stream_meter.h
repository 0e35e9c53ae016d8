#ifndef GRAPHFEED_CLIENT_CLI_STREAM_METER_H_
#define GRAPHFEED_CLIENT_CLI_STREAM_METER_H_

#include <cstdint>
#include <vector>

#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"

namespace graphfeed {

// What went by in one epoch.
struct EpochTotals {
  int64_t epoch = 0;
  int64_t frames = 0;
  int64_t null_frames = 0;
  int64_t repeated_frames = 0;
  int64_t batches = 0;  // with at least one real graph
  int64_t graphs = 0;
  int64_t seeds = 0;  // of sampled batches
  int64_t nodes = 0;
  int64_t edges = 0;
  int64_t trimmed_nodes = 0;
  int64_t trimmed_edges = 0;
  int64_t bytes = 0;
  // Mean over the batches of real / padded; 1 for plain batches.
  double node_efficiency = 1;
  double edge_efficiency = 1;
  std::vector<int64_t> graphs_per_batch;  // by batch
};

// Adds up frames of one epoch.
class StreamMeter {
 public:
  explicit StreamMeter(int64_t epoch) { totals_.epoch = epoch; }
  void Add(const Layout& layout, const FrameInfo& frame, int64_t slab_bytes);
  const EpochTotals& totals() const { return totals_; }

 private:
  EpochTotals totals_;
  double node_shares_ = 0;
  double edge_shares_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_STREAM_METER_H_
