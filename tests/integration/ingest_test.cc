// The Ingest call: whole or not at all.

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "graphfeed/v1/graphfeed.grpc.pb.h"
#include "grpcpp/create_channel.h"
#include "gtest/gtest.h"
#include "proto/wire/messages.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class IngestTest : public testing::Test {
 protected:
  IngestTest()
      : stub_(v1::GraphFeed::NewStub(
            grpc::CreateChannel(server_.endpoint(), grpc::InsecureChannelCredentials()))) {}

  // Sends the messages and half-closes.
  grpc::Status Send(const std::vector<v1::IngestRequest>& messages) {
    grpc::ClientContext context;
    v1::DatasetInfo info;
    auto writer = stub_->Ingest(&context, &info);
    for (const v1::IngestRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  static v1::IngestRequest Begin(const std::string& name) {
    v1::IngestRequest request;
    request.mutable_begin()->set_name(name);
    request.mutable_begin()->set_collection(true);
    return request;
  }
  static v1::IngestRequest Block(int64_t num_graphs) {
    v1::IngestRequest request;
    *request.mutable_block() = wire::ToProto(MoleculeBlock(num_graphs));
    return request;
  }
  static v1::IngestRequest Commit(int64_t num_graphs) {
    v1::IngestRequest request;
    request.mutable_commit()->set_num_graphs(num_graphs);
    return request;
  }

  std::vector<DatasetInfo> List() { return *server_.NewClient()->ListDatasets(); }

  // Nothing published, nothing kept.
  void ExpectNothing() {
    EXPECT_THAT(List(), IsEmpty());
    EXPECT_TRUE(Eventually([&] {
      return server_.Metric("graphfeed_open_ingests") == 0 &&
             server_.Metric("graphfeed_memory_used_bytes{use=\"ingest\"}") == 0;
    }));
  }

  TestServer server_;
  std::unique_ptr<v1::GraphFeed::Stub> stub_;
};

TEST_F(IngestTest, ACommitPublishes) {
  const grpc::Status status = Send({Begin("a"), Block(10), Block(7), Commit(17)});
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_THAT(List(), SizeIs(1));
  EXPECT_EQ(List()[0].num_graphs, 17);
  EXPECT_EQ(List()[0].version, 1);
}

TEST_F(IngestTest, AStreamThatEndsWithoutItsCommitLeavesNothing) {
  const grpc::Status status = Send({Begin("a"), Block(10)});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("without a commit"));
  ExpectNothing();
}

TEST_F(IngestTest, ACancelledStreamLeavesNothing) {
  {
    grpc::ClientContext context;
    v1::DatasetInfo info;
    auto writer = stub_->Ingest(&context, &info);
    ASSERT_TRUE(writer->Write(Begin("a")));
    ASSERT_TRUE(writer->Write(Block(10)));
    ASSERT_TRUE(Eventually([&] { return server_.Metric("graphfeed_open_ingests") == 1; }));
    context.TryCancel();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  ExpectNothing();
}

TEST_F(IngestTest, AnotherNumberOfGraphsIsDataLoss) {
  const grpc::Status status = Send({Begin("a"), Block(10), Commit(11)});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), HasSubstr("commit.num_graphs: 11; 10 have been received"));
  ExpectNothing();
}

TEST_F(IngestTest, MessagesOutOfOrderAreRefused) {
  const std::pair<std::vector<v1::IngestRequest>, std::string> cases[] = {
      {{}, "without a commit"},
      {{Block(3)}, "block: sent before begin"},
      {{Commit(0)}, "commit: sent before begin"},
      {{Begin("a"), Begin("b")}, "begin: sent twice"},
      {{Begin("a"), v1::IngestRequest()}, "part: not set"},
  };
  for (const auto& [messages, text] : cases) {
    const grpc::Status status = Send(messages);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << text;
    EXPECT_THAT(status.error_message(), HasSubstr(text));
  }
  ExpectNothing();
}

TEST_F(IngestTest, ABadBlockNamesGraphAndColumnAndDropsAll) {
  v1::IngestRequest bad = Block(5);
  // edge_index of the first graph points beyond its nodes.
  std::string& rows = *bad.mutable_block()->mutable_columns(1)->mutable_rows();
  rows[0] = 100;
  const grpc::Status status = Send({Begin("a"), Block(5), bad, Commit(10)});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("edge_index"));
  ExpectNothing();
}

TEST_F(IngestTest, ADeletedVersionIsGoneForNewStreamsAndStaysForOpenOnes) {
  ASSERT_TRUE(Send({Begin("a"), Block(50), Commit(50)}).ok());
  auto client = server_.NewClient();
  StreamOptions options;
  options.dataset = "a";
  options.spec.strategy = Strategy::kPlain;
  options.spec.batch_size = 5;
  options.num_epochs = 3;
  auto stream = client->StreamBatches(options);
  ASSERT_TRUE((*stream)->info().ok());
  ASSERT_TRUE(client->DeleteVersion("a", 1).ok());
  EXPECT_EQ(client->GetDataset("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client->DeleteVersion("a", 1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client->DeleteVersion("a", 0).code(), absl::StatusCode::kInvalidArgument);
  int batches = 0;
  while (true) {
    const auto batch = (*stream)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    if (!batch->has_value()) break;
    ++batches;
  }
  EXPECT_EQ(batches, 30);
}

TEST(IngestLimitTest, TheNumberOfIngestsIsLimited) {
  TestServer server([](ServerConfig& config) { config.max_ingests = 1; });
  auto client = server.NewClient();
  IngestSpec spec;
  spec.name = "a";
  auto first = client->Ingest(spec);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE((*first)->Append(MoleculeBlock(3)).ok());
  ASSERT_TRUE(Eventually([&] { return server.Metric("graphfeed_open_ingests") == 1; }));
  const auto second = IngestMolecules(*client, "b", 3);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("ingests: 1 are open; at most 1"));
  EXPECT_TRUE((*first)->Commit().ok());
}

}  // namespace
}  // namespace graphfeed
