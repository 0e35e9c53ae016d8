// What requests make a server hold stays within the sum that docs/operations.md gives, and an
// allocation that fails is an error of the request. Against the program, whose memory is looked at
// from outside.

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/messages.h"
#include "tests/integration/request_calls.h"
#include "tests/support/server_program.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMiB = int64_t{1} << 20;
// As the documents have it: budgets, the process, what is still coming in.
constexpr int64_t kSumOfFlags = (32 + 64 + 16 + 64) * kMiB;
constexpr int64_t kProcess = 100 * kMiB;
constexpr int64_t kComingIn = (64 + 64 + 2 * 32) * kMiB;
constexpr int64_t kIngest = 32 * kMiB + 32 * kMiB;  // its memory, and a message

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value > 0x7f; value >>= 7) bytes += static_cast<char>((value & 0x7f) | 0x80);
  return bytes + static_cast<char>(value);
}

class RequestMemoryTest : public testing::Test {
 protected:
  void Start(const std::vector<std::string>& more = {}) {
    std::vector<std::string> flags = {"--memory-budget",  "32M", "--slab-memory",   "64M",
                                      "--plan-memory",    "16M", "--ingest-memory", "32M",
                                      "--request-memory", "64M", "--max-ingests",   "2"};
    flags.insert(flags.end(), more.begin(), more.end());
    server_ = std::make_unique<ServerProgram>(std::move(flags));
    stub_ = v1::GraphFeed::NewStub(NewChannel(server_->endpoint()));
    const absl::Status status = SendIngest(*stub_, TextGraphs("tiny", 100, {}));
    ASSERT_TRUE(status.ok()) << status;
  }
  void TearDown() override {
    EXPECT_TRUE(server_->Alive());
    grpc::ClientContext context;
    context.set_deadline(After(20));
    v1::ListDatasetsResponse response;
    EXPECT_TRUE(stub_->ListDatasets(&context, {}, &response).ok()) << "others are still answered";
    std::printf("peak: %ld MiB\n", static_cast<long>(server_->PeakResidentBytes() / kMiB));
    EXPECT_EQ(server_->Terminate(absl::Seconds(30)), 0);
  }
  // Asks in parallel, each on a connection of its own, and counts the codes.
  std::map<absl::StatusCode, int> AskAll(
      int calls, const std::function<absl::Status(int, v1::GraphFeed::Stub&)>& ask) {
    std::vector<absl::Status> answers(static_cast<size_t>(calls));
    std::vector<std::thread> threads;
    for (int i = 0; i < calls; ++i) {
      threads.emplace_back([&, i] {
        const auto stub = v1::GraphFeed::NewStub(NewChannel(server_->endpoint()));
        answers[static_cast<size_t>(i)] = ask(i, *stub);
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::map<absl::StatusCode, int> codes;
    for (const absl::Status& answer : answers) ++codes[answer.code()];
    return codes;
  }
  static v1::DescribePlanRequest PlanOf(size_t num_ids, uint64_t seed) {
    v1::DescribePlanRequest request;
    request.set_dataset("tiny");
    request.set_seed(seed);
    *request.mutable_spec() = PlainSpec(64);
    request.mutable_spec()->mutable_selection()->set_ids(std::string(num_ids, '\0'));
    return request;
  }
  int64_t Threads() const {
    std::ifstream file("/proc/" + std::to_string(server_->pid()) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.rfind("Threads:", 0) == 0) return std::stol(line.substr(8));
    }
    return -1;
  }

  std::unique_ptr<ServerProgram> server_;
  std::unique_ptr<v1::GraphFeed::Stub> stub_;
};

TEST_F(RequestMemoryTest, PlansCountTheListsThatTheyKeep) {
  Start();
  int answered = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    grpc::ClientContext context;
    v1::DescribePlanResponse response;
    const grpc::Status status = stub_->DescribePlan(&context, PlanOf(1 << 20, seed), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (status.ok()) ++answered;
  }
  EXPECT_EQ(answered, 40) << "the oldest plans make way";
  EXPECT_LT(server_->PeakResidentBytes(), kSumOfFlags + kProcess + kComingIn);
  // One list that is too long for the memory of plans.
  grpc::ClientContext context;
  v1::DescribePlanResponse response;
  EXPECT_EQ(stub_->DescribePlan(&context, PlanOf(4 << 20, 1), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(RequestMemoryTest, HistogramsAndChoicesOfSizesCountAsPlansDo) {
  Start();
  const auto describe = [&](int64_t batch_size) {
    v1::DescribePlanRequest request = PlanOf(1 << 20, 7);
    request.mutable_spec()->set_batch_size(batch_size);
    grpc::ClientContext context;
    v1::DescribePlanResponse response;
    return stub_->DescribePlan(&context, request, &response);
  };
  const auto choose = [&](size_t num_ids) {
    v1::EstimateOptionsRequest request;
    request.set_dataset("tiny");
    request.mutable_spec()->set_strategy(v1::PACK);
    request.mutable_spec()->mutable_selection()->set_ids(std::string(num_ids, '\0'));
    request.mutable_best()->set_num_nodes(64);
    grpc::ClientContext context;
    v1::EstimateOptionsResponse response;
    return stub_->EstimateOptions(&context, request, &response);
  };
  // One batch of a million graphs: a histogram of 8 MB, counted and in the answer.
  grpc::Status status = describe(1 << 20);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_THAT(status.error_message(),
              HasSubstr("plan memory: a histogram of graphs per batch needs 16777232 bytes"));
  status = describe(1 << 10);
  EXPECT_TRUE(status.ok()) << status.error_message();

  status = choose(1 << 20);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();
  EXPECT_THAT(status.error_message(), HasSubstr("plan memory: a choice of sizes needs "));
  status = choose(1 << 10);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(RequestMemoryTest, RequestsThatWaitAreBounded) {
  Start();
  auto codes = AskAll(40, [](int i, v1::GraphFeed::Stub& stub) {
    grpc::ClientContext context;
    v1::DescribePlanResponse response;
    return ToStatus(
        stub.DescribePlan(&context, PlanOf(16 << 20, static_cast<uint64_t>(i)), &response));
  });
  // Under pressure gRPC's quota closes a connection instead.
  EXPECT_EQ(codes[absl::StatusCode::kResourceExhausted] + codes[absl::StatusCode::kUnavailable],
            40);
  EXPECT_GT(codes[absl::StatusCode::kResourceExhausted], 0);
  EXPECT_LT(server_->PeakResidentBytes(), kSumOfFlags + kProcess + kComingIn);
}

TEST_F(RequestMemoryTest, RequestsOverTheLimitAreRefused) {
  Start();
  auto codes = AskAll(40, [](int, v1::GraphFeed::Stub& stub) {
    grpc::ClientContext context;
    v1::DescribePlanRequest request = PlanOf(15 << 20, 1);
    for (int i = 0; i < 45; ++i) request.mutable_spec()->add_exclude_keys(std::string(kMiB, 'k'));
    v1::DescribePlanResponse response;
    return ToStatus(stub.DescribePlan(&context, request, &response));
  });
  // gRPC ends a connection that sends on and on.
  EXPECT_EQ(codes[absl::StatusCode::kResourceExhausted] + codes[absl::StatusCode::kUnavailable], 40)
      << testing::PrintToString(codes);
  EXPECT_LT(server_->PeakResidentBytes(), kSumOfFlags + kProcess + kComingIn);
}

TEST_F(RequestMemoryTest, ElementsAreCountedBeforeTheyAreParsed) {
  Start();
  // 15 M empty texts: 30 MiB, and a GB when they are parsed.
  v1::DescribePlanRequest request = PlanOf(1, 1);
  std::string spec = request.spec().SerializeAsString();
  request.clear_spec();
  for (int i = 0; i < 15'000'000; ++i) spec.append("\x5a\x00", 2);  // exclude_keys
  const std::string bytes = request.SerializeAsString() + "\x12" + Varint(spec.size()) + spec;
  auto codes = AskAll(4, [&](int, v1::GraphFeed::Stub&) {
    grpc::GenericStub generic(NewChannel(server_->endpoint()));
    return CallBytes(generic, "/graphfeed.v1.GraphFeed/DescribePlan", bytes);
  });
  EXPECT_EQ(codes[absl::StatusCode::kResourceExhausted], 4);
  EXPECT_LT(server_->PeakResidentBytes(), kSumOfFlags + kProcess + kComingIn);
}

TEST_F(RequestMemoryTest, AnswersThatNobodyReadsStayReserved) {
  Start();
  std::vector<v1::IngestRequest> wide = TextGraphs("wide", 4, {});
  v1::ColumnBlock& column = *wide[1].mutable_block()->add_columns();
  column.set_name("x");
  column.set_dtype(v1::FLOAT32);
  column.add_row_shape(kMiB);
  column.set_rows(std::string(static_cast<size_t>(4 * 4 * kMiB), '\0'));
  const absl::Status ingested = SendIngest(*stub_, wide);
  ASSERT_TRUE(ingested.ok()) << ingested;

  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // windows stay small
  arguments.SetMaxReceiveMessageSize(-1);
  const auto stub = v1::GraphFeed::NewStub(grpc::CreateCustomChannel(
      server_->endpoint(), grpc::InsecureChannelCredentials(), arguments));
  v1::GetBatchRequest request;
  request.set_dataset("wide");
  request.set_seed(1);
  *request.mutable_spec() = PlainSpec(3);
  struct Call {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetBatchResponse>> reader;
    v1::GetBatchResponse response;
    grpc::Status status;
    bool refused = false;
  };
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 100; ++i) {
    Call& call = *calls.emplace_back(std::make_unique<Call>());
    call.reader = stub->PrepareAsyncGetBatch(&call.context, request, &queue);
    call.reader->StartCall();
    call.reader->ReadInitialMetadata(&call);  // and no more
  }
  void* tag;
  bool ok;
  for (size_t i = 0; i < calls.size(); ++i) ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_LT(server_->PeakResidentBytes(), kSumOfFlags + kProcess + kIngest);
  for (const auto& call : calls) call->reader->Finish(&call->response, &call->status, call.get());
  int answered = 0;
  int refused = 0;
  for (size_t i = 0; i < calls.size(); ++i) {
    ASSERT_TRUE(queue.Next(&tag, &ok));
    const grpc::Status& status = static_cast<Call*>(tag)->status;
    if (status.ok()) ++answered;
    if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++refused;
  }
  EXPECT_EQ(answered + refused, 100);
  EXPECT_GE(answered, 3) << "64 MiB hold five";
  EXPECT_LE(answered, 6);
  queue.Shutdown();
}

TEST_F(RequestMemoryTest, MessagesOfAnIngestAreMeasuredBeforeTheyAreParsed) {
  Start();
  // A list of 16 MiB of code, 128 MiB of ids.
  std::vector<v1::IngestRequest> messages = EdgesOnly("part", 1 << 24, {});
  messages[0].mutable_begin()->add_transforms()->mutable_subgraph()->add_nodes()->set_ids(
      std::string(size_t{16} << 20, '\2'));
  absl::Status status = SendIngest(*stub_, messages);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--ingest-memory is 33554432"));
  for (int i = 0; i < 8; ++i) {
    messages = TextGraphs("text", 1, {std::string(static_cast<size_t>(60 * kMiB), 's')});
    status = SendIngest(*stub_, messages);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  }
  EXPECT_LT(server_->PeakResidentBytes(), kSumOfFlags + kProcess + kIngest);
}

TEST_F(RequestMemoryTest, SilentIngestsGiveUpTheirPlaces) {
  Start({"--ingest-idle-timeout", "3s", "--metrics-listen", "127.0.0.1:0"});
  struct Silent {
    grpc::ClientContext context;
    v1::DatasetInfo answer;
    std::unique_ptr<grpc::ClientWriter<v1::IngestRequest>> writer;
  };
  std::vector<std::unique_ptr<Silent>> silent;
  for (int i = 0; i < 2; ++i) {
    Silent& ingest = *silent.emplace_back(std::make_unique<Silent>());
    ingest.writer = stub_->Ingest(&ingest.context, &ingest.answer);
    ingest.writer->Write(TextGraphs("silent", 1, {})[0]);
  }
  // Others come when both have their places.
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (server_->Metric("graphfeed_open_ingests") != 2) ASSERT_LT(absl::Now(), deadline);
  absl::Status status = absl::OkStatus();
  do {
    status = SendIngest(*stub_, TextGraphs("other", 1, {}));
    ASSERT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
  } while (!status.ok() && absl::Now() < deadline);
  EXPECT_TRUE(status.ok()) << status;
  for (const auto& ingest : silent) {
    status = ToStatus(ingest->writer->Finish());
    EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--ingest-idle-timeout"));
  }
}

TEST_F(RequestMemoryTest, IdleReflectionHoldsFewThreads) {
  Start();
  const int64_t before = Threads();
  grpc::GenericStub generic(NewChannel(server_->endpoint()));
  grpc::CompletionQueue queue;
  struct Stream {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call;
  };
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 300; ++i) {
    Stream& stream = *streams.emplace_back(std::make_unique<Stream>());
    stream.call = generic.PrepareCall(
        &stream.context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
    stream.call->StartCall(nullptr);
  }
  void* tag;
  bool ok;
  for (size_t i = 0; i < streams.size(); ++i) ASSERT_TRUE(queue.Next(&tag, &ok));
  absl::SleepFor(absl::Seconds(1));
  EXPECT_LT(Threads(), before + 32);
  for (const auto& stream : streams) stream->context.TryCancel();
  streams.clear();
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

// --- messages that are none
// ------------------------------------------------------------------------

TEST_F(RequestMemoryTest, MalformedBytesAreInvalidInEveryCall) {
  Start();
  grpc::GenericStub generic(NewChannel(server_->endpoint()));
  for (const char* method :
       {"ListDatasets", "GetDataset", "DeleteVersion", "EstimateOptions", "DescribePlan",
        "GetBatch", "PartitionDataset", "CreateSnapshot", "Ingest", "ExportVersion",
        "StreamBatches", "ReportWorkerMetrics", "ListWorkers"}) {
    for (const std::string bytes : {"\x0a\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
                                    "\x0b\x0b\x0b", "\x0a\x02\xc3\x28"}) {
      const absl::Status status =
          CallBytes(generic, std::string("/graphfeed.v1.GraphFeed/") + method, bytes);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument)
          << method << ": " << status << " for " << testing::PrintToString(bytes);
      EXPECT_FALSE(status.message().empty()) << method;
    }
  }
}

TEST_F(RequestMemoryTest, NothingMayFollowTheCommit) {
  Start();
  std::vector<v1::IngestRequest> messages = TextGraphs("late", 1, {});
  messages.push_back(messages[1]);
  const absl::Status status = SendIngest(*stub_, messages);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("after the commit"));
  grpc::ClientContext context;
  v1::GetDatasetRequest request;
  request.set_dataset("late");
  v1::DatasetInfo info;
  EXPECT_EQ(stub_->GetDataset(&context, request, &info).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace graphfeed
