#include "server/serving/worker_registry.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WorkerRegistryTest : public testing::Test {
 protected:
  void Open(int64_t max_workers) {
    workers_ = std::make_unique<WorkerRegistry>(WorkerRegistry::Options{
        .max_workers = max_workers,
        .forget_after = absl::Minutes(10),
        .on_advance = [this](const WorkerReport& difference) { added_.push_back(difference); },
        .clock = [this] { return now_; }});
  }
  void SetUp() override { Open(100); }

  absl::Status Report(const WorkerReport& report, std::optional<int64_t> last_taken = {}) {
    return workers_->Report(report, last_taken);
  }
  int64_t StepsAdded() const {
    int64_t steps = 0;
    for (const WorkerReport& difference : added_) steps += difference.steps;
    return steps;
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const WorkerStatus& status : workers_->List("", 1000)) {
      names.push_back(status.report.worker + (status.gone ? " gone" : ""));
    }
    return names;
  }

  WorkerRegistry::Clock::time_point now_{std::chrono::hours(1)};
  std::unique_ptr<WorkerRegistry> workers_;
  std::vector<WorkerReport> added_;
};

TEST_F(WorkerRegistryTest, AWorkerIsOfWhoeverReportsAsIt) {
  ASSERT_TRUE(workers_->Report(RunningReport("a", 1, 10), {}, "team-a").ok());
  const absl::Status refused = workers_->Report(RunningReport("a", 2, 99), {}, "team-b");
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  ASSERT_TRUE(workers_->Report(RunningReport("a", 2, 25), {}, "team-a").ok());
  EXPECT_EQ(StepsAdded(), 25);
  now_ += std::chrono::hours(1);  // it is gone
  EXPECT_TRUE(workers_->Report(RunningReport("a", 3, 30), {}, "team-b").ok());
}

TEST_F(WorkerRegistryTest, EveryCounterAddsWhatItHasGrownBy) {
  ASSERT_TRUE(Report(RunningReport("a", 1, 10)).ok());
  WorkerReport next = RunningReport("a", 2, 25);
  next.batches["failed"] = 4;
  ASSERT_TRUE(Report(next).ok());
  ASSERT_EQ(added_.size(), 2u);
  EXPECT_EQ(added_[0].steps, 10);
  const WorkerReport& difference = added_[1];
  EXPECT_EQ(difference.steps, 15);
  EXPECT_EQ(difference.samples, 15 * 20);
  EXPECT_EQ(difference.padding_nodes, 15 * 100);
  EXPECT_EQ(difference.batches.at("ok"), 15);
  EXPECT_EQ(difference.batches.at("failed"), 4);
  EXPECT_EQ(difference.batches.at("null"), 0);
  EXPECT_DOUBLE_EQ(difference.data_stall_seconds, 0.15);
  EXPECT_DOUBLE_EQ(difference.stage_seconds.at("execute"), 0.75);
  EXPECT_EQ(difference.step_seconds[8], 15);
  EXPECT_EQ(difference.nonfinite_losses, 0);
}

TEST_F(WorkerRegistryTest, RepeatedAndOlderReportsChangeNothing) {
  ASSERT_TRUE(Report(RunningReport("a", 1, 10)).ok());
  ASSERT_TRUE(Report(RunningReport("a", 3, 30)).ok());
  ASSERT_TRUE(Report(RunningReport("a", 3, 30)).ok());
  ASSERT_TRUE(Report(RunningReport("a", 2, 20)).ok());
  EXPECT_EQ(StepsAdded(), 30);
  EXPECT_EQ(workers_->List("", 10)[0].report.sequence, 3);
}

TEST_F(WorkerRegistryTest, AWorkerThatCameOverIsCountedFromThereOn) {
  ASSERT_TRUE(Report(RunningReport("a", 5, 50)).ok());
  EXPECT_EQ(StepsAdded(), 0);
  ASSERT_TRUE(Report(RunningReport("a", 6, 60)).ok());
  EXPECT_EQ(StepsAdded(), 10);
}

// Over two servers, whichever of them takes a report.
TEST_F(WorkerRegistryTest, WhatServersCountAddsUpToNoMoreThanTheWorkerDid) {
  const std::unique_ptr<WorkerRegistry> first = std::move(workers_);
  Open(100);
  ASSERT_TRUE(first->Report(RunningReport("a", 1, 10), 0).ok());
  ASSERT_TRUE(first->Report(RunningReport("a", 2, 20), 1).ok());
  ASSERT_TRUE(Report(RunningReport("a", 3, 30), 2).ok());  // came over: from here on
  ASSERT_TRUE(Report(RunningReport("a", 4, 40), 3).ok());
  EXPECT_EQ(StepsAdded(), 30);
  ASSERT_TRUE(first->Report(RunningReport("a", 5, 50), 4).ok());  // went back: likewise
  EXPECT_EQ(StepsAdded(), 30);
  ASSERT_TRUE(first->Report(RunningReport("a", 6, 60), 5).ok());
  EXPECT_EQ(StepsAdded(), 40);
}

TEST_F(WorkerRegistryTest, WhatNobodyTookIsCountedWithTheNextReport) {
  ASSERT_TRUE(Report(RunningReport("a", 2, 20), 0).ok());  // the first one did not arrive
  ASSERT_TRUE(Report(RunningReport("a", 5, 50), 2).ok());
  EXPECT_EQ(StepsAdded(), 50);
}

TEST_F(WorkerRegistryTest, ACounterThatWentBackCountsAnew) {
  ASSERT_TRUE(Report(RunningReport("a", 1, 100)).ok());
  ASSERT_TRUE(Report(RunningReport("a", 2, 7)).ok());
  EXPECT_EQ(StepsAdded(), 107);
}

TEST_F(WorkerRegistryTest, AnotherStartIsAnotherWorker) {
  ASSERT_TRUE(Report(RunningReport("a", 1, 100)).ok());
  WorkerReport restarted = RunningReport("a", 1, 150);
  restarted.start_ms += 1;
  ASSERT_TRUE(Report(restarted).ok());
  EXPECT_EQ(StepsAdded(), 250);
  // A late word of the process before.
  ASSERT_TRUE(Report(RunningReport("a", 9, 900)).ok());
  EXPECT_EQ(StepsAdded(), 250);
  EXPECT_EQ(workers_->List("", 10)[0].report.start_ms, restarted.start_ms);
  // With a clock that went back it is a new process all the same, once the other is gone.
  now_ += seconds(11);
  WorkerReport earlier = RunningReport("a", 1, 5);
  earlier.start_ms -= 1000;
  ASSERT_TRUE(Report(earlier).ok());
  EXPECT_EQ(StepsAdded(), 255);
}

TEST_F(WorkerRegistryTest, OverdueOnesAreGoneAndForgottenLater) {
  WorkerReport slow = RunningReport("slow", 1, 10);
  slow.interval_ms = 60000;
  ASSERT_TRUE(Report(slow).ok());
  ASSERT_TRUE(Report(RunningReport("fast", 1, 10)).ok());  // each second; due within 10 s
  now_ += seconds(10);
  EXPECT_THAT(Names(), ElementsAre("fast", "slow"));
  now_ += milliseconds(1);
  EXPECT_THAT(Names(), ElementsAre("fast gone", "slow"));
  EXPECT_EQ(workers_->Size().alive, 1);
  EXPECT_EQ(workers_->Size().gone, 1);
  EXPECT_EQ(workers_->List("", 1)[0].age_ms, 10001);
  now_ += seconds(180);
  EXPECT_THAT(Names(), ElementsAre("fast gone", "slow gone"));
  now_ += minutes(7) - milliseconds(1);  // 10 minutes since it is gone
  ASSERT_THAT(Names(), ElementsAre("fast gone", "slow gone"));
  now_ += seconds(1);
  EXPECT_THAT(Names(), ElementsAre("slow gone"));
  now_ += minutes(10);
  EXPECT_THAT(Names(), ElementsAre());
  // The totals stay, and who comes back is known by nobody.
  EXPECT_EQ(StepsAdded(), 20);
  ASSERT_TRUE(Report(RunningReport("fast", 2, 20)).ok());
  EXPECT_EQ(StepsAdded(), 20);
}

TEST_F(WorkerRegistryTest, TheLastReportIsThatOfAWorkerThatLeft) {
  ASSERT_TRUE(Report(FullReport("a", 1, 10)).ok());
  EXPECT_THAT(Names(), ElementsAre("a gone"));
  now_ += minutes(10) - milliseconds(1);
  EXPECT_THAT(Names(), ElementsAre("a gone"));
  now_ += milliseconds(1);
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(WorkerRegistryTest, WhoIsGoneMakesRoomOldestFirst) {
  Open(2);
  ASSERT_TRUE(Report(RunningReport("a", 1, 1)).ok());
  now_ += milliseconds(1);
  ASSERT_TRUE(Report(RunningReport("b", 1, 1)).ok());
  const absl::Status refused = Report(RunningReport("c", 1, 1));
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("2 workers report already; --max-workers is 2"));
  EXPECT_EQ(StepsAdded(), 2);
  now_ += seconds(11);  // both are gone
  ASSERT_TRUE(Report(RunningReport("c", 1, 1)).ok());
  EXPECT_THAT(Names(), ElementsAre("b gone", "c"));
  ASSERT_TRUE(Report(RunningReport("b", 2, 2)).ok());  // no new worker
  EXPECT_THAT(Names(), ElementsAre("b", "c"));
}

TEST_F(WorkerRegistryTest, RatesAreThoseBetweenTheLastTwoReports) {
  ASSERT_TRUE(Report(RunningReport("a", 1, 100)).ok());
  EXPECT_EQ(workers_->List("", 1)[0].steps_per_second, 0);
  now_ += seconds(2);
  ASSERT_TRUE(Report(RunningReport("a", 2, 140)).ok());
  WorkerStatus status = workers_->List("", 1)[0];
  EXPECT_DOUBLE_EQ(status.steps_per_second, 20);
  EXPECT_DOUBLE_EQ(status.data_stall_share, 0.2);
  // Too soon to say anything else.
  now_ += milliseconds(10);
  ASSERT_TRUE(Report(RunningReport("a", 3, 160)).ok());
  EXPECT_DOUBLE_EQ(workers_->List("", 1)[0].steps_per_second, 20);
  now_ += milliseconds(1990);
  WorkerReport starved = RunningReport("a", 4, 180);
  starved.data_stall_seconds += 100;
  ASSERT_TRUE(Report(starved).ok());
  status = workers_->List("", 1)[0];
  EXPECT_DOUBLE_EQ(status.steps_per_second, 20);
  EXPECT_EQ(status.data_stall_share, 1);
}

TEST_F(WorkerRegistryTest, PagesGoOnBehindAName) {
  for (const char* name : {"d", "a", "c", "b"}) {
    ASSERT_TRUE(Report(RunningReport(name, 1, 1)).ok());
  }
  EXPECT_EQ(workers_->List("", 2).size(), 2u);
  EXPECT_EQ(workers_->List("b", 2)[0].report.worker, "c");
  EXPECT_EQ(workers_->List("bb", 9).size(), 2u);
  EXPECT_TRUE(workers_->List("d", 9).empty());
}

}  // namespace
}  // namespace graphfeed
