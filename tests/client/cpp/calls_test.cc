// Long: each call of the client against one fake server.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/messages.h"
#include "tests/client/cpp/fake_server.h"
#include "tests/client/cpp/stream_messages.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

FakeServer::Script Answer(std::string answer) {
  return [answer = std::move(answer)](FakeCall& call) {
    call.Read();
    call.Write(answer);
    return absl::OkStatus();
  };
}

std::unique_ptr<Client> Connect(const FakeServer& server,
                                absl::Duration timeout = absl::Seconds(60),
                                std::function<bool()> interrupted = nullptr) {
  ClientOptions options;
  options.endpoints = {server.endpoint()};
  options.timeout = timeout;
  options.interrupted = std::move(interrupted);
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

v1::DatasetInfo EmptyDatasetMessage(const std::string& name) {
  DatasetInfo info;
  info.name = name;
  info.version = 3;
  info.schema = Schema::Homogeneous(true);
  info.num_graphs = 5;
  info.num_nodes = {50};
  info.num_edges = {90};
  info.node_sizes.resize(1);
  info.edge_sizes.resize(1);
  return wire::ToProto(info);
}

TEST(ClientTest, OptionsThatCannotBeAreRefused) {
  EXPECT_THAT(std::string(Client::Create({}).status().message()), HasSubstr("endpoints is empty"));
  ClientOptions options;
  options.endpoints = {"127.0.0.1:1"};
  options.max_frame_bytes = int64_t{2} << 30;
  EXPECT_THAT(std::string(Client::Create(options).status().message()),
              HasSubstr("max_frame_bytes is 2147483648"));
  options.max_frame_bytes = 1;
  options.timeout = absl::ZeroDuration();
  EXPECT_THAT(std::string(Client::Create(options).status().message()), HasSubstr("timeout is 0"));
}

TEST(ClientTest, AProgramWithoutClientLocalSaysThatItServesNoFolders) {
  ClientOptions options;
  options.endpoints = {"local:/somewhere"};
  const absl::Status status = Client::Create(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not serve folders itself"));
}

TEST(ClientTest, ListsDatasets) {
  v1::ListDatasetsResponse response;
  *response.add_datasets() = EmptyDatasetMessage("mutag");
  *response.add_datasets() = EmptyDatasetMessage("qm9");
  const auto server = FakeServer::Start({{"ListDatasets", Answer(response.SerializeAsString())}});
  const auto datasets = Connect(*server)->ListDatasets();
  ASSERT_TRUE(datasets.ok()) << datasets.status();
  ASSERT_EQ(datasets->size(), 2u);
  EXPECT_EQ((*datasets)[1].name, "qm9");
  EXPECT_EQ((*datasets)[1].num_nodes, std::vector<int64_t>{50});
}

TEST(ClientTest, ErrorsCarryTheServersCodeAndMessage) {
  const auto server = FakeServer::Start({{"GetDataset", [](FakeCall& call) {
                                            v1::GetDatasetRequest request;
                                            EXPECT_TRUE(request.ParseFromString(*call.Read()));
                                            return absl::NotFoundError("no " + request.dataset());
                                          }}});
  EXPECT_EQ(Connect(*server)->GetDataset("mutag@9").status(), absl::NotFoundError("no mutag@9"));
}

TEST(ClientTest, AnswersThatCannotBeReadAreDataLoss) {
  v1::DatasetInfo info = EmptyDatasetMessage("mutag");
  info.set_fingerprint("short");
  const auto server = FakeServer::Start({{"GetDataset", Answer(info.SerializeAsString())}});
  const absl::Status status = Connect(*server)->GetDataset("mutag").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(ClientTest, DeletesTheVersionNamed) {
  v1::DeleteVersionRequest request;
  const auto server = FakeServer::Start({{"DeleteVersion", [&](FakeCall& call) {
                                            request.ParseFromString(*call.Read());
                                            call.Write("");
                                            return absl::OkStatus();
                                          }}});
  EXPECT_TRUE(Connect(*server)->DeleteVersion("mutag", 4).ok());
  EXPECT_EQ(request.name(), "mutag");
  EXPECT_EQ(request.version(), 4);
}

TEST(ClientTest, SizesOfSampledBatchesAreAskedForByTheirSpec) {
  v1::EstimateOptionsRequest request;
  SizeEstimate answer;
  answer.options.num_nodes = {{"movie", 66}};
  answer.trimmed_nodes = {0.25};
  answer.trimmed_edges = {0.5, 0};
  answer.trimmed_batches = 0.125;
  answer.num_samples = 86;
  const auto server = FakeServer::Start({{"EstimateOptions", [&](FakeCall& call) {
                                            request.ParseFromString(*call.Read());
                                            call.Write(wire::ToProto(answer).SerializeAsString());
                                            return absl::OkStatus();
                                          }}});
  SizeEstimateRequest estimate{.dataset = "imdb",
                               .spec = {},
                               .seed = ~uint64_t{0},
                               .epoch = 3,
                               .quantile = 0.999,
                               .sample_limit = 86};
  estimate.spec.strategy = Strategy::kNeighbor;
  estimate.spec.batch_size = 5;
  estimate.spec.options = FixedSizeOptions();
  estimate.spec.sampling = SamplingSpec();
  estimate.spec.sampling->num_neighbors[""] = {5, 5};
  const auto report = Connect(*server)->EstimateSizes(estimate);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(request.dataset(), "imdb");
  EXPECT_EQ(request.spec().strategy(), v1::NEIGHBOR);
  EXPECT_EQ(request.spec().batch_size(), 5);
  EXPECT_FALSE(request.spec().has_options()) << "they are what is asked for";
  ASSERT_EQ(request.spec().sampling().num_neighbors_size(), 1);
  EXPECT_EQ(request.spec().sampling().num_neighbors(0).num_neighbors_size(), 2);
  EXPECT_EQ(request.seed(), ~uint64_t{0});
  EXPECT_EQ(request.epoch(), 3);
  EXPECT_EQ(request.quantile(), 0.999);
  EXPECT_EQ(request.sample_limit(), 86);
  EXPECT_EQ(report->options.num_nodes, answer.options.num_nodes);
  EXPECT_EQ(report->trimmed_nodes, answer.trimmed_nodes);
  EXPECT_EQ(report->trimmed_edges, answer.trimmed_edges);
  EXPECT_EQ(report->trimmed_batches, 0.125);
  EXPECT_EQ(report->num_samples, 86);
}

TEST(ClientTest, AReportWhoseSharesAreNoSharesIsDataLoss) {
  v1::EstimateOptionsResponse response;
  response.add_trimmed_edges(2);
  const auto server =
      FakeServer::Start({{"EstimateOptions", Answer(response.SerializeAsString())}});
  const absl::Status status = Connect(*server)->EstimateSizes(SizeEstimateRequest()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST(ClientTest, PartitionsTheDatasetNamedHoweverLongItTakes) {
  v1::PartitionDatasetRequest request;
  absl::Notification started;
  absl::Notification later;
  const auto server =
      FakeServer::Start({{"PartitionDataset",
                          [&](FakeCall& call) {
                            request.ParseFromString(*call.Read());
                            started.Notify();
                            later.WaitForNotification();
                            call.Write(EmptyDatasetMessage("arxiv").SerializeAsString());
                            return absl::OkStatus();
                          }},
                         {"ListDatasets", [](FakeCall& call) {
                            call.WaitUntilCancelled();
                            return absl::OkStatus();
                          }}});
  const auto client = Connect(*server, absl::Milliseconds(50));
  absl::StatusOr<DatasetInfo> info = absl::UnknownError("not asked");
  std::thread partition([&] { info = client->Partition("arxiv@2", 100, 7, "cluster"); });
  started.WaitForNotification();
  // A call with a deadline that begins later is over before.
  EXPECT_EQ(client->ListDatasets().status().code(), absl::StatusCode::kDeadlineExceeded);
  later.Notify();
  partition.join();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 3);
  EXPECT_EQ(request.dataset(), "arxiv@2");
  EXPECT_EQ(request.num_parts(), 100);
  EXPECT_EQ(request.seed(), 7u);
  EXPECT_EQ(request.column(), "cluster");
}

TEST(ClientTest, CallsEndAtTheirTimeout) {
  const auto server = FakeServer::Start({{"ListDatasets", [](FakeCall& call) {
                                            call.WaitUntilCancelled();
                                            return absl::OkStatus();
                                          }}});
  const auto client = Connect(*server, absl::Milliseconds(50));
  EXPECT_EQ(client->ListDatasets().status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(ClientTest, AnInterruptedCallIsCancelled) {
  absl::Notification cancelled;
  const auto server = FakeServer::Start({{"ListDatasets", [&](FakeCall& call) {
                                            call.WaitUntilCancelled();
                                            cancelled.Notify();
                                            return absl::OkStatus();
                                          }}});
  std::atomic<int> asked = 0;
  const auto client = Connect(*server, absl::InfiniteDuration(), [&] { return ++asked == 2; });
  EXPECT_EQ(client->ListDatasets().status(), absl::CancelledError("interrupted"));
  cancelled.WaitForNotification();
}

v1::GetBatchResponse OneBatch() {
  StreamInfo info;
  info.dataset = "d@1";
  info.layout = SmallLayout();
  info.seed = 7;
  info.resolved_spec.batch_size = 2;
  const std::string payload = Payload(6, 192);
  v1::GetBatchResponse response;
  *response.mutable_header() = wire::ToProto(info);
  *response.mutable_frame() =
      wire::ToProto(MakeFrameInfo(2, 6, {.graphs = 1, .nodes = {3}, .edges = {2}}, payload));
  response.mutable_frame()->set_payload(payload);
  v1::StringColumn* names = response.add_strings();
  names->set_name("name");
  names->add_values("gdb_1");
  return response;
}

absl::StatusOr<GetBatchResult> GetBatch(const v1::GetBatchResponse& response) {
  const auto server = FakeServer::Start({{"GetBatch", Answer(response.SerializeAsString())}});
  StreamOptions options;
  options.dataset = "d";
  options.seed = 7;
  return Connect(*server)->GetBatch(options, 2, 6);
}

TEST(ClientTest, GetsOneBatch) {
  const absl::StatusOr<GetBatchResult> result = GetBatch(OneBatch());
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(std::memcmp(result->batch.data(), Payload(6, 192).data(), 192), 0);
  EXPECT_EQ(result->batch.info().ordinal, 6);
  ASSERT_EQ(result->strings.size(), 1u);
  EXPECT_EQ(result->strings[0].second, std::vector<std::string>{"gdb_1"});
}

TEST(ClientTest, ABatchOtherThanTheOneAskedForIsRefused) {
  v1::GetBatchResponse response = OneBatch();
  response.mutable_frame()->set_ordinal(5);
  EXPECT_EQ(GetBatch(response).status().code(), absl::StatusCode::kDataLoss);
  response = OneBatch();
  response.mutable_header()->set_seed(8);
  EXPECT_EQ(GetBatch(response).status().code(), absl::StatusCode::kDataLoss);
  response = OneBatch();
  (*response.mutable_frame()->mutable_payload())[100] ^= 1;
  EXPECT_EQ(GetBatch(response).status().code(), absl::StatusCode::kDataLoss);
  response = OneBatch();
  response.mutable_frame()->mutable_payload()->pop_back();
  EXPECT_EQ(GetBatch(response).status().code(), absl::StatusCode::kDataLoss);
}

// A collection of graphs with one node-level column of `row_bytes` bytes a row.
GraphBlock Block(std::vector<int64_t> sizes, int64_t row_bytes) {
  GraphBlock block;
  block.num_graphs = static_cast<int64_t>(sizes.size());
  int64_t rows = 0;
  for (const int64_t size : sizes) rows += size;
  block.num_nodes = {sizes};
  block.num_edges = {std::vector<int64_t>(sizes.size(), 0)};
  ColumnBlock& x = block.columns.emplace_back();
  x.name = "x";
  x.dtype = DType::kUint8;
  x.row_shape = {row_bytes};
  x.rows.assign(static_cast<size_t>(rows * row_bytes), 'x');
  x.sizes = std::move(sizes);
  return block;
}

IngestSpec Spec() {
  IngestSpec spec;
  spec.name = "d";
  spec.kinds["w"] = Level::kEdge;
  return spec;
}

class IngestTest : public ::testing::Test {
 protected:
  // Collects what comes and answers a commit.
  absl::Status Collect(FakeCall& call) {
    while (std::optional<std::string> message = call.Read()) {
      largest_message_ = std::max(largest_message_, message->size());
      v1::IngestRequest request;
      if (!request.ParseFromString(*message)) return absl::DataLossError("unreadable");
      requests_.push_back(std::move(request));
    }
    if (!requests_.empty() && requests_.back().has_commit()) {
      call.Write(EmptyDatasetMessage("d").SerializeAsString());
    }
    return absl::OkStatus();
  }

  size_t largest_message_ = 0;
  std::vector<v1::IngestRequest> requests_;
};

TEST_F(IngestTest, SendsDeclarationBlocksAndCommit) {
  const auto server =
      FakeServer::Start({{"Ingest", [&](FakeCall& call) { return Collect(call); }}});
  auto ingest = Connect(*server)->Ingest(Spec());
  ASSERT_TRUE(ingest.ok()) << ingest.status();
  // 12 MiB in one block, then a small one.
  ASSERT_TRUE((*ingest)->Append(Block({4 << 20, 5 << 20, 3 << 20}, 1)).ok());
  ASSERT_TRUE((*ingest)->Append(Block({1, 2}, 1)).ok());
  const absl::StatusOr<DatasetInfo> info = (*ingest)->Commit();
  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, 3);

  // Declaration, 4 MiB, 5 MiB, 3 MiB, the small one, commit.
  ASSERT_EQ(requests_.size(), 6u);
  EXPECT_EQ(requests_[0].begin().name(), "d");
  EXPECT_EQ(requests_[0].begin().kinds().at("w"), v1::EDGE);
  EXPECT_EQ(requests_[2].block().num_graphs(), 1);
  EXPECT_EQ(requests_[4].block().num_graphs(), 2);
  EXPECT_EQ(requests_[5].commit().num_graphs(), 5);
  EXPECT_LT(largest_message_, (5u << 20) + 1000);
}

TEST_F(IngestTest, TheServersReasonEndsIt) {
  const auto server = FakeServer::Start({{"Ingest", [&](FakeCall& call) {
                                            call.Read();
                                            call.Read();
                                            return absl::InvalidArgumentError("graph 1: no x");
                                          }}});
  auto ingest = Connect(*server)->Ingest(Spec());
  ASSERT_TRUE(ingest.ok()) << ingest.status();
  absl::Status status;
  while (status.ok()) status = (*ingest)->Append(Block({1, 2}, 1));
  EXPECT_EQ(status, absl::InvalidArgumentError("graph 1: no x"));
  EXPECT_EQ((*ingest)->Append(Block({1}, 1)), status);
  EXPECT_EQ((*ingest)->Commit().status(), status);
}

TEST_F(IngestTest, RefusalOfTheCommitIsReturned) {
  const auto server = FakeServer::Start({{"Ingest", [&](FakeCall& call) {
                                            while (call.Read()) {
                                            }
                                            return absl::FailedPreconditionError("w: ambiguous");
                                          }}});
  auto ingest = Connect(*server)->Ingest(Spec());
  ASSERT_TRUE(ingest.ok());
  ASSERT_TRUE((*ingest)->Append(Block({1}, 1)).ok());
  EXPECT_EQ((*ingest)->Commit().status(), absl::FailedPreconditionError("w: ambiguous"));
  EXPECT_EQ((*ingest)->Commit().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(IngestTest, DroppedWithoutCommitTheServerSeesNoCommit) {
  absl::Notification done;
  const auto server = FakeServer::Start({{"Ingest", [&](FakeCall& call) {
                                            (void)Collect(call);
                                            call.WaitUntilCancelled();
                                            done.Notify();
                                            return absl::OkStatus();
                                          }}});
  auto ingest = Connect(*server)->Ingest(Spec());
  ASSERT_TRUE(ingest.ok());
  ASSERT_TRUE((*ingest)->Append(Block({1}, 1)).ok());
  ingest->reset();
  done.WaitForNotification();
  for (const v1::IngestRequest& request : requests_) EXPECT_FALSE(request.has_commit());
}

TEST_F(IngestTest, ABlockThatCannotBeSentEndsIt) {
  const auto server =
      FakeServer::Start({{"Ingest", [&](FakeCall& call) { return Collect(call); }}});
  auto ingest = Connect(*server)->Ingest(Spec());
  ASSERT_TRUE(ingest.ok());
  GraphBlock block = Block({1, 2}, 1);
  block.columns[0].rows.pop_back();
  const absl::Status status = (*ingest)->Append(block);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ((*ingest)->Commit().status(), status);
}

TEST_F(IngestTest, AnInterruptionEndsIt) {
  std::atomic<bool> interrupted = false;
  const auto server = FakeServer::Start({{"Ingest", [&](FakeCall& call) {
                                            while (call.Read()) {
                                            }
                                            call.WaitUntilCancelled();
                                            return absl::OkStatus();
                                          }}});
  auto ingest = Connect(*server, absl::InfiniteDuration(), [&] {
                  return interrupted.load();
                })->Ingest(Spec());
  ASSERT_TRUE(ingest.ok());
  ASSERT_TRUE((*ingest)->Append(Block({1}, 1)).ok());
  interrupted = true;
  EXPECT_EQ((*ingest)->Commit().status(), absl::CancelledError("interrupted"));
}

}  // namespace
}  // namespace graphfeed
