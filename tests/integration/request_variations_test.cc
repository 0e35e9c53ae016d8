// Thousands of variations of requests, from a seed: whatever comes, the server answers, soon, with
// a code that says whose fault it is, and holds nothing afterwards.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/messages.h"
#include "proto/wire/worker_messages.h"
#include "tests/integration/request_calls.h"
#include "tests/support/message_mutator.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using google::protobuf::Message;

// GRAPHFEED_VARIATIONS_SEED and GRAPHFEED_VARIATIONS make others, and more.
int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

class RequestVariationsTest : public testing::Test {
 protected:
  RequestVariationsTest()
      : server_([](ServerConfig& config) {
          config.memory_budget = 32 << 20;
          config.slab_memory = 64 << 20;
          config.plan_memory = 16 << 20;
          config.ingest_memory = 32 << 20;
          config.request_memory = 64 << 20;
          config.max_frame_bytes = 16 << 20;
        }),
        channel_(NewChannel(server_.endpoint())),
        stub_(channel_),
        mutator_(static_cast<uint64_t>(FromEnvironment("GRAPHFEED_VARIATIONS_SEED", 1))) {}

  void SetUp() override {
    const auto client = server_.NewClient();
    const auto molecules = IngestMolecules(*client, "molecules", 50);
    ASSERT_TRUE(molecules.ok()) << molecules.status();
    std::vector<int32_t> ends;
    for (int32_t node = 0; node < 100; ++node) {
      for (const int32_t step : {1, 7, 30}) ends.insert(ends.end(), {(node + step) % 100, node});
    }
    const auto stub = v1::GraphFeed::NewStub(channel_);
    const absl::Status ring = SendIngest(*stub, EdgesOnly("ring", 100, ends));
    ASSERT_TRUE(ring.ok()) << ring;
  }

  // What would be right.
  v1::BatchSpec Spec() {
    v1::BatchSpec spec = PlainSpec(8);
    switch (mutator_.Number(3)) {
      case 0:
        break;
      case 1:
        spec.set_strategy(v1::PAD_TO_MAX);
        spec.mutable_options()->add_num_nodes()->set_count(100);
        spec.mutable_options()->add_num_edges()->set_count(300);
        spec.mutable_options()->set_num_graphs(8);
        break;
      default:
        spec.set_strategy(v1::STREAM_PACK);
        spec.set_shuffle(true);
    }
    return spec;
  }
  v1::BatchSpec SampledSpec() {
    v1::BatchSpec spec;
    spec.set_strategy(v1::NEIGHBOR);
    spec.set_batch_size(5);
    spec.set_sample_limit(3);
    v1::Sampling::Fanout& fanout = *spec.mutable_sampling()->add_num_neighbors();
    fanout.add_num_neighbors(2);
    fanout.add_num_neighbors(1);
    if (mutator_.Number(2) == 0) {
      spec.mutable_sampling()->mutable_links()->set_negative_mode(v1::Sampling::Links::BINARY);
    }
    return spec;
  }
  template <typename Request>
  Request OfSpec() {
    Request request;
    const bool sampled = mutator_.Number(2) == 0;
    request.set_dataset(sampled ? "ring" : "molecules");
    request.set_seed(1);
    *request.mutable_spec() = sampled ? SampledSpec() : Spec();
    return request;
  }
  std::unique_ptr<Message> Request(const std::string& method) {
    if (method == "ListDatasets") return std::make_unique<v1::ListDatasetsRequest>();
    if (method == "GetDataset") {
      auto request = std::make_unique<v1::GetDatasetRequest>();
      request->set_dataset("molecules@1");
      return request;
    }
    if (method == "DeleteVersion") {
      auto request = std::make_unique<v1::DeleteVersionRequest>();
      request->set_name("nobody");
      request->set_version(1);
      return request;
    }
    if (method == "EstimateOptions") {
      auto request = std::make_unique<v1::EstimateOptionsRequest>();
      request->set_dataset("molecules");
      request->set_batch_size(8);
      if (mutator_.Number(2) == 0) {
        *request = v1::EstimateOptionsRequest();
        request->set_dataset("ring");
        request->set_sample_limit(3);
        *request->mutable_spec() = SampledSpec();
      }
      return request;
    }
    if (method == "CreateSnapshot") {
      auto request = std::make_unique<v1::CreateSnapshotRequest>();
      request->set_name("monday");
      return request;
    }
    if (method == "ReportWorkerMetrics") {
      auto request = std::make_unique<v1::ReportWorkerMetricsRequest>();
      *request->mutable_report() = wire::ToProto(FullReport());
      request->set_last_taken(1);
      return request;
    }
    if (method == "ListWorkers") return std::make_unique<v1::ListWorkersRequest>();
    if (method == "ExportVersion") {
      auto request = std::make_unique<v1::ExportVersionRequest>();
      request->set_dataset("ring");
      return request;
    }
    if (method == "PartitionDataset") {
      auto request = std::make_unique<v1::PartitionDatasetRequest>();
      request->set_dataset("ring");
      request->set_num_parts(101);  // too many: what is right is made elsewhere
      return request;
    }
    if (method == "DescribePlan") {
      return std::make_unique<v1::DescribePlanRequest>(OfSpec<v1::DescribePlanRequest>());
    }
    if (method == "GetBatch") {
      return std::make_unique<v1::GetBatchRequest>(OfSpec<v1::GetBatchRequest>());
    }
    auto request = OfSpec<v1::StreamBatchesRequest>();
    request.set_num_epochs(1);
    return std::make_unique<v1::StreamBatchesRequest>(std::move(request));
  }

  // Sends messages as they are, reads whatever comes, up to `max_answers`.
  absl::Status Call(const std::string& method, const std::vector<std::string>& messages,
                    int max_answers = 50) {
    grpc::ClientContext context;
    context.set_deadline(After(5));
    grpc::CompletionQueue queue;
    const auto call = stub_.PrepareCall(&context, "/graphfeed.v1.GraphFeed/" + method, &queue);
    void* tag;
    bool ok;
    call->StartCall(nullptr);
    (void)queue.Next(&tag, &ok);
    for (const std::string& message : messages) {
      const grpc::Slice slice(message);
      call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
      (void)queue.Next(&tag, &ok);
      if (!ok) break;
    }
    call->WritesDone(nullptr);
    (void)queue.Next(&tag, &ok);
    for (int i = 0;; ++i) {
      grpc::ByteBuffer answer;
      call->Read(&answer, nullptr);
      (void)queue.Next(&tag, &ok);
      if (!ok) break;
      if (i >= max_answers) context.TryCancel();
    }
    grpc::Status status;
    call->Finish(&status, nullptr);
    (void)queue.Next(&tag, &ok);
    queue.Shutdown();
    return ToStatus(status);
  }

  void Expect(const std::string& method, const absl::Status& status, int64_t number) {
    ++codes_[{method, status.code()}];
    switch (status.code()) {
      case absl::StatusCode::kOk:
      case absl::StatusCode::kCancelled:  // by us, after enough answers
        return;
      case absl::StatusCode::kInvalidArgument:
      case absl::StatusCode::kNotFound:
      case absl::StatusCode::kFailedPrecondition:
      case absl::StatusCode::kResourceExhausted:
      case absl::StatusCode::kAlreadyExists:
      case absl::StatusCode::kDataLoss:  // a commit of another number, a copy that differs
        EXPECT_FALSE(status.message().empty()) << method << " " << number;
        return;
      default:
        ADD_FAILURE() << method << ", variation " << number << ": " << status;
    }
  }

  TestServer server_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  MessageMutator mutator_;
  std::map<std::pair<std::string, absl::StatusCode>, int> codes_;
};

TEST_F(RequestVariationsTest, EveryVariationIsAnsweredAndNothingStays) {
  const std::vector<std::string> methods = {
      "ListDatasets", "GetDataset",    "DeleteVersion",  "EstimateOptions", "DescribePlan",
      "GetBatch",     "StreamBatches", "CreateSnapshot", "ExportVersion",   "PartitionDataset",
      "GetBatch",     "StreamBatches", "DescribePlan",   "ListWorkers",     "ReportWorkerMetrics"};
  const int64_t count = FromEnvironment("GRAPHFEED_VARIATIONS", 8000);
  for (int64_t i = 0; i < count && !HasFailure(); ++i) {
    const std::string& method =
        methods[static_cast<size_t>(mutator_.Number(static_cast<int64_t>(methods.size())))];
    const std::unique_ptr<Message> request = Request(method);
    if (mutator_.Number(20) > 0) mutator_.Mutate(*request);
    std::string bytes = request->SerializeAsString();
    if (mutator_.Number(4) == 0) bytes = mutator_.MutateBytes(std::move(bytes));
    Expect(method, Call(method, {bytes}), i);
  }
  for (int64_t i = 0; i < count * 3 / 8 && !HasFailure(); ++i) {
    std::vector<v1::IngestRequest> messages;
    if (mutator_.Number(2) == 0) {
      messages = EdgesOnly("variation", 5, {0, 1, 1, 2, 4, 3});
    } else {
      messages = TextGraphs("variation", 3, {"a", "b", "c"});
      messages[1].mutable_block()->Clear();
      *messages[1].mutable_block() = wire::ToProto(MoleculeBlock(3));
    }
    if (mutator_.Number(3) == 0)
      messages[0].mutable_begin()->add_transforms()->mutable_add_self_loops();
    if (mutator_.Number(20) > 0) {
      mutator_.Mutate(
          messages[static_cast<size_t>(mutator_.Number(static_cast<int64_t>(messages.size())))]);
    }
    std::vector<std::string> bytes;
    for (const v1::IngestRequest& message : messages) bytes.push_back(message.SerializeAsString());
    if (mutator_.Number(6) == 0) std::swap(bytes[0], bytes[bytes.size() / 2]);
    if (mutator_.Number(6) == 0) bytes.pop_back();
    if (mutator_.Number(6) == 0) bytes.push_back(bytes[0]);
    if (mutator_.Number(4) == 0) {
      std::string& any =
          bytes[static_cast<size_t>(mutator_.Number(static_cast<int64_t>(bytes.size())))];
      any = mutator_.MutateBytes(any);
    }
    Expect("Ingest", Call("Ingest", bytes), i);
  }
  for (const auto& [key, number] : codes_) {
    std::printf("%-16s %-20s %d\n", key.first.c_str(), absl::StatusCodeToString(key.second).c_str(),
                number);
  }
  const auto bytes = [&](const char* use) {
    return server_.Metric(absl::StrCat("graphfeed_memory_reserved_bytes{use=\"", use, "\"}"));
  };
  EXPECT_TRUE(Eventually([&] {
    return bytes("frames") == 0 && bytes("requests") == 0 && bytes("ingest") == 0 &&
           server_.Metric("graphfeed_open_streams") == 0;
  })) << bytes("frames")
      << ", " << bytes("requests") << ", " << bytes("ingest");
  EXPECT_LE(bytes("plans"), 16 << 20);
  EXPECT_TRUE(Call("GetBatch", {Request("GetBatch")->SerializeAsString()}).ok());
}

}  // namespace
}  // namespace graphfeed
