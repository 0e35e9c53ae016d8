#include "client/cli/worker_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "client/cli/json_output.h"
#include "tests/support/worker_reports.h"

namespace graphfeed {
namespace {

using testing::ElementsAre;

WorkerStatus Running(const std::string& name, double stall, double rate) {
  return {.report = RunningReport(name, 3, 100),
          .age_ms = 1234,
          .gone = false,
          .steps_per_second = rate,
          .data_stall_share = stall};
}

std::vector<WorkerStatus> Some() {
  std::vector<WorkerStatus> workers = {Running("fed", 0.01, 40.26), Running("starving", 0.75, 2),
                                       Running("lost", 0.5, 10), Running("done", 0, 10)};
  workers[0].report.trains = false;
  workers[0].report.has_loss = false;
  workers[0].report.job = "";
  workers[2].gone = true;
  workers[2].age_ms = 90'000;
  workers[3].gone = true;
  workers[3].report.finished = true;
  workers[3].age_ms = 300'000;
  return workers;
}

TEST(WorkerOutputTest, TheStarvingComeFirstAndTheGoneLast) {
  std::vector<WorkerStatus> workers = Some();
  workers.push_back(Running("also fed", 0.01, 1));
  SortByNeed(workers);
  std::vector<std::string> names;
  for (const WorkerStatus& status : workers) names.push_back(status.report.worker);
  EXPECT_THAT(names, ElementsAre("starving", "also fed", "fed", "lost", "done"));
}

TEST(WorkerOutputTest, ARowSaysHowAWorkerFares) {
  std::vector<WorkerStatus> workers = Some();
  SortByNeed(workers);
  EXPECT_EQ(
      WorkerTable(workers),
      "WORKER    JOB  RUNTIME      PHASE  DATASET      STEPS/S  DATA STALL  PADDING  LOSS  "
      "POSITION    AGE  STATE\n"
      "starving  job  torchscript  train  molecules@1      2.0     75.00 %  25.00 %   0.5      "
      "3/42  1.2 s  running\n"
      "fed       -    torchscript  infer  molecules@1     40.3      1.00 %  25.00 %     -      "
      "3/42  1.2 s  running\n"
      "lost      job  torchscript  train  molecules@1     10.0     50.00 %  25.00 %   0.5      "
      "3/42   90 s  gone\n"
      "done      job  torchscript  train  molecules@1     10.0      0.00 %  25.00 %   0.5      "
      "3/42  5 min  finished\n");
}

TEST(WorkerOutputTest, TheSummaryIsOfThoseThatRun) {
  EXPECT_EQ(WorkerSummary(Some()), "2 workers, 2 gone, 42.3 steps/s, data stall 38.00 %");
  EXPECT_EQ(WorkerSummary({}), "0 workers");
  EXPECT_EQ(WorkerSummary({Running("a", 0.25, 3)}), "1 worker, 3.0 steps/s, data stall 25.00 %");
}

TEST(WorkerOutputTest, JsonHasEveryFieldOfTheReport) {
  WorkerStatus status = Running("a", 0.25, 3);
  Json json = ToJson(status);
  EXPECT_EQ(json["worker"], "a");
  EXPECT_EQ(json["state"], "running");
  EXPECT_EQ(json["age_ms"], 1234);
  EXPECT_EQ(json["data_stall_share"], 0.25);
  EXPECT_EQ(json["batches"]["ok"], 100);
  EXPECT_EQ(json["step_seconds"].size(), 17u);
  EXPECT_EQ(json["loss"], 0.5);
  EXPECT_EQ(json["device_errors"]["recoverable_ipu_reset"], 1);
  status.report.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(ToJson(status)["loss"].is_null());
  EXPECT_EQ(Dump(ToJson(status), -1).find('\n'), std::string::npos);
}

TEST(WorkerOutputTest, ScreensHaveLinesAndColumns) {
  EXPECT_EQ(FitScreen("abc\nde\n", 2, 10), "abc\nde\n");
  EXPECT_EQ(FitScreen("abc\nde\n", 2, 2), "ab\nde\n");
  EXPECT_EQ(FitScreen("a\nb\nc\nd\n", 3, 10), "a\nb\n... 2 more\n");
  EXPECT_EQ(FitScreen("äöü\n", 1, 2), "äö\n");
}

}  // namespace
}  // namespace graphfeed
