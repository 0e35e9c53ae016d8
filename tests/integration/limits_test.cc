// Memory stays bounded, whatever is asked for and however slow the reader is.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "proto/frame/slab.h"
#include "tests/storage/single_graphs.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// Fixed-size batches of about `nodes` times 16 bytes.
StreamOptions BigBatches(int64_t nodes) {
  StreamOptions options;
  options.dataset = "molecules";
  options.spec.strategy = Strategy::kPadToMax;
  options.spec.options = FixedSizeOptions{.num_nodes = {{"", nodes}},
                                          .num_edges = {{"", 300}},
                                          .num_graphs = 3,
                                          .pad_graph_defaults = {}};
  options.num_epochs = 0;
  return options;
}

absl::Status Refusal(Client& client, const StreamOptions& options) {
  auto stream = client.StreamBatches(options);
  return stream.ok() ? (*stream)->info().status() : stream.status();
}

class LimitsTest : public testing::Test {
 protected:
  void Start(const TestServer::Adjust& adjust) {
    server_ = std::make_unique<TestServer>(adjust);
    client_ = server_->NewClient();
    const auto info = IngestMolecules(*client_, "molecules", 100);
    ASSERT_TRUE(info.ok()) << info.status();
  }
  double Reserved() { return server_->Metric("graphfeed_memory_reserved_bytes{use=\"frames\"}"); }

  std::unique_ptr<TestServer> server_;
  std::unique_ptr<Client> client_;
};

TEST_F(LimitsTest, AbsurdSizesAreRefusedBeforeAnythingIsAllocated) {
  Start([](ServerConfig&) {});
  const int64_t before = SlabPool::TotalBytes();
  for (const int64_t nodes : {int64_t{1'000'000'000'000}, INT64_MAX}) {
    StreamOptions options = BigBatches(nodes);
    const absl::Status stream = Refusal(*client_, options);
    EXPECT_TRUE(stream.code() == absl::StatusCode::kResourceExhausted ||
                stream.code() == absl::StatusCode::kInvalidArgument)
        << stream;
    EXPECT_THAT(std::string(stream.message()), ContainsRegex("limit|2.40"));
    EXPECT_FALSE(client_->GetBatch(options, 0, 0).ok());
    EXPECT_FALSE(client_->DescribePlan(options).ok());
  }
  StreamOptions micro = BigBatches(100);
  micro.spec.micro_batches = INT64_MAX;
  EXPECT_FALSE(Refusal(*client_, micro).ok());
  StreamOptions graphs = BigBatches(100);
  graphs.spec.options->num_graphs = int64_t{1} << 50;
  EXPECT_FALSE(Refusal(*client_, graphs).ok());
  EXPECT_EQ(SlabPool::TotalBytes(), before);
  EXPECT_EQ(Reserved(), 0);
}

TEST_F(LimitsTest, ASlabOverTheRequestsOrTheServersLimitIsRefused) {
  Start([](ServerConfig& config) { config.max_frame_bytes = 8 << 20; });
  const absl::Status over_server = Refusal(*client_, BigBatches(1'000'000));
  EXPECT_EQ(over_server.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(over_server.message()), HasSubstr("8388608"));

  auto small = server_->NewClient({.max_frame_bytes = 1 << 20});
  const absl::Status over_request = Refusal(*small, BigBatches(100'000));
  EXPECT_EQ(over_request.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(over_request.message()), HasSubstr("1048576"));
  EXPECT_TRUE(Refusal(*client_, BigBatches(100'000)).ok());
}

TEST_F(LimitsTest, PrefetchIsClampedToFreeMemoryAndThenStreamsAreRefused) {
  Start([](ServerConfig& config) { config.slab_memory = 10 << 20; });
  StreamOptions options = BigBatches(100'000);  // about 2.4 MB with masks and batch
  options.prefetch = 3;
  auto first = client_->StreamBatches(options);
  ASSERT_TRUE(first.ok());
  const auto info = (*first)->info();
  ASSERT_TRUE(info.ok()) << info.status();
  const int64_t slab = (*info)->layout.slab_bytes;
  ASSERT_GT(slab, 2 << 20);
  EXPECT_EQ((*info)->prefetch, 3u);
  EXPECT_EQ(Reserved(), 3.0 * slab);

  auto second = client_->StreamBatches(options);
  ASSERT_TRUE(second.ok());
  ASSERT_TRUE((*second)->info().ok());
  EXPECT_EQ((*(*second)->info())->prefetch, 1u);

  const absl::Status third = Refusal(*client_, options);
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.message()), HasSubstr("slab memory"));
  EXPECT_THAT(std::string(third.message()), HasSubstr(std::to_string(slab)));

  first->reset();
  second->reset();
  EXPECT_TRUE(Eventually([&] { return Reserved() == 0; }));
  EXPECT_TRUE(Refusal(*client_, options).ok());
}

TEST_F(LimitsTest, TheNumberOfStreamsIsLimited) {
  Start([](ServerConfig& config) { config.max_streams = 2; });
  auto first = client_->StreamBatches(BigBatches(1000));
  auto second = client_->StreamBatches(BigBatches(1000));
  ASSERT_TRUE((*first)->info().ok());
  ASSERT_TRUE((*second)->info().ok());
  const absl::Status third = Refusal(*client_, BigBatches(1000));
  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.message()), HasSubstr("streams: 2 are open; at most 2"));
}

TEST_F(LimitsTest, RaggedStreamsReserveForTheirLargestFrame) {
  Start([](ServerConfig&) {});
  StreamOptions options;
  options.dataset = "molecules";
  options.spec.strategy = Strategy::kPlain;
  options.spec.batch_size = 10;
  options.prefetch = 2;
  options.num_epochs = 0;
  auto stream = client_->StreamBatches(options);
  ASSERT_TRUE((*stream)->info().ok()) << (*stream)->info().status();
  const double reserved = Reserved();
  EXPECT_LT(reserved, 1 << 20) << "far below max_frame_bytes";
  for (int i = 0; i < 50; ++i) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok() && batch->has_value()) << batch.status();
    EXPECT_LE((*batch)->placement().slab_bytes, reserved / 2);
  }
}

TEST_F(LimitsTest, EqualEstimatesAreMadeOnceHoweverManyAskAtOnce) {
  Start([](ServerConfig& config) {
    config.build_threads = 4;
    config.slab_memory = 1 << 20;
  });
  SingleGraph graph = HomogeneousGraph("ring", 1000, {});
  for (int64_t i = 0; i < 1000; ++i) graph.ends[0].push_back({i, (i + 1) % 1000});
  graph.spec.num_edges = {1000};
  auto ingest = client_->Ingest(graph.spec);
  ASSERT_TRUE(ingest.ok()) << ingest.status();
  for (GraphBlock& block : graph.Blocks()) ASSERT_TRUE((*ingest)->Append(std::move(block)).ok());
  ASSERT_TRUE((*ingest)->Commit().ok());

  SizeEstimateRequest request;
  request.dataset = "ring";
  request.spec.strategy = Strategy::kNeighbor;
  request.spec.batch_size = 10;
  request.spec.shuffle = true;
  request.spec.sampling.emplace().num_neighbors[""] = {1, 1};
  std::vector<absl::StatusOr<SizeEstimate>> reports(4, absl::UnknownError(""));
  std::vector<std::thread> threads;
  for (absl::StatusOr<SizeEstimate>& report : reports) {
    threads.emplace_back([&] { report = client_->EstimateSizes(request); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::StatusOr<SizeEstimate>& report : reports) {
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->options.num_nodes, reports[0]->options.num_nodes);
  }
  EXPECT_EQ(server_->Metric("graphfeed_estimate_seconds_count"), 1);
  EXPECT_EQ(Reserved(), 0);

  // It works in memory that streams leave free.
  StreamOptions large = BigBatches(30'000);
  large.prefetch = 1;
  auto stream = client_->StreamBatches(large);
  ASSERT_TRUE((*stream)->info().ok()) << (*stream)->info().status();
  request.spec.selection.kind = Selection::Kind::kIds;
  for (int64_t i = 0; i < 60'000; ++i) request.spec.selection.ids.push_back(i % 1000);
  EXPECT_EQ(client_->EstimateSizes(request).status().code(), absl::StatusCode::kResourceExhausted);
  stream->reset();
  ASSERT_TRUE(Eventually([&] { return Reserved() == 0; }));
  EXPECT_TRUE(client_->EstimateSizes(request).ok()) << "errors are not kept";
}

// Reads messages one by one, as slowly as the test likes.
class RawStream {
 public:
  RawStream(const std::string& endpoint, const v1::StreamBatchesRequest& request,
            std::optional<std::chrono::milliseconds> deadline = {}) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    // The window of an unread stream stays at its 64 KiB: nothing is under way that nobody asked
    // for, however large the messages before it were.
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    stub_ = v1::GraphFeed::NewStub(
        grpc::CreateCustomChannel(endpoint, grpc::InsecureChannelCredentials(), arguments));
    if (deadline) context_.set_deadline(std::chrono::system_clock::now() + *deadline);
    reader_ = stub_->StreamBatches(&context_, request);
  }
  ~RawStream() {
    context_.TryCancel();
    if (!finished_) (void)reader_->Finish();
  }

  bool Read(v1::StreamBatchesResponse& message) { return reader_->Read(&message); }
  grpc::Status Finish() {
    finished_ = true;
    return reader_->Finish();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<v1::GraphFeed::Stub> stub_;
  std::unique_ptr<grpc::ClientReader<v1::StreamBatchesResponse>> reader_;
  bool finished_ = false;
};

v1::StreamBatchesRequest BigRequest(int64_t nodes, uint32_t prefetch) {
  v1::StreamBatchesRequest request;
  request.set_dataset("molecules");
  request.set_seed(1);
  request.set_prefetch(prefetch);
  v1::BatchSpec& spec = *request.mutable_spec();
  spec.set_strategy(v1::PAD_TO_MAX);
  spec.mutable_options()->add_num_nodes()->set_count(nodes);
  spec.mutable_options()->add_num_edges()->set_count(300);
  spec.mutable_options()->set_num_graphs(3);
  return request;
}

TEST_F(LimitsTest, AStalledReaderHoldsNoMoreThanItsPrefetch) {
  Start([](ServerConfig&) {});
  const int64_t before = SlabPool::TotalBytes();
  constexpr uint32_t kPrefetch = 3;
  v1::StreamBatchesRequest request = BigRequest(400'000, kPrefetch);
  request.set_num_epochs(0);
  RawStream stream(server_->endpoint(), request);
  v1::StreamBatchesResponse message;
  ASSERT_TRUE(stream.Read(message));
  const int64_t slab = message.header().layout().slab_bytes();
  ASSERT_GT(slab, 8 << 20) << "larger than what the sockets hold";

  // Builds go on until the window is full, then stop: the queue is empty and nothing is built.
  const std::string built = "graphfeed_build_seconds_count{strategy=\"pad_to_max\"}";
  ASSERT_TRUE(Eventually([&] { return server_->Metric(built) >= kPrefetch; }));
  int64_t frames = 0;
  while (frames < 20) {
    EXPECT_LE(SlabPool::TotalBytes() - before, kPrefetch * slab) << "after " << frames;
    ASSERT_TRUE(stream.Read(message));
    if (message.has_frame()) ++frames;
  }
  EXPECT_LE(server_->Metric(built), 20 + kPrefetch + 1) << "built ahead of the reader";
  EXPECT_GT(server_->Metric("graphfeed_stream_wait_seconds_total{for=\"client\"}"), 0);
}

TEST_F(LimitsTest, AClientThatGoesFreesItsSlabsAndItsPlace) {
  Start([](ServerConfig&) {});
  const int64_t before = SlabPool::TotalBytes();
  for (int frames : {0, 1, 3}) {
    {
      RawStream stream(server_->endpoint(), BigRequest(400'000, 3));
      v1::StreamBatchesResponse message;
      int read = 0;
      while (read < frames && stream.Read(message)) read += message.has_frame() ? 1 : 0;
      EXPECT_EQ(read, frames);
    }
    EXPECT_TRUE(Eventually([&] {
      return SlabPool::TotalBytes() <= before && Reserved() == 0 &&
             server_->Metric("graphfeed_open_streams") == 0;
    })) << frames
        << " frames: " << SlabPool::TotalBytes() - before << " bytes of slabs, " << Reserved()
        << " reserved";
  }
}

TEST_F(LimitsTest, ADeadlineEndsAStreamAndFreesIt) {
  Start([](ServerConfig&) {});
  const int64_t before = SlabPool::TotalBytes();
  v1::StreamBatchesRequest request = BigRequest(400'000, 2);
  request.set_num_epochs(0);
  RawStream stream(server_->endpoint(), request, std::chrono::milliseconds(300));
  v1::StreamBatchesResponse message;
  while (stream.Read(message)) {
  }
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(Eventually([&] { return SlabPool::TotalBytes() <= before && Reserved() == 0; }));
}

TEST_F(LimitsTest, MalformedRequestsAreInvalid) {
  Start([](ServerConfig&) {});
  v1::StreamBatchesRequest request = BigRequest(1000, 1);
  request.clear_seed();
  RawStream stream(server_->endpoint(), request);
  v1::StreamBatchesResponse message;
  EXPECT_FALSE(stream.Read(message));
  const grpc::Status status = stream.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("seed: not set"));
}

}  // namespace
}  // namespace graphfeed
