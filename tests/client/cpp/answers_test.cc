// Methods that answer once, and servers that answer otherwise. gRPC's own calls of such methods
// would wait behind a second answer: until their deadline, or for ever.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cpp/client.h"
#include "graphfeed/v1/graphfeed.pb.h"
#include "proto/wire/messages.h"
#include "tests/client/cpp/fake_server.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

std::string DatasetBytes() {
  DatasetInfo info;
  info.name = "d";
  info.version = 1;
  info.schema = Schema::Homogeneous(true);
  info.num_graphs = 1;
  info.num_nodes = {1};
  info.num_edges = {0};
  info.node_sizes.resize(1);
  info.edge_sizes.resize(1);
  return wire::ToProto(info).SerializeAsString();
}

// A server that reads all that comes and answers with each of `answers`; behind the last it ends
// the call if it is to end.
std::unique_ptr<FakeServer> Answering(std::vector<std::string> answers, bool ends) {
  const FakeServer::Script script = [answers = std::move(answers), ends](FakeCall& call) {
    while (call.Read()) {
    }
    for (const std::string& answer : answers) call.Write(answer);
    if (!ends) call.WaitUntilCancelled();
    return absl::OkStatus();
  };
  return FakeServer::Start({{"GetDataset", script}, {"Ingest", script}});
}

// By a client without a limit to its waiting.
std::unique_ptr<Client> ConnectTo(const FakeServer& server) {
  ClientOptions options;
  options.endpoints = {server.endpoint()};
  options.timeout = absl::InfiniteDuration();
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Create(options);
  EXPECT_TRUE(client.ok()) << client.status();
  return *std::move(client);
}

absl::Status Describe(const FakeServer& server) {
  return ConnectTo(server)->GetDataset("d").status();
}

absl::Status IngestInto(const FakeServer& server) {
  const auto client = ConnectTo(server);
  IngestSpec spec;
  spec.name = "d";
  auto ingest = client->Ingest(spec);
  return ingest.ok() ? (*ingest)->Commit().status() : ingest.status();
}

TEST(AnswersTest, OneIsTaken) {
  const auto server = Answering({DatasetBytes()}, true);
  EXPECT_TRUE(Describe(*server).ok()) << Describe(*server);
  EXPECT_TRUE(IngestInto(*server).ok()) << IngestInto(*server);
}

TEST(AnswersTest, ASecondOneIsRefusedWhetherOrNotTheCallEnds) {
  for (const bool ends : {true, false}) {
    const auto server = Answering({DatasetBytes(), DatasetBytes()}, ends);
    for (const absl::Status& status : {Describe(*server), IngestInto(*server)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("the server has answered twice"));
    }
  }
}

TEST(AnswersTest, NoneIsNoSuccess) {
  const auto server = Answering({}, true);
  for (const absl::Status& status : {Describe(*server), IngestInto(*server)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("the server has not answered"));
  }
}

TEST(AnswersTest, AnErrorWithoutWordsHasSome) {
  const auto refuse = [](FakeCall&) { return absl::Status(absl::StatusCode::kOutOfRange, ""); };
  const auto server = FakeServer::Start({{"GetDataset", refuse}, {"Ingest", refuse}});
  EXPECT_EQ(Describe(*server), absl::OutOfRangeError("the server gave no reason"));
  EXPECT_EQ(IngestInto(*server), absl::OutOfRangeError("the server gave no reason"));
}

TEST(AnswersTest, WhatIsNoMessageIsRefusedWhetherOrNotTheCallEnds) {
  for (const bool ends : {true, false}) {
    const auto server = Answering({"\xff\xff"}, ends);
    for (const absl::Status& status : {Describe(*server), IngestInto(*server)}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("the answer is not a message"));
    }
  }
}

}  // namespace
}  // namespace graphfeed
