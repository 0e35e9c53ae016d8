#include "proto/wire/server_info_messages.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/wire/limits.h"

namespace graphfeed::wire {
namespace {

using ::testing::HasSubstr;

TEST(ServerInfoMessagesTest, InfoComesBackAsItWas) {
  const ServerInfo info{.version = "1.2.3",
                        .algorithm_versions = {{"batches", 1}, {"shuffle", 7}},
                        .store = "rocksdb",
                        .storage_format = 2,
                        .features = {"shared_memory", "snapshots"},
                        .load = ServerLoad{.streams = 5, .max_streams = 9, .waiting = 1}};
  const absl::StatusOr<ServerInfo> read = FromProto(ToProto(info));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->version, info.version);
  EXPECT_EQ(read->algorithm_versions, info.algorithm_versions);
  EXPECT_EQ(read->store, info.store);
  EXPECT_EQ(read->storage_format, info.storage_format);
  EXPECT_EQ(read->features, info.features);
  ASSERT_TRUE(read->load.has_value());
  EXPECT_EQ(read->load->streams, 5);
  EXPECT_EQ(read->load->max_streams, 9);
  EXPECT_EQ(read->load->waiting, 1);
  EXPECT_FALSE(FromProto(v1::ServerInfoResponse())->load.has_value()) << "an older server's";
}

void ExpectDataLoss(const v1::ServerInfoResponse& message, const char* field) {
  const absl::Status status = FromProto(message).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(field));
}

TEST(ServerInfoMessagesTest, WhatNoServerSaysIsRefused) {
  v1::ServerInfoResponse message;
  message.set_version(std::string(kMaxServerInfoWordBytes + 1, 'v'));
  ExpectDataLoss(message, "version has 257 bytes; at most 256");
  message.set_version("\x1b[2J");
  ExpectDataLoss(message, "version has a control character");
  message.set_version("1");
  message.add_features("a\nb");
  ExpectDataLoss(message, "features has a control character");
  message.clear_features();
  (*message.mutable_algorithm_versions())["a\tb"] = 1;
  ExpectDataLoss(message, "algorithm_versions has a control character");
  message.clear_algorithm_versions();
  for (int i = 0; i <= kMaxServerInfoEntries; ++i) message.add_features("f");
  ExpectDataLoss(message, "features has 1001 entries; at most 1000");
  message.clear_features();
  message.mutable_load()->set_streams(-1);
  ExpectDataLoss(message, "load is -1 of 0 streams, 0 of which wait; none may be negative");
}

}  // namespace
}  // namespace graphfeed::wire
