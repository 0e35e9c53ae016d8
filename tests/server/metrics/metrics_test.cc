#include "server/metrics/metrics.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace graphfeed {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

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

TEST(MetricsTest, CountsWhatItIsTold) {
  Metrics metrics;
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
                                            .trimmed_edges = 4});
  metrics.GraphsSkipped(6);
  metrics.StreamWaited(/*for_client=*/true, milliseconds(1500));
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
           "graphfeed_plan_seconds_count 1",
           "graphfeed_estimate_seconds_count 1",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
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
