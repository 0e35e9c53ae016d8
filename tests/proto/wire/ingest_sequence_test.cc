#include "proto/wire/ingest_sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/support/test_graphs.h"

namespace graphfeed::wire {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ListSource : public GraphSource {
 public:
  ListSource(IngestSpec spec, std::vector<GraphBlock> blocks, absl::Status end = absl::OkStatus())
      : spec_(std::move(spec)), blocks_(std::move(blocks)), end_(std::move(end)) {}

  const IngestSpec& spec() const override { return spec_; }
  int64_t done() const override { return 0; }
  int64_t total() const override { return 77; }
  absl::StatusOr<std::optional<GraphBlock>> Next() override {
    if (next_ < blocks_.size()) return std::optional(blocks_[next_++]);
    if (!end_.ok()) return end_;
    return std::optional<GraphBlock>();
  }

 private:
  const IngestSpec spec_;
  const std::vector<GraphBlock> blocks_;
  const absl::Status end_;
  size_t next_ = 0;
};

std::vector<v1::IngestRequest> Messages(const std::vector<GraphBlock>& blocks) {
  IngestSpec spec;
  spec.name = "d";
  spec.copy_of = {.version = 4, .fingerprint = {1, 2, 3}, .transforms = {"to_undirected"}};
  IngestSequence sequence(std::make_unique<ListSource>(spec, blocks));
  std::vector<v1::IngestRequest> messages;
  for (;;) {
    auto message = sequence.Next();
    EXPECT_TRUE(message.ok()) << message.status();
    if (!message.ok() || !message->has_value()) return messages;
    messages.push_back(**std::move(message));
  }
}

absl::StatusOr<std::unique_ptr<GraphSource>> Read(std::vector<v1::IngestRequest> messages) {
  // Shared by copies of the function.
  const auto rest = std::make_shared<std::vector<v1::IngestRequest>>(std::move(messages));
  const auto next = [rest]() -> absl::StatusOr<std::optional<v1::IngestRequest>> {
    if (rest->empty()) return std::optional<v1::IngestRequest>();
    v1::IngestRequest message = std::move(rest->front());
    rest->erase(rest->begin());
    return std::optional(std::move(message));
  };
  return ReadIngestSequence("\"d.gf\"", next);
}

// How reading them ends.
absl::Status ReadAll(std::vector<v1::IngestRequest> messages) {
  auto source = Read(std::move(messages));
  if (!source.ok()) return source.status();
  for (;;) {
    auto block = (*source)->Next();
    if (!block.ok()) return block.status();
    if (!block->has_value()) return absl::OkStatus();
  }
}

TEST(IngestSequenceTest, WhatIsReadIsWhatWasWritten) {
  const std::vector<GraphBlock> blocks = {MoleculeBlock(5), MoleculeBlock(9)};
  const auto messages = Messages(blocks);
  ASSERT_EQ(messages.size(), 4u);
  auto source = Read(messages);
  ASSERT_TRUE(source.ok()) << source.status();
  const IngestSpec& spec = (*source)->spec();
  EXPECT_EQ(spec.name, "d");
  ASSERT_TRUE(spec.copy_of.has_value());
  EXPECT_EQ(spec.copy_of->version, 4);
  EXPECT_EQ(spec.copy_of->fingerprint, (Fingerprint{1, 2, 3}));
  EXPECT_EQ(spec.copy_of->transforms, std::vector<std::string>{"to_undirected"});
  EXPECT_EQ((*source)->total(), 77);
  for (const GraphBlock& expected : blocks) {
    const auto block = (*source)->Next();
    ASSERT_TRUE(block.ok() && block->has_value()) << block.status();
    EXPECT_EQ((*block)->num_nodes, expected.num_nodes);
    EXPECT_EQ((*block)->columns[0].rows, expected.columns[0].rows);
    EXPECT_EQ((*block)->columns[4].strings, expected.columns[4].strings);
  }
  EXPECT_EQ((*source)->done(), 14);
  EXPECT_FALSE((*source)->Next()->has_value());
  EXPECT_FALSE((*source)->Next()->has_value());
}

TEST(IngestSequenceTest, LargeBlocksAreSeveralMessages) {
  const auto messages = Messages({MoleculeBlock(30'000)});
  ASSERT_GT(messages.size(), 3u);
  for (const v1::IngestRequest& message : messages) {
    EXPECT_LT(message.ByteSizeLong(), 5u << 20);
  }
  EXPECT_EQ(messages.back().commit().num_graphs(), 30'000);
  EXPECT_TRUE(ReadAll(messages).ok());
}

TEST(IngestSequenceTest, AFailingSourceCommitsNothing) {
  IngestSpec spec;
  spec.name = "d";
  IngestSequence sequence(std::make_unique<ListSource>(
      spec, std::vector<GraphBlock>{MoleculeBlock(2)}, absl::DataLossError("chunk 3")));
  ASSERT_TRUE(sequence.Next()->has_value());
  ASSERT_TRUE((*sequence.Next())->has_block());
  EXPECT_EQ(sequence.Next().status(), absl::DataLossError("chunk 3"));
}

TEST(IngestSequenceTest, WhatIsCutShortOrOutOfOrderIsNoDataset) {
  const auto good = Messages({MoleculeBlock(5), MoleculeBlock(9)});
  for (size_t length = 0; length < good.size(); ++length) {
    const absl::Status status = ReadAll({good.begin(), good.begin() + length});
    EXPECT_TRUE(absl::IsDataLoss(status)) << length << ": " << status;
  }
  const auto expect = [](std::vector<v1::IngestRequest> messages, absl::StatusCode code,
                         const char* what) {
    const absl::Status status = ReadAll(std::move(messages));
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_THAT(std::string(status.message()), StartsWith("\"d.gf\": "));
  };
  expect({good[1]}, absl::StatusCode::kInvalidArgument, "no begin");
  expect({good[0], good[0]}, absl::StatusCode::kInvalidArgument, "twice");
  expect({good[0], v1::IngestRequest()}, absl::StatusCode::kInvalidArgument, "no part");
  expect({good[0], good[1], good[3]}, absl::StatusCode::kDataLoss, "there were 5");
  expect({good[0], good[1], good[2], good[3], good[1]}, absl::StatusCode::kInvalidArgument,
         "goes on");
}

TEST(IngestSequenceTest, NumbersThatNothingBacksAreCountedWithoutHarm) {
  v1::IngestRequest begin;
  begin.mutable_begin()->set_name("d");
  v1::IngestRequest block;
  v1::ColumnBlock* column = block.mutable_block()->add_columns();
  column->set_name("x");
  column->set_dtype(v1::FLOAT64);
  column->set_rows("12345678");
  for (const int64_t extent : {int64_t{1} << 62, int64_t{8}, int64_t{-1}}) {
    column->add_row_shape(extent);
  }
  v1::IngestRequest sizes = block;
  sizes.mutable_block()->mutable_columns(0)->add_sizes(INT64_MAX);
  v1::IngestRequest graphs;
  graphs.mutable_block()->set_num_graphs(INT64_MAX);
  v1::IngestRequest commit;
  commit.mutable_commit()->set_num_graphs(7);
  const absl::Status status = ReadAll({begin, block, sizes, sizes, graphs, graphs, commit});
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

}  // namespace
}  // namespace graphfeed::wire
