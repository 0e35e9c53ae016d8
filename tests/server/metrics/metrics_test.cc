#include "server/metrics/metrics.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, EveryStrategyHasCountersOfItsOwn) {
  Metrics metrics;
  for (const auto& entry : EnumTable<Strategy>::kEntries) {
    metrics.FrameSent(entry.value, {.batches = 1, .bytes = 100 + static_cast<int>(entry.value)});
  }
  const std::string text = metrics.Text();
  for (const auto& entry : EnumTable<Strategy>::kEntries) {
    EXPECT_NE(text.find("graphfeed_sent_bytes_total{strategy=\"" + std::string(entry.name) +
                        "\"} " + std::to_string(100 + static_cast<int>(entry.value))),
              std::string::npos)
        << entry.name;
  }
}

TEST(MetricsTest, WhatWorkersSayIsCountedByFewLabels) {
  Metrics metrics;
  WorkerReport report = RunningReport("worker-a", 1, 10);
  metrics.WorkerAdvanced(report);
  report.worker = "worker-b";
  report.trains = false;
  report.runtime = "some-runtime";
  report.batches = {{"ok", 1}, {"odd", 2}, {"strange", 3}};
  report.device_errors = {{"of its own", 5}};
  metrics.WorkerAdvanced(report);
  const std::string text = metrics.Text();
  for (const char* line : {
           "graphfeed_worker_steps_total{phase=\"train\",runtime=\"torchscript\"} 10\n",
           "graphfeed_worker_samples_total{phase=\"train\",runtime=\"torchscript\"} 200\n",
           "graphfeed_worker_steps_total{phase=\"infer\",runtime=\"other\"} 10\n",
           "graphfeed_worker_batches_total{phase=\"train\",result=\"null\",runtime=\"torchscript\"}"
           " 1\n",
           "graphfeed_worker_batches_total{phase=\"infer\",result=\"other\",runtime=\"other\"} 5\n",
           "graphfeed_worker_nodes_total{kind=\"padding\",phase=\"train\",runtime=\"torchscript\"} "
           "1000\n",
           "graphfeed_worker_edges_total{kind=\"real\",phase=\"train\",runtime=\"torchscript\"} "
           "6000\n",
           "graphfeed_worker_host_stall_seconds_total{cause=\"data\",phase=\"train\",runtime="
           "\"torchscript\"} 0.1\n",
           "graphfeed_worker_host_stall_seconds_total{cause=\"device\",phase=\"train\",runtime="
           "\"torchscript\"} 0.2\n",
           "graphfeed_worker_stage_seconds_total{phase=\"train\",runtime=\"torchscript\",stage="
           "\"execute\"} 0.5\n",
           "graphfeed_worker_step_duration_seconds_count{phase=\"train\",runtime=\"torchscript\"} "
           "10\n",
           "graphfeed_worker_step_duration_seconds_sum{phase=\"train\",runtime=\"torchscript\"} "
           "0.5\n",
           "graphfeed_worker_step_duration_seconds_bucket{phase=\"train\",runtime=\"torchscript\","
           "le=\"0.025\"} 0\n",
           "graphfeed_worker_step_duration_seconds_bucket{phase=\"train\",runtime=\"torchscript\","
           "le=\"0.05\"} 10\n",
           "graphfeed_worker_loss_nonfinite_total{phase=\"train\",runtime=\"torchscript\"} 1\n",
           "graphfeed_worker_device_errors_total{class=\"recoverable_ipu_reset\",phase=\"train\","
           "runtime=\"torchscript\"} 1\n",
           "graphfeed_worker_device_errors_total{class=\"other\",phase=\"infer\",runtime=\"other\"}"
           " 5\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  for (const char* word : {"worker-a", "worker-b", "molecules", "gin.pt", "some-runtime", "odd"}) {
    EXPECT_THAT(text, Not(HasSubstr(word)));
  }
}

TEST(MetricsTest, CountsWhatItIsTold) {
  Metrics metrics({.methods = {{"GetBatch"}, {"StreamBatches", true}},
                   .version = "1.2.3",
                   .storage_format = 2});
  metrics.RpcDone("GetBatch", absl::StatusCode::kNotFound, milliseconds(5));
  metrics.RpcDone("GetBatch", absl::StatusCode::kNotFound, milliseconds(5));
  metrics.StreamsOpen(1);
  metrics.FrameBuilt(Strategy::kStreamPack, milliseconds(1));
  metrics.FrameSent(Strategy::kStreamPack, {.batches = 2,
                                            .graphs = 17,
                                            .bytes = 4096,
                                            .real_nodes = 300,
                                            .padding_nodes = 58,
                                            .real_edges = 700,
                                            .padding_edges = 90,
                                            .trimmed_nodes = 3,
                                            .trimmed_edges = 4,
                                            .padded = true});
  metrics.FrameSent(Strategy::kPlain, {.real_nodes = 5});
  metrics.RpcDone("StreamBatches", absl::StatusCode::kOk, milliseconds(5000));
  metrics.BytesSent("StreamBatches", 700);
  metrics.BytesReceived("GetBatch", 30);
  metrics.FirstFrameSent(milliseconds(30));
  metrics.GraphsSkipped(6);
  metrics.StreamSpent(Metrics::StreamTime::kForClient, milliseconds(1500));
  metrics.StreamSpent(Metrics::StreamTime::kOverlap, milliseconds(250));
  metrics.PlanMade(milliseconds(2));
  metrics.EstimateMade(milliseconds(3));

  const std::string text = metrics.Text();
  for (const char* line : {
           "graphfeed_rpcs_total{code=\"NOT_FOUND\",method=\"GetBatch\"} 2",
           "graphfeed_rpc_seconds_count{method=\"GetBatch\"} 2",
           "graphfeed_open_streams 1",
           "graphfeed_build_seconds_count{strategy=\"stream_pack\"} 1",
           "graphfeed_frames_sent_total{strategy=\"stream_pack\"} 1",
           "graphfeed_batches_sent_total{strategy=\"stream_pack\"} 2",
           "graphfeed_graphs_sent_total{strategy=\"stream_pack\"} 17",
           "graphfeed_sent_bytes_total{strategy=\"stream_pack\"} 4096",
           "graphfeed_real_nodes_total{strategy=\"stream_pack\"} 300",
           "graphfeed_padding_nodes_total{strategy=\"stream_pack\"} 58",
           "graphfeed_real_edges_total{strategy=\"stream_pack\"} 700",
           "graphfeed_padding_edges_total{strategy=\"stream_pack\"} 90",
           "graphfeed_trimmed_nodes_total{strategy=\"stream_pack\"} 3",
           "graphfeed_trimmed_edges_total{strategy=\"stream_pack\"} 4",
           "graphfeed_skipped_graphs_total 6",
           "graphfeed_stream_wait_seconds_total{for=\"client\"} 1.5",
           "graphfeed_stream_wait_seconds_total{for=\"build\"} 0",
           "graphfeed_stream_overlap_seconds_total 0.25",
           "graphfeed_build_info{storage_format=\"2\",version=\"1.2.3\"} 1",
           "graphfeed_rpcs_total{code=\"OK\",method=\"GetBatch\"} 0",
           "graphfeed_rpcs_total{code=\"UNAUTHENTICATED\",method=\"StreamBatches\"} 0",
           "graphfeed_stream_seconds_bucket{method=\"StreamBatches\",le=\"1\"} 0",
           "graphfeed_stream_seconds_bucket{method=\"StreamBatches\",le=\"10\"} 1",
           "graphfeed_rpc_sent_bytes_total{method=\"StreamBatches\"} 700",
           "graphfeed_rpc_sent_bytes_total{method=\"GetBatch\"} 0",
           "graphfeed_rpc_received_bytes_total{method=\"GetBatch\"} 30",
           "graphfeed_stream_first_frame_seconds_bucket{le=\"0.02\"} 0",
           "graphfeed_stream_first_frame_seconds_bucket{le=\"0.05\"} 1",
           // 300 of 358 nodes, 700 of 790 edges.
           "graphfeed_frame_fill_ratio_bucket{of=\"nodes\",strategy=\"stream_pack\",le=\"0.8\"} 0",
           "graphfeed_frame_fill_ratio_bucket{of=\"nodes\",strategy=\"stream_pack\",le=\"0.9\"} 1",
           "graphfeed_frame_fill_ratio_count{of=\"edges\",strategy=\"stream_pack\"} 1",
           "graphfeed_frame_fill_ratio_count{of=\"nodes\",strategy=\"plain\"} 0",
           "graphfeed_plan_seconds_count 1",
           "graphfeed_estimate_seconds_count 1",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, StreamsAreTimedApartAndStrangersAreNotCounted) {
  Metrics::Options options;
  options.methods = {{.name = "GetBatch"}, {.name = "StreamBatches", .streams = true}};
  Metrics metrics(options);
  metrics.RpcDone("NoMethod", absl::StatusCode::kOk, milliseconds(1));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, Not(HasSubstr("NoMethod")));
  EXPECT_THAT(text, Not(HasSubstr("graphfeed_rpc_seconds_count{method=\"StreamBatches\"}")));
  EXPECT_THAT(text, Not(HasSubstr("graphfeed_stream_seconds_count{method=\"GetBatch\"}")));
}

TEST(MetricsTest, ReadingsAreReadAtEachScrape) {
  Metrics metrics;
  int reads = 0;
  metrics.AddReadings([&reads]() -> std::vector<Metrics::Reading> {
    ++reads;
    return {{.name = "a_bytes",
             .help = "A.",
             .counter = false,
             .label = "use",
             .values = {{"x", 1.0 * reads}}},
            {.name = "b_total", .help = "B.", .counter = true, .label = "", .values = {{"", 5}}}};
  });
  EXPECT_THAT(metrics.Text(), HasSubstr("a_bytes{use=\"x\"} 1"));
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("a_bytes{use=\"x\"} 2"));
  EXPECT_THAT(text, HasSubstr("# TYPE a_bytes gauge"));
  EXPECT_THAT(text, HasSubstr("# TYPE b_total counter\nb_total 5"));
}

TEST(MetricsTest, AnAddressThatCannotBeHadIsAnError) {
  Metrics first;
  const auto port = first.Listen("127.0.0.1:0");
  ASSERT_TRUE(port.ok()) << port.status();
  EXPECT_GT(*port, 0);
  Metrics second;
  const auto taken = second.Listen("127.0.0.1:" + std::to_string(*port));
  EXPECT_EQ(taken.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(Metrics().Listen("nonsense").ok());
}

}  // namespace
}  // namespace graphfeed
