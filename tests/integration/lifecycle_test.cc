// A server from its start to its end: health, reflection, metrics, drain.

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/client_unary_call.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/sync_stream.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

std::shared_ptr<grpc::Channel> Connect(const TestServer& server) {
  return grpc::CreateChannel(server.endpoint(), grpc::InsecureChannelCredentials());
}

grpc::ByteBuffer Buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  (void)buffer.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// grpc.health.v1.Health/Check, whose proto is not packaged: HealthCheckRequest { service = 1 },
// HealthCheckResponse { status = 1 }, SERVING = 1, NOT_SERVING = 2. The status, or -1 with an
// error.
int Health(grpc::Channel& channel, const std::string& service) {
  grpc::ClientContext context;
  std::string request;
  if (!service.empty()) {
    request = "\x0a" + std::string(1, static_cast<char>(service.size())) + service;
  }
  grpc::ByteBuffer response;
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      &channel, method, &context, Buffer(request), &response);
  if (!status.ok()) return -1;
  const std::string bytes = Text(response);
  return bytes.size() == 2 && bytes[0] == 0x08 ? bytes[1] : -2;
}

TEST(LifecycleTest, HealthAnswersForTheServerAndTheService) {
  TestServer server;
  const auto channel = Connect(server);
  EXPECT_EQ(Health(*channel, ""), 1);
  EXPECT_EQ(Health(*channel, "graphfeed.v1.GraphFeed"), 1);
  EXPECT_EQ(Health(*channel, "graphfeed.live"), 1);
  EXPECT_EQ(Health(*channel, "graphfeed.ready"), 1);
  EXPECT_EQ(Health(*channel, "graphfeed.in_sync"), 1);
  EXPECT_EQ(Health(*channel, "other"), -1);
}

TEST(LifecycleTest, ReflectionKnowsTheService) {
  TestServer server;
  const auto channel = Connect(server);
  // grpc.reflection.v1alpha: ServerReflectionRequest { list_services = 7 }.
  grpc::ClientContext context;
  const grpc::internal::RpcMethod method(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::internal::RpcMethod::BIDI_STREAMING);
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>> stream(
      grpc::internal::ClientReaderWriterFactory<grpc::ByteBuffer, grpc::ByteBuffer>::Create(
          channel.get(), method, &context));
  ASSERT_TRUE(stream->Write(Buffer(std::string("\x3a\x01*"))));
  grpc::ByteBuffer response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_THAT(Text(response), HasSubstr("graphfeed.v1.GraphFeed"));
  EXPECT_THAT(Text(response), HasSubstr("grpc.health.v1.Health"));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(LifecycleTest, MetricsCountWhatAStreamSent) {
  TestServer server([](ServerConfig& config) { config.metrics_listen = "127.0.0.1:0"; });
  EXPECT_GT(server.server().metrics_port(), 0);
  auto client = server.NewClient();
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 100).ok());
  StreamOptions options;
  options.dataset = "molecules";
  options.spec.strategy = Strategy::kStreamPack;
  options.spec.options = FixedSizeOptions{.num_nodes = {{"", 100}},
                                          .num_edges = {{"", 200}},
                                          .num_graphs = 10,
                                          .pad_graph_defaults = {}};
  int64_t frames = 0;
  int64_t graphs = 0;
  int64_t nodes = 0;
  int64_t edges = 0;
  int64_t bytes = 0;
  {
    auto stream = client->StreamBatches(options);
    ASSERT_TRUE(stream.ok());
    while (true) {
      const auto batch = (*stream)->Next();
      ASSERT_TRUE(batch.ok()) << batch.status();
      if (!batch->has_value()) break;
      ++frames;
      graphs += (*batch)->info().real[0].graphs;
      nodes += (*batch)->info().real[0].nodes[0];
      edges += (*batch)->info().real[0].edges[0];
      bytes += (*batch)->placement().slab_bytes;
    }
  }
  EXPECT_FALSE(client->GetDataset("none").ok());
  ASSERT_TRUE(Eventually([&] {
    return server.Metric("graphfeed_rpcs_total{code=\"OK\",method=\"StreamBatches\"}") == 1 &&
           server.Metric("graphfeed_rpcs_total{code=\"NOT_FOUND\",method=\"GetDataset\"}") == 1;
  }));
  auto packed = [&](const std::string& name) {
    return server.Metric(name + "{strategy=\"stream_pack\"}");
  };
  EXPECT_EQ(graphs, 100);
  EXPECT_EQ(packed("graphfeed_frames_sent_total"), frames);
  EXPECT_EQ(packed("graphfeed_batches_sent_total"), frames);
  EXPECT_EQ(packed("graphfeed_graphs_sent_total"), graphs);
  EXPECT_EQ(packed("graphfeed_sent_bytes_total"), bytes);
  EXPECT_EQ(packed("graphfeed_real_nodes_total"), nodes);
  EXPECT_EQ(packed("graphfeed_padding_nodes_total"), frames * 100 - nodes);
  EXPECT_EQ(packed("graphfeed_real_edges_total"), edges);
  EXPECT_EQ(packed("graphfeed_padding_edges_total"), frames * 200 - edges);
  EXPECT_EQ(packed("graphfeed_build_seconds_count"), frames);
  EXPECT_EQ(server.Metric("graphfeed_plan_seconds_count"), 1);
  EXPECT_EQ(server.Metric("graphfeed_open_streams"), 0);
  EXPECT_GT(server.Metric("graphfeed_stored_bytes"), 0);
  EXPECT_GT(server.Metric("graphfeed_chunk_misses_total"), 0);
  EXPECT_GT(server.Metric("graphfeed_memory_part_bytes{part=\"chunk_cache\"}"), 0);
  EXPECT_GT(server.Metric("graphfeed_memory_part_bytes{part=\"chunk_tables\"}"), 0);
  EXPECT_EQ(server.Metric("graphfeed_memory_limit_bytes{use=\"chunks\"}"), 64 << 20);
}

TEST(LifecycleTest, TheNextPackedEpochIsPlannedWhileTheLastOneIsStreamed) {
  TestServer server([](ServerConfig& config) { config.metrics_listen = "127.0.0.1:0"; });
  auto client = server.NewClient();
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 8000).ok());
  StreamOptions options;
  options.dataset = "molecules";
  options.spec.strategy = Strategy::kPack;
  options.spec.shuffle = true;
  options.spec.options = FixedSizeOptions{.num_nodes = {{"", 300}},
                                          .num_edges = {{"", 700}},
                                          .num_graphs = 16,
                                          .pad_graph_defaults = {}};
  options.seed = 3;
  auto stream = client->StreamBatches(options);
  ASSERT_TRUE(stream.ok());
  // A quarter of its frames and more, and those that are left are more than a connection holds: an
  // epoch that is over before anybody comes to plan the next one is not being streamed.
  for (int i = 0; i < 150; ++i) ASSERT_TRUE((*stream)->Next().ok());
  ASSERT_TRUE(Eventually([&] { return server.Metric("graphfeed_plan_seconds_count") == 2; }));
  options.start_epoch = 1;
  ASSERT_TRUE(client->DescribePlan(options).ok());
  EXPECT_EQ(server.Metric("graphfeed_plan_seconds_count"), 2);
}

TEST(LifecycleTest, ADrainLetsStreamsFinishTheirFrameAndRefusesNewCalls) {
  TestServer server;
  auto client = server.NewClient({.retry_timeout = absl::ZeroDuration()});
  ASSERT_TRUE(IngestMolecules(*client, "molecules", 100).ok());
  StreamOptions options;
  options.dataset = "molecules";
  options.spec.strategy = Strategy::kPlain;
  options.spec.batch_size = 1;
  options.num_epochs = 0;
  auto stream = client->StreamBatches(options);
  ASSERT_TRUE(stream.ok());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE((*stream)->Next().ok());

  // An ingest that stays open keeps the drain waiting, so that what comes meanwhile can be seen.
  IngestSpec spec;
  spec.name = "late";
  auto ingest = client->Ingest(spec);
  ASSERT_TRUE(ingest.ok());
  ASSERT_TRUE((*ingest)->Append(MoleculeBlock(3)).ok());
  ASSERT_TRUE(Eventually([&] { return server.Metric("graphfeed_open_ingests") == 1; }));
  const auto channel = Connect(server);
  EXPECT_EQ(Health(*channel, ""), 1);
  std::thread shutdown([&] { server.server().Shutdown(absl::Now() + absl::Seconds(60)); });

  absl::Status status;
  while (true) {
    const auto batch = (*stream)->Next();  // whole frames, then the reason
    status = batch.status();
    if (!status.ok()) break;
    ASSERT_TRUE(batch->has_value());
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("shutting down"));
  EXPECT_TRUE(Eventually([&] { return Health(*channel, "graphfeed.v1.GraphFeed") == 2; }));
  EXPECT_TRUE(Eventually([&] { return Health(*channel, "graphfeed.ready") == 2; }));
  EXPECT_EQ(Health(*channel, "graphfeed.live"), 1) << "it drains, and must not be restarted";
  EXPECT_EQ(client->ListDatasets().status().code(), absl::StatusCode::kUnavailable);
  auto refused = client->StreamBatches(options);
  EXPECT_EQ((*refused)->info().status().code(), absl::StatusCode::kUnavailable);

  EXPECT_TRUE((*ingest)->Commit().ok()) << "a running ingest may finish";
  shutdown.join();
  server.Restart();
  client = server.NewClient();
  EXPECT_TRUE(client->GetDataset("late").ok());
}

// What a call of any method, with empty messages, comes to.
grpc::Status CallEmpty(grpc::Channel& channel, const google::protobuf::MethodDescriptor& method) {
  const std::string path = "/" + method.service()->full_name() + "/" + std::string(method.name());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  grpc::ByteBuffer response;
  if (method.client_streaming()) {
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::CLIENT_STREAMING);
    std::unique_ptr<grpc::ClientWriter<grpc::ByteBuffer>> call(
        grpc::internal::ClientWriterFactory<grpc::ByteBuffer>::Create(&channel, rpc, &context,
                                                                      &response));
    return call->Finish();
  }
  if (method.server_streaming()) {
    const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::SERVER_STREAMING);
    std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> call(
        grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(&channel, rpc, &context,
                                                                      Buffer("")));
    return call->Finish();
  }
  const grpc::internal::RpcMethod rpc(path.c_str(), grpc::internal::RpcMethod::NORMAL_RPC);
  return grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      &channel, rpc, &context, Buffer(""), &response);
}

TEST(LifecycleTest, EveryMethodPassesTheGate) {
  TestServer server;
  const auto channel = Connect(server);
  auto client = server.NewClient();
  IngestSpec spec;
  spec.name = "late";
  auto ingest = client->Ingest(spec);  // keeps the drain waiting
  ASSERT_TRUE(ingest.ok());
  ASSERT_TRUE((*ingest)->Append(MoleculeBlock(3)).ok());
  ASSERT_TRUE(Eventually([&] { return server.Metric("graphfeed_open_ingests") == 1; }));
  std::thread shutdown([&] { server.server().Shutdown(absl::Now() + absl::Seconds(60)); });
  ASSERT_TRUE(Eventually([&] { return Health(*channel, "") == 2; }));

  const google::protobuf::ServiceDescriptor* service =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
          "graphfeed.v1.GraphFeed");
  ASSERT_NE(service, nullptr);
  ASSERT_GT(service->method_count(), 10);
  for (int i = 0; i < service->method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service->method(i);
    SCOPED_TRACE(method.full_name());
    const grpc::Status status = CallEmpty(*channel, method);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr("shutting down"));
    EXPECT_TRUE(Eventually([&] {
      return server.Metric("graphfeed_rpcs_total{code=\"UNAVAILABLE\",method=\"" +
                           std::string(method.name()) + "\"}") == 1;
    }));
  }
  EXPECT_TRUE((*ingest)->Commit().ok());
  shutdown.join();
}

TEST(LifecycleTest, BeyondTheDeadlineCallsAreCancelled) {
  TestServer server;
  auto client = server.NewClient();
  IngestSpec spec;
  spec.name = "never";
  auto ingest = client->Ingest(spec);
  ASSERT_TRUE(ingest.ok());
  ASSERT_TRUE((*ingest)->Append(MoleculeBlock(3)).ok());
  ASSERT_TRUE(Eventually([&] { return server.Metric("graphfeed_open_ingests") == 1; }));
  server.server().Shutdown(absl::Now() + absl::Milliseconds(50));
  EXPECT_FALSE((*ingest)->Commit().ok());
  server.Restart();
  EXPECT_TRUE(server.NewClient()->ListDatasets()->empty());
}

TEST(LifecycleTest, TwoServersCannotShareAPortOrAFolder) {
  TestServer server;
  ServerConfig config = server.config();
  config.data_dir += "_other";
  config.listen = server.endpoint();
  EXPECT_EQ(Server::Start(config).status().code(), absl::StatusCode::kUnavailable);
  config = server.config();
  EXPECT_EQ(Server::Start(config).status().code(), absl::StatusCode::kFailedPrecondition);
  config.data_dir = "";
  EXPECT_EQ(Server::Start(config).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace graphfeed
