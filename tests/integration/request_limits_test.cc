// What small requests could make a server do: end, freeze, fill the disk. Each is made against the
// program, whose exit, memory and time are looked at from outside.

#include "tests/integration/request_limits.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/limits.h"
#include "proto/wire/messages.h"
#include "tests/integration/request_calls.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

// --- answers -------------------------------------------------------------------------------------

TEST_F(RequestLimitsTest, StringsCountInTheBytesOfABatch) {
  Start({"--slab-memory", "1G"});
  ASSERT_TRUE(SendIngest(*stub_, TextGraphs("long", 1, {std::string(20 * kMiB, 's')})).ok());
  const auto get = [&](int64_t graphs, int64_t max_frame_bytes, v1::GetBatchResponse& response) {
    v1::GetBatchRequest request;
    request.set_dataset("long");
    request.set_seed(1);
    request.set_max_frame_bytes(max_frame_bytes);
    *request.mutable_spec() = PlainSpec(graphs);
    request.mutable_spec()->mutable_selection()->set_ids(
        wire::EncodeIds(std::vector<int64_t>(static_cast<size_t>(graphs))));
    grpc::ClientContext context;
    return ToStatus(stub_->GetBatch(&context, request, &response));
  };
  v1::GetBatchResponse response;
  // 2.1 GB: more than a message can hold.
  for (const int64_t limit : {int64_t{0}, wire::kMaxFrameBytes}) {
    const absl::Status status = get(108, limit, response);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
    EXPECT_THAT(std::string(status.message()), HasSubstr("max_frame_bytes is"));
  }
  EXPECT_LT(server_->PeakResidentBytes(), 300 * kMiB);
  ASSERT_TRUE(get(3, 100 * kMiB, response).ok());
  ASSERT_EQ(response.strings_size(), 1);
  EXPECT_EQ(response.strings(0).values_size(), 3);
  EXPECT_EQ(response.strings(0).values(2).size(), 20 * kMiB);
  EXPECT_EQ(response.frame().real(0).graphs(), 3);
  EXPECT_EQ(get(3, 50 * kMiB, response).code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(RequestLimitsTest, TextsOfTransformsAreBoundedAndListsComeInPages) {
  Start({});
  std::vector<v1::IngestRequest> messages = TextGraphs("copy", 1, {});
  v1::CopiedVersion& copy = *messages[0].mutable_begin()->mutable_copy_of();
  copy.set_version(0);
  copy.set_fingerprint(std::string(16, '\0'));
  copy.add_transforms(std::string(60 * kMiB, 's'));
  absl::Status status = SendIngest(*stub_, messages);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("copy_of.transforms has 1 entries of 62914560"));

  // 40 versions with as much text as there may be: a list of 2.6 MB.
  const std::string column(60 << 10, 'c');
  v1::DatasetInfo info;
  ASSERT_TRUE(SendIngest(*stub_, TextGraphs("few", 1, {}), &info).ok());
  for (int i = 0; i < 40; ++i) {
    messages = TextGraphs("many", 1, {});
    v1::CopiedVersion& of = *messages[0].mutable_begin()->mutable_copy_of();
    of.set_fingerprint(info.fingerprint());
    of.add_transforms(column);
    status = SendIngest(*stub_, messages);
    ASSERT_TRUE(status.ok()) << status;
  }
  v1::ListDatasetsRequest request;
  v1::ListDatasetsResponse page;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(stub_->ListDatasets(&context, request, &page).ok());
  }
  EXPECT_TRUE(page.more());
  EXPECT_LE(page.ByteSizeLong(), wire::kListPageBytes + 100);
  const auto all = server_->NewClient()->ListDatasets();
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_EQ(all->size(), 41u);
  EXPECT_EQ(all->back().name, "many");
  EXPECT_EQ(all->back().version, 40);
  EXPECT_EQ(all->back().transforms, std::vector<std::string>{column});
  request.set_after("many");
  grpc::ClientContext context;
  EXPECT_EQ(stub_->ListDatasets(&context, request, &page).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// --- sizes that are only said
// ---------------------------------------------------------------------

TEST_F(RequestLimitsTest, NodesThatNothingIsSaidOfAreBounded) {
  Start({});
  for (const int64_t nodes : {int64_t{1} << 48, int64_t{1} << 30}) {
    const absl::Status status = SendIngest(*stub_, EdgesOnly("none", nodes, {}));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("num_nodes: "));
  }
  const absl::Status status = SendIngest(*stub_, EdgesOnly("some", 1 << 24, {}));
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(RequestLimitsTest, AnIngestStopsWhenItsCallerHasGone) {
  Start({"--ingest-memory", "8M", "--ingest-threads", "1"});
  // A thousand lists of 16 M nodes are written for minutes.
  std::vector<v1::IngestRequest> messages(2);
  v1::IngestBegin& begin = *messages[0].mutable_begin();
  begin.set_name("slow");
  begin.set_heterogeneous(true);
  begin.add_node_types("node");
  begin.add_num_nodes(1 << 24);
  for (int t = 0; t < 1000; ++t) {
    v1::EdgeType& type = *begin.add_edge_types();
    type.set_source("node");
    type.set_relation(absl::StrCat("to", t));
    type.set_target("node");
    begin.add_num_edges(0);
  }
  messages[1].mutable_commit();
  {
    grpc::ClientContext context;
    v1::DatasetInfo answer;
    const auto writer = stub_->Ingest(&context, &answer);
    for (const v1::IngestRequest& message : messages) writer->Write(message);
    writer->WritesDone();
    absl::SleepFor(absl::Milliseconds(20));
    context.TryCancel();
    (void)writer->Finish();
  }
  const absl::Duration before = server_->CpuTime();
  // The only thread that ingests is free.
  grpc::ClientContext context;
  context.set_deadline(After(30));
  v1::DeleteVersionRequest request;
  request.set_name("slow");
  request.set_version(1);
  v1::DeleteVersionResponse response;
  EXPECT_EQ(stub_->DeleteVersion(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_LT(server_->CpuTime() - before, absl::Seconds(1.5));
}

// --- allocations
// -----------------------------------------------------------------------------------

TEST_F(RequestLimitsTest, TransformsOfSizesThatAreOnlySaidAreRefused) {
  Start({});
  for (const bool loops : {true, false}) {
    std::vector<v1::IngestRequest> messages(2);
    v1::IngestBegin& begin = *messages[0].mutable_begin();
    begin.set_name("huge");
    begin.set_collection(true);
    if (loops) {
      begin.add_transforms()->mutable_add_self_loops();
    } else {
      begin.add_transforms()->mutable_remove_isolated_nodes();
    }
    v1::IngestBlock& block = *messages[1].mutable_block();
    block.set_num_graphs(1);
    block.add_num_nodes()->add_sizes(int64_t{1} << 48);
    block.add_num_edges()->add_sizes(0);
    v1::ColumnBlock& column = *block.add_columns();
    column.set_name("edge_index");
    column.set_dtype(v1::INT64);
    column.add_row_shape(2);
    column.set_concat_last(true);
    column.add_sizes(0);
    const absl::Status status = SendIngest(*stub_, messages);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  }
  for (const int64_t nodes : {int64_t{1} << 40, int64_t{1} << 48}) {
    for (const bool subgraph : {true, false}) {
      std::vector<v1::IngestRequest> messages = EdgesOnly("huge", nodes, {});
      v1::Transform& transform = *messages[0].mutable_begin()->add_transforms();
      if (subgraph) {
        transform.mutable_subgraph()->add_nodes()->set_leading(nodes);
      } else {
        transform.mutable_add_self_loops();
      }
      const absl::Status status = SendIngest(*stub_, messages);
      EXPECT_NE(status.code(), absl::StatusCode::kUnavailable) << status;
      EXPECT_FALSE(status.ok());
    }
  }
}

TEST_F(RequestLimitsTest, AStreamWithoutMemoryIsRefusedAndTheServerGoesOn) {
  for (const int64_t address_space : {600, 700, 800, 900, 1000}) {
    SCOPED_TRACE(address_space);
    Start({"--memory-budget", "32M"}, address_space * kMiB);
    std::vector<v1::IngestRequest> wide = TextGraphs("wide", 16, {});
    v1::ColumnBlock& column = *wide[1].mutable_block()->add_columns();
    column.set_name("x");
    column.set_dtype(v1::FLOAT32);
    column.add_row_shape(1 << 18);
    column.set_rows(std::string(16 << 20, '\1'));
    const absl::Status ingested = SendIngest(*stub_, wide);
    ASSERT_TRUE(ingested.ok()) << ingested;
    // Frames of 1 MB to 1 GB: some of them fit.
    int refused = 0;
    int answered = 0;
    for (const int64_t graphs : {1, 16, 64, 128, 256, 512, 800}) {
      v1::StreamBatchesRequest request;
      request.set_dataset("wide");
      request.set_seed(1);
      request.set_num_epochs(1);
      request.set_prefetch(64);
      request.set_max_frame_bytes(int64_t{1} << 30);
      *request.mutable_spec() = PlainSpec(graphs);
      std::vector<int64_t> ids;
      for (int64_t g = 0; g < 2 * graphs; ++g) ids.push_back(g % 16);
      request.mutable_spec()->mutable_selection()->set_ids(wire::EncodeIds(ids));
      grpc::ClientContext context;
      const auto reader = stub_->StreamBatches(&context, request);
      v1::StreamBatchesResponse response;
      while (reader->Read(&response)) {
      }
      const grpc::Status status = reader->Finish();
      ASSERT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED)
          << graphs << ": " << status.error_code() << " " << status.error_message();
      ++(status.ok() ? answered : refused);
    }
    EXPECT_GT(answered, 0);
    EXPECT_GT(refused, 0);
    EXPECT_TRUE(List().ok());
    if (address_space < 1000) {
      EXPECT_EQ(server_->Terminate(absl::Seconds(30)), 0);
    }
  }
}

// --- many small things
// -----------------------------------------------------------------------------

TEST_F(RequestLimitsTest, TypesAndColumnsWithoutNumberEndWithTheirCaller) {
  Start({"--ingest-threads", "1"});
  std::vector<v1::IngestRequest> messages(3);
  v1::IngestBegin& begin = *messages[0].mutable_begin();
  begin.set_name("broad");
  begin.set_collection(true);
  begin.set_heterogeneous(true);
  constexpr int kTypes = 4096;
  v1::IngestBlock& block = *messages[1].mutable_block();
  block.set_num_graphs(1);
  for (int t = 0; t < kTypes; ++t) {
    begin.add_node_types(absl::StrCat("node", t));
    v1::EdgeType& type = *begin.add_edge_types();
    type.set_source(absl::StrCat("node", t));
    type.set_relation("to");
    type.set_target(absl::StrCat("node", (t + 1) % kTypes));
    block.add_num_nodes()->add_sizes(1);
    block.add_num_edges()->add_sizes(0);
  }
  for (int c = 0; c < 40'000; ++c) {
    v1::ColumnBlock& column = *block.add_columns();
    column.set_name(absl::StrCat("column", c));
    column.set_level(v1::NODE);
    column.set_type(static_cast<uint32_t>(c % kTypes));
    column.set_dtype(v1::FLOAT32);
    column.add_sizes(1);
    column.set_rows("abcd");
  }
  messages[2].mutable_commit()->set_num_graphs(1);
  // Writing a file for each takes minutes; nobody waits so long, and nothing goes on for nobody.
  {
    grpc::ClientContext context;
    context.set_deadline(After(10));
    v1::DatasetInfo answer;
    const auto writer = stub_->Ingest(&context, &answer);
    for (const v1::IngestRequest& message : messages) writer->Write(message);
    writer->WritesDone();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  const absl::Duration before = server_->CpuTime();
  EXPECT_TRUE(List().ok());
  grpc::ClientContext context;
  context.set_deadline(After(30));
  v1::DeleteVersionRequest request;
  request.set_name("broad");
  request.set_version(1);
  v1::DeleteVersionResponse response;
  EXPECT_EQ(stub_->DeleteVersion(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_LT(server_->CpuTime() - before, absl::Seconds(3));
}

}  // namespace
}  // namespace graphfeed
