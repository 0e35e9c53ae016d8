// A client against a server that errs: answers in which one thing is wrong, and answers whose bytes
// were changed at random, from a seed. Whatever comes is an answer that is sound or an error that
// says whose fault it is; never an end of the process, and never a wait.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/messages.h"
#include "proto/wire/worker_messages.h"
#include "tests/client/cpp/fake_server.h"
#include "tests/client/cpp/stream_messages.h"
#include "tests/support/message_mutator.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

v1::DatasetInfo Dataset(const std::string& name) {
  DatasetInfo info;
  info.name = name;
  info.version = 3;
  info.schema = Schema::Homogeneous(true);
  info.schema.columns.push_back({.name = "x",
                                 .level = Level::kNode,
                                 .dtype = DType::kFloat32,
                                 .row_shape = {2},
                                 .index_types = {}});
  info.columns.resize(1);
  info.num_graphs = 5;
  info.num_nodes = {50};
  info.num_edges = {90};
  info.node_sizes.resize(1);
  info.edge_sizes.resize(1);
  return wire::ToProto(info);
}

// Reads all that a batch says that it has.
int64_t Touch(const Batch& batch) {
  int64_t sum = 0;
  for (const TensorPlace& place : batch.placement().places) {
    for (int64_t i = 0; i < place.size_bytes; ++i) {
      sum += static_cast<int64_t>(batch.data()[place.offset + i]);
    }
  }
  return sum;
}

class ErringServerTest : public ::testing::Test {
 protected:
  ErringServerTest() : mutator_(20261128) {
    std::map<std::string, FakeServer::Script> scripts;
    for (const char* method :
         {"ListDatasets", "GetDataset", "EstimateOptions", "DescribePlan", "GetBatch",
          "PartitionDataset", "CreateSnapshot", "DeleteVersion", "StreamBatches", "ExportVersion",
          "Ingest", "ListWorkers", "ReportWorkerMetrics"}) {
      scripts[method] = [this, method = std::string(method)](FakeCall& call) {
        call.Read();
        while (method == "Ingest" && call.Read().has_value()) {
        }
        std::vector<std::string> answers;
        {
          absl::MutexLock lock(&mu_);
          answers = answers_;
        }
        for (const std::string& answer : answers) {
          if (!call.Write(answer)) break;
        }
        return absl::OkStatus();
      };
    }
    server_ = FakeServer::Start(std::move(scripts));
    ClientOptions options;
    options.endpoints = {server_->endpoint()};
    options.timeout = absl::Seconds(10);
    options.retry_timeout = absl::ZeroDuration();
    options.max_frame_bytes = 1 << 20;
    absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
    EXPECT_TRUE(client.ok()) << client.status();
    client_ = *std::move(client);
  }

  static StreamOptions Options() {
    StreamOptions options;
    options.dataset = "d";
    options.seed = 7;
    return options;
  }

  absl::Status ReadStream(const StreamOptions& options) {
    absl::StatusOr<std::unique_ptr<BatchStream>> stream = client_->StreamBatches(options);
    if (!stream.ok()) return stream.status();
    for (int i = 0; i < 100; ++i) {
      absl::StatusOr<std::optional<Batch>> batch = (*stream)->Next();
      if (!batch.ok()) return batch.status();
      if (!batch->has_value()) return absl::OkStatus();
      touched_ += Touch(**batch);
    }
    return absl::OkStatus();
  }

  // Asks in the way of `method` and gives the answers to it.
  absl::Status Ask(const std::string& method, std::vector<std::string> answers) {
    {
      absl::MutexLock lock(&mu_);
      answers_ = std::move(answers);
    }
    if (method == "ListDatasets") return client_->ListDatasets().status();
    if (method == "GetDataset") return client_->GetDataset("d").status();
    if (method == "EstimateOptions") {
      SizeEstimateRequest request;
      request.dataset = "d";
      return client_->EstimateSizes(request).status();
    }
    if (method == "DescribePlan") return client_->DescribePlan(Options()).status();
    if (method == "GetBatch") {
      const absl::StatusOr<GetBatchResult> result = client_->GetBatch(Options(), 0, 0);
      if (result.ok()) touched_ += Touch(result->batch);
      return result.status();
    }
    if (method == "PartitionDataset") return client_->Partition("d", 2, 1, "parts").status();
    if (method == "CreateSnapshot") return client_->CreateSnapshot("monday").status();
    if (method == "ListWorkers") return client_->ListWorkers().status();
    if (method == "ReportWorkerMetrics") return client_->ReportWorker(FullReport());
    if (method == "StreamBatches") return ReadStream(Options());
    if (method == "ExportVersion") {
      const auto source = client_->Export("d");
      if (!source.ok()) return source.status();
      for (int i = 0; i < 100; ++i) {
        const auto block = (*source)->Next();
        if (!block.ok() || !block->has_value()) return block.status();
      }
      return absl::OkStatus();
    }
    IngestSpec spec;
    spec.name = "d";
    const auto sink = client_->Ingest(spec);
    return sink.ok() ? (*sink)->Commit().status() : sink.status();
  }

  // One answer in order; several for the calls that stream.
  static std::vector<std::unique_ptr<google::protobuf::Message>> Sound(const std::string& method) {
    std::vector<std::unique_ptr<google::protobuf::Message>> answers;
    const auto add = [&](auto message) {
      answers.push_back(std::make_unique<decltype(message)>(std::move(message)));
    };
    if (method == "ListDatasets") {
      v1::ListDatasetsResponse response;
      *response.add_datasets() = Dataset("a");
      *response.add_datasets() = Dataset("b");
      add(response);
    } else if (method == "EstimateOptions") {
      v1::EstimateOptionsResponse response;
      response.mutable_options()->add_num_nodes()->set_count(5);
      response.mutable_options()->add_num_edges()->set_count(5);
      response.mutable_options()->set_num_graphs(2);
      response.add_trimmed_nodes(0);
      response.add_trimmed_edges(0);
      response.set_num_samples(3);
      add(response);
    } else if (method == "DescribePlan") {
      v1::DescribePlanResponse response;
      *response.mutable_plan() =
          Parse<v1::StreamBatchesResponse>(EpochMessage(0, 2)).epoch().plan();
      const v1::StreamHeader header =
          Parse<v1::StreamBatchesResponse>(HeaderMessage(MakeStreamInfo(SmallLayout()))).header();
      *response.mutable_layout() = header.layout();
      *response.mutable_resolved_spec() = header.resolved_spec();
      response.set_fingerprint(std::string(16, 'f'));
      response.set_spec_digest(std::string(16, 's'));
      response.add_graphs_per_batch(0);
      response.add_graphs_per_batch(2);
      add(response);
    } else if (method == "GetBatch") {
      v1::GetBatchResponse response;
      *response.mutable_header() =
          Parse<v1::StreamBatchesResponse>(HeaderMessage(MakeStreamInfo(SmallLayout()))).header();
      *response.mutable_frame() = Parse<v1::StreamBatchesResponse>(SmallFrame(0, 0)).frame();
      response.add_strings()->set_name("name");
      add(response);
    } else if (method == "CreateSnapshot") {
      v1::CreateSnapshotResponse response;
      response.set_folder("/f");
      *response.add_datasets() = Dataset("a");
      add(response);
    } else if (method == "ListWorkers") {
      v1::ListWorkersResponse response;
      *response.add_workers() = wire::ToProto(WorkerStatus{.report = FullReport("a")});
      add(response);
    } else if (method == "ReportWorkerMetrics") {
      add(v1::ReportWorkerMetricsResponse());
    } else if (method == "StreamBatches") {
      add(Parse<v1::StreamBatchesResponse>(HeaderMessage(MakeStreamInfo(SmallLayout()))));
      add(Parse<v1::StreamBatchesResponse>(EpochMessage(0, 2)));
      add(Parse<v1::StreamBatchesResponse>(SmallFrame(0, 0)));
      add(Parse<v1::StreamBatchesResponse>(SmallFrame(0, 1)));
    } else if (method == "ExportVersion") {
      v1::IngestRequest begin;
      begin.mutable_begin()->set_name("d");
      begin.mutable_begin()->set_collection(true);
      v1::CopiedVersion& copy_of = *begin.mutable_begin()->mutable_copy_of();
      copy_of.set_version(1);
      copy_of.set_fingerprint(std::string(16, 'f'));
      add(begin);
      v1::IngestRequest block;
      block.mutable_block()->set_num_graphs(1);
      block.mutable_block()->add_num_nodes()->add_sizes(2);
      block.mutable_block()->add_num_edges()->add_sizes(0);
      v1::ColumnBlock& x = *block.mutable_block()->add_columns();
      x.set_name("x");
      x.set_dtype(v1::UINT8);
      x.add_sizes(2);
      x.set_rows("ab");
      add(block);
      v1::IngestRequest commit;
      commit.mutable_commit()->set_num_graphs(1);
      add(commit);
    } else {
      add(Dataset("d"));
    }
    return answers;
  }

  template <typename M>
  static M Parse(const std::string& bytes) {
    M message;
    EXPECT_TRUE(message.ParseFromString(bytes));
    return message;
  }

  void ExpectServersFault(const absl::Status& status, const std::string& what) {
    if (status.ok()) return;
    const absl::StatusCode code = status.code();
    EXPECT_TRUE(code == absl::StatusCode::kDataLoss || code == absl::StatusCode::kInternal ||
                code == absl::StatusCode::kResourceExhausted)
        << what << ": " << status;
    EXPECT_FALSE(status.message().empty()) << what;
  }

  const std::vector<std::string> methods_ = {
      "ListDatasets", "GetDataset",       "EstimateOptions", "DescribePlan",
      "GetBatch",     "CreateSnapshot",   "StreamBatches",   "ExportVersion",
      "Ingest",       "PartitionDataset", "ListWorkers",     "ReportWorkerMetrics"};
  MessageMutator mutator_;
  absl::Mutex mu_;  // the call before may still be answered
  std::vector<std::string> answers_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<FakeServer> server_;
  std::unique_ptr<Client> client_;
  int64_t touched_ = 0;
};

TEST_F(ErringServerTest, SoundAnswersAreTaken) {
  for (const std::string& method : methods_) {
    std::vector<std::string> answers;
    for (const auto& answer : Sound(method)) answers.push_back(answer->SerializeAsString());
    const absl::Status status = Ask(method, std::move(answers));
    EXPECT_TRUE(status.ok()) << method << ": " << status;
  }
}

TEST_F(ErringServerTest, EveryFieldMayBeWrong) {
  int64_t count = 0;
  int64_t refused = 0;
  const absl::Time start = absl::Now();
  for (const std::string& method : methods_) {
    const auto sound = Sound(method);
    for (size_t wrong = 0; wrong < sound.size(); ++wrong) {
      MessageMutator::ForEachChange(
          *sound[wrong], [&](const google::protobuf::Message& changed, const std::string& what) {
            std::vector<std::string> answers;
            for (const auto& answer : sound) answers.push_back(answer->SerializeAsString());
            answers[wrong] = changed.SerializeAsString();
            const absl::Status status = Ask(method, std::move(answers));
            ExpectServersFault(status, absl::StrCat(method, ", ", what));
            ++count;
            if (!status.ok()) ++refused;
          });
    }
  }
  EXPECT_GE(count, 200);
  EXPECT_GE(refused, 200) << "of " << count;
  std::printf("%ld changes, %ld refused, %s\n", static_cast<long>(count),
              static_cast<long>(refused), absl::FormatDuration(absl::Now() - start).c_str());
}

TEST_F(ErringServerTest, BytesMayBeAnything) {
  for (int i = 0; i < 1500; ++i) {
    const std::string& method =
        methods_[static_cast<size_t>(mutator_.Number(static_cast<int64_t>(methods_.size())))];
    auto sound = Sound(method);
    const auto wrong = static_cast<size_t>(mutator_.Number(static_cast<int64_t>(sound.size())));
    if (mutator_.Number(2) == 0) mutator_.Mutate(*sound[wrong]);
    std::vector<std::string> answers;
    for (const auto& answer : sound) answers.push_back(answer->SerializeAsString());
    if (mutator_.Number(3) > 0) answers[wrong] = mutator_.MutateBytes(answers[wrong]);
    if (mutator_.Number(8) == 0) answers.pop_back();
    // gRPC waits for the end of a call that is answered once, however many answers come.
    const bool streams = method == "StreamBatches" || method == "ExportVersion";
    if (streams && !answers.empty() && mutator_.Number(4) == 0) answers.push_back(answers[0]);
    ExpectServersFault(Ask(method, std::move(answers)), absl::StrCat(method, ", ", i));
  }
}

// --- what used to be believed
// ---------------------------------------------------------------------

absl::Status StreamOf(const v1::StreamBatchesResponse& header, const std::string& epoch,
                      const StreamOptions& options) {
  const auto server = FakeServer::Start({{"StreamBatches", [&](FakeCall& call) {
                                            call.Read();
                                            call.Write(header.SerializeAsString());
                                            call.Write(epoch);
                                            return absl::OkStatus();
                                          }}});
  ClientOptions client_options;
  client_options.endpoints = {server->endpoint()};
  client_options.retry_timeout = absl::ZeroDuration();
  const auto client = Client::Create(client_options);
  const auto stream = (*client)->StreamBatches(options);
  return (*stream)->Next().status();
}

TEST(ErringHeaderTest, FramesOfAShardMustFitThoseOfThePlan) {
  v1::StreamBatchesResponse header;
  ASSERT_TRUE(header.ParseFromString(HeaderMessage(MakeStreamInfo(SmallLayout()))));
  v1::StreamBatchesResponse epoch;
  ASSERT_TRUE(epoch.ParseFromString(EpochMessage(0, 10)));
  StreamOptions options;
  options.dataset = "d";
  options.seed = 7;
  for (const int64_t frames : {0, 9, 11}) {
    epoch.mutable_epoch()->mutable_plan()->set_shard_frames(frames);
    const absl::Status status = StreamOf(header, epoch.SerializeAsString(), options);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("the plan has ", frames)));
  }
}

TEST(ErringHeaderTest, EpochsWithoutFramesDoNotComeForEver) {
  const auto server =
      FakeServer::Start({{"StreamBatches", [&](FakeCall& call) {
                            call.Read();
                            call.Write(HeaderMessage(MakeStreamInfo(SmallLayout())));
                            for (int64_t e = 0; call.Write(EpochMessage(e, 0)); ++e) {
                            }
                            return absl::OkStatus();
                          }}});
  ClientOptions client_options;
  client_options.endpoints = {server->endpoint()};
  client_options.retry_timeout = absl::ZeroDuration();
  const auto client = Client::Create(client_options);
  StreamOptions options;
  options.dataset = "d";
  options.seed = 7;
  options.num_epochs = 0;
  const auto stream = (*client)->StreamBatches(options);
  const absl::Status status = (*stream)->Next().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("has no frames"));
}

TEST(ErringHeaderTest, TensorsHaveAPlaceAndANameOfTheirOwn) {
  const auto refusal = [](const std::function<void(Layout&)>& change) {
    Layout layout = RaggedLayout();
    change(layout);
    v1::StreamBatchesResponse header;
    EXPECT_TRUE(header.ParseFromString(HeaderMessage(MakeStreamInfo(std::move(layout)))));
    StreamOptions options;
    options.dataset = "d";
    options.seed = 7;
    const absl::Status status = StreamOf(header, EpochMessage(0, 0), options);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal([](Layout& layout) { layout.tensors[0].store = "movie"; }),
              HasSubstr("layout.tensors[0].store: \"movie\""));
  EXPECT_THAT(refusal([](Layout& layout) { layout.tensors[2].name = "x"; }),
              HasSubstr("layout.tensors[2].name: \"x\""));
  EXPECT_THAT(refusal([](Layout& layout) { layout.tensors[0].row_shape.assign(33, 1); }),
              HasSubstr("33 dimensions; at most 16"));
}

}  // namespace
}  // namespace graphfeed
