#include "proto/wire/message_memory.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "gtest/gtest.h"
#include "proto/wire/messages.h"

namespace graphfeed::wire {
namespace {

absl::StatusOr<int64_t> BytesOf(const google::protobuf::Message& type, const std::string& bytes) {
  google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  return ParsedBytes(*type.GetDescriptor(), stream);
}

int64_t BytesOf(const google::protobuf::Message& message) {
  const absl::StatusOr<int64_t> bytes = BytesOf(message, message.SerializeAsString());
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.value_or(0);
}

TEST(ParsedBytesTest, IsNeverLessThanWhatProtobufHolds) {
  v1::DescribePlanRequest request;
  request.set_dataset(std::string(1000, 'd'));
  EXPECT_GE(BytesOf(request), static_cast<int64_t>(request.SpaceUsedLong()));
  for (int i = 0; i < 1000; ++i) request.mutable_spec()->add_exclude_keys("");
  EXPECT_GE(BytesOf(request), static_cast<int64_t>(request.SpaceUsedLong()));
  for (int i = 0; i < 1000; ++i) {
    request.mutable_spec()->mutable_options()->add_num_nodes()->set_count(i);
    (*request.mutable_spec()->mutable_options()->mutable_pad_graph_defaults())[std::to_string(i)] =
        1;
    request.mutable_spec()->mutable_sampling()->add_num_neighbors()->add_num_neighbors(i);
  }
  EXPECT_GE(BytesOf(request), static_cast<int64_t>(request.SpaceUsedLong()));
  v1::IngestBlock block;
  for (int i = 0; i < 1000; ++i) block.add_num_nodes()->add_sizes(1);
  block.add_columns()->add_strings("");
  EXPECT_GE(BytesOf(block), static_cast<int64_t>(block.SpaceUsedLong()));
}

TEST(ParsedBytesTest, CodesCountAsTheirIdsAndRowsAsTheyAre) {
  const std::vector<int64_t> ids(100'000);
  v1::Selection selection;
  selection.set_ids(EncodeIds(ids));
  EXPECT_GE(BytesOf(selection), 8 * 100'000);
  v1::ColumnBlock column;
  column.set_rows(std::string(100'000, 'r'));
  EXPECT_LT(BytesOf(column), 101'000);
}

TEST(ParsedBytesTest, UnknownFieldsCount) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += std::string("\xfa\x01\x00", 3);  // field 31, empty
  v1::ListDatasetsRequest request;
  ASSERT_TRUE(request.ParseFromString(bytes));
  EXPECT_GE(*BytesOf(request, bytes), static_cast<int64_t>(request.SpaceUsedLong()));
}

TEST(ParsedBytesTest, WhatIsNoMessageIsInvalid) {
  for (const std::string bytes :
       {"\x0a\xff", "\x0a\x05x", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x0b", "\x0c",
        "\x0a\xff\xff\xff\xff\x0f"}) {
    const absl::Status status = BytesOf(v1::GetDatasetRequest(), bytes).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << testing::PrintToString(bytes);
    EXPECT_THAT(std::string(status.message()),
                testing::HasSubstr("graphfeed.v1.GetDatasetRequest"));
  }
  // A message in a message that ends behind it.
  EXPECT_FALSE(BytesOf(v1::DescribePlanRequest(), std::string("\x12\x02\x52\x7f", 4)).ok());
}

}  // namespace
}  // namespace graphfeed::wire
