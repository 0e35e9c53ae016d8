// Workers report to real servers.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_server.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Names(const absl::StatusOr<std::vector<WorkerStatus>>& workers) {
  std::vector<std::string> names;
  for (const WorkerStatus& status : workers.value()) names.push_back(status.report.worker);
  return names;
}

TEST(WorkersTest, AReportIsListedAsItCame) {
  const TestServer server;
  const auto client = server.NewClient();
  EXPECT_TRUE(client->ListWorkers().value().empty());
  ASSERT_TRUE(client->ReportWorker(RunningReport("a", 1, 10)).ok());
  const auto workers = client->ListWorkers();
  ASSERT_TRUE(workers.ok()) << workers.status();
  ASSERT_EQ(workers->size(), 1u);
  const WorkerReport& report = workers->front().report;
  EXPECT_EQ(report.worker, "a");
  EXPECT_EQ(report.dataset, "molecules@1");
  EXPECT_EQ(report.batches, RunningReport("a", 1, 10).batches);
  EXPECT_EQ(report.step_seconds, RunningReport("a", 1, 10).step_seconds);
  EXPECT_EQ(report.loss, 0.5);
  EXPECT_FALSE(workers->front().gone);
}

TEST(WorkersTest, ReportsAreInTheServersMetrics) {
  const TestServer server;
  const auto client = server.NewClient();
  ASSERT_TRUE(client->ReportWorker(RunningReport("a", 1, 10)).ok());
  ASSERT_TRUE(client->ReportWorker(RunningReport("a", 2, 30)).ok());
  ASSERT_TRUE(client->ReportWorker(FullReport("b", 1, 5)).ok());
  EXPECT_EQ(server.Metric("graphfeed_workers{state=\"alive\"}"), 1);
  EXPECT_EQ(server.Metric("graphfeed_workers{state=\"gone\"}"), 1);
  EXPECT_EQ(server.Metric("graphfeed_worker_steps_total"
                          "{phase=\"train\",runtime=\"torchscript\"}"),
            35);
}

TEST(WorkersTest, WhatIsOutOfRangeIsRefusedBeforeItIsSent) {
  const TestServer server;
  const auto client = server.NewClient();
  WorkerReport report = RunningReport("a", 1, 10);
  report.samples = -1;
  const absl::Status refused = client->ReportWorker(report);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("samples: -1; at least 0"));
}

TEST(WorkersTest, MoreThanAllowedAreRefused) {
  const TestServer server([](ServerConfig& config) { config.max_workers = 2; });
  const auto client = server.NewClient();
  ASSERT_TRUE(client->ReportWorker(RunningReport("a", 1, 1)).ok());
  ASSERT_TRUE(client->ReportWorker(RunningReport("b", 1, 1)).ok());
  const absl::Status refused = client->ReportWorker(RunningReport("c", 1, 1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--max-workers is 2"));
  EXPECT_TRUE(client->ReportWorker(FullReport("a", 2, 1)).ok());  // leaves
  EXPECT_TRUE(client->ReportWorker(RunningReport("c", 1, 1)).ok());
  EXPECT_THAT(Names(client->ListWorkers()), testing::ElementsAre("b", "c"));
}

// More than one page, and of several replicas the newest word of each.
TEST(WorkersTest, ListsOfReplicasAreMerged) {
  const TestServer first;
  const TestServer second;
  const auto to_first = first.NewClient();
  const auto to_second = second.NewClient();
  constexpr int kWorkers = 2500;
  std::vector<std::string> names;
  for (int i = 0; i < kWorkers; ++i) {
    names.push_back(absl::StrCat("worker-", 10000 + i));
    Client& client = i % 3 == 0 ? *to_first : *to_second;
    ASSERT_TRUE(client.ReportWorker(RunningReport(names.back(), 1, 1)).ok());
  }
  ASSERT_TRUE(to_second->ReportWorker(RunningReport(names[0], 3, 30)).ok());
  ASSERT_TRUE(to_first->ReportWorker(RunningReport(names[1], 2, 20)).ok());
  const auto both = first.NewClient({.endpoints = {first.endpoint(), second.endpoint()}});
  const auto workers = both->ListWorkers();
  ASSERT_EQ(Names(workers), names);
  EXPECT_EQ(workers->at(0).report.steps, 30);
  EXPECT_EQ(workers->at(1).report.steps, 20);
}

TEST(WorkersTest, AWorkerGoesOnReportingToAnotherReplica) {
  auto first = std::make_unique<TestServer>();
  const TestServer second;
  const auto client = second.NewClient({.endpoints = {first->endpoint(), second.endpoint()}});
  ASSERT_TRUE(client->ReportWorker(RunningReport("a", 1, 10)).ok());
  first.reset();
  ASSERT_TRUE(client->ReportWorker(RunningReport("a", 2, 20)).ok());
  const auto workers = client->ListWorkers();
  ASSERT_TRUE(workers.ok()) << workers.status();
  ASSERT_EQ(workers->size(), 1u);
  EXPECT_EQ(workers->front().report.steps, 20);
}

}  // namespace
}  // namespace graphfeed
