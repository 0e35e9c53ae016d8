#include "client/cli/stream_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphfeed {
namespace {

using testing::ElementsAre;

Counts MakeCounts(int64_t graphs, int64_t nodes, int64_t edges) {
  Counts counts;
  counts.graphs = graphs;
  counts.nodes = {nodes};
  counts.edges = {edges};
  return counts;
}

TEST(StreamMeterTest, EfficiencyIsTheMeanOverRealBatches) {
  Layout layout;
  layout.padded = MakeCounts(10, 100, 200);
  StreamMeter meter(4);
  FrameInfo frame;
  frame.real = {MakeCounts(9, 50, 200), MakeCounts(3, 100, 50)};
  frame.real[0].seeds = 5;
  frame.real[1].seeds = 2;
  frame.trimmed = MakeCounts(0, 7, 8);
  meter.Add(layout, frame, 1000);
  frame.real = {MakeCounts(1, 30, 20), MakeCounts(0, 0, 0)};  // the second one fills up
  frame.repeat = true;
  meter.Add(layout, frame, 1000);
  FrameInfo null;
  null.null_frame = true;
  null.real = {MakeCounts(0, 0, 0), MakeCounts(0, 0, 0)};
  meter.Add(layout, null, 1000);

  const EpochTotals& totals = meter.totals();
  EXPECT_EQ(totals.epoch, 4);
  EXPECT_EQ(totals.frames, 3);
  EXPECT_EQ(totals.null_frames, 1);
  EXPECT_EQ(totals.repeated_frames, 1);
  EXPECT_EQ(totals.batches, 3);
  EXPECT_EQ(totals.seeds, 7);
  EXPECT_EQ(totals.graphs, 13);
  EXPECT_EQ(totals.nodes, 180);
  EXPECT_EQ(totals.edges, 270);
  EXPECT_EQ(totals.trimmed_nodes, 14);
  EXPECT_EQ(totals.trimmed_edges, 16);
  EXPECT_EQ(totals.bytes, 3000);
  EXPECT_DOUBLE_EQ(totals.node_efficiency, (0.5 + 1 + 0.3) / 3);
  EXPECT_DOUBLE_EQ(totals.edge_efficiency, (1 + 0.25 + 0.1) / 3);
  EXPECT_THAT(totals.graphs_per_batch, ElementsAre(9, 3, 1));
}

TEST(StreamMeterTest, PlainBatchesHaveNoPadding) {
  Layout layout;
  layout.ragged = true;
  StreamMeter meter(0);
  FrameInfo frame;
  frame.real = {MakeCounts(4, 50, 0)};
  meter.Add(layout, frame, 10);
  EXPECT_EQ(meter.totals().node_efficiency, 1);
  EXPECT_EQ(meter.totals().edge_efficiency, 1);
}

}  // namespace
}  // namespace graphfeed
