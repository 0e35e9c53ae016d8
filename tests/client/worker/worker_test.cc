#include "client/worker/worker.h"

#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "client/worker/report_sender.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/base/mutex.h"
#include "tests/client/worker/list_executor.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(WorkerTest, EveryGraphIsSeenOnceAnEpoch) {
  ListExecutor executor;
  WorkerOptions options = Options();
  options.num_epochs = 2;
  const Outcome outcome = Run(options, executor);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  std::map<int64_t, int> times;
  for (const int64_t label : executor.seen()) ++times[label];
  EXPECT_THAT(times, SizeIs(kGraphs));
  for (const auto& [label, count] : times) EXPECT_EQ(count, 2) << label;
  EXPECT_EQ(outcome.position, (Position{2, 0}));
  EXPECT_EQ(outcome.totals.samples, 2 * kGraphs);
  EXPECT_EQ(outcome.totals.steps, 40);
  ASSERT_THAT(listener_.epochs, SizeIs(2));
  EXPECT_EQ(listener_.epochs[1].samples, kGraphs);
  const WorkerReport report = metrics_.Report();
  EXPECT_EQ(report.samples, 2 * kGraphs);
  EXPECT_EQ(report.epoch, 2);
  EXPECT_EQ(report.dataset, "molecules@1");
  EXPECT_THAT(metrics_.Text(), HasSubstr("graphfeed_worker_samples_total 200"));
}

TEST_F(WorkerTest, AfterAResetTheBatchesSinceTheCheckpointComeAgain) {
  WorkerOptions options = Options();
  const std::vector<int64_t> all = Undisturbed(options);
  options.steps_per_checkpoint = 4;
  ListExecutor executor(true, [](int64_t run) {
    return run == 7 || run == 15 ? ExecutorError(ErrorAction::kReset, "recoverable_ipu_reset",
                                                 absl::StatusCode::kAborted, "reset me")
                                 : absl::OkStatus();
  });
  const Outcome outcome = Run(options, executor);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(executor.resets, 2);
  EXPECT_THAT(executor.seen(), ElementsAreArray(all));
  EXPECT_EQ(outcome.totals.samples, kGraphs);
  ASSERT_THAT(listener_.warnings, SizeIs(2));
  EXPECT_THAT(listener_.warnings[0], HasSubstr("goes on at epoch 0, ordinal 4"));
  EXPECT_GT(metrics_.Report().batches.at("failed"), 0);
}

TEST_F(WorkerTest, ResetsWithoutProgressEnd) {
  WorkerOptions options = Options();
  options.max_resets = 2;
  ListExecutor executor(true, [](int64_t run) {
    return run >= 3 ? ExecutorError(ErrorAction::kReset, "recoverable_ipu_reset",
                                    absl::StatusCode::kAborted, "reset me")
                    : absl::OkStatus();
  });
  const Outcome outcome = Run(options, executor);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("after 2 resets"));
  EXPECT_EQ(executor.resets, 2);
  EXPECT_FALSE(metrics_.ready());
}

TEST_F(WorkerTest, AStepIsRetriedWhenTheExecutorAsksForIt) {
  WorkerOptions options = Options();
  const std::vector<int64_t> all = Undisturbed(options);
  ListExecutor executor(true, [](int64_t run) {
    return run % 5 == 2
               ? ExecutorError(ErrorAction::kRetry, "busy", absl::StatusCode::kUnavailable, "busy")
               : absl::OkStatus();
  });
  ASSERT_TRUE(Run(options, executor).status.ok());
  EXPECT_THAT(executor.seen(), ElementsAreArray(all));
  EXPECT_GT(executor.runs(), 20);
}

TEST_F(WorkerTest, PredictionsAreInTheOrderOfTheDataset) {
  WorkerOptions options = Options();
  options.checkpoint_dir.clear();
  options.predictions_dir = folder_ + "/out";
  options.trains = false;
  options.stream.spec.strategy = Strategy::kPack;
  options.stream.spec.micro_batches = 3;
  ListExecutor executor(/*trains=*/false, [](int64_t run) {
    return run == 3 ? ExecutorError(ErrorAction::kReset, "recoverable_ipu_reset",
                                    absl::StatusCode::kAborted, "reset me")
                    : absl::OkStatus();
  });
  const Outcome outcome = Run(options, executor);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  std::ifstream out(options.predictions_dir + "/out.npy", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(out)), {});
  EXPECT_THAT(bytes, HasSubstr("{'descr': '<i4', 'fortran_order': False, 'shape': (100,), }"));
  ASSERT_EQ(bytes.size() % 64, (4 * kGraphs) % 64);
  const char* data = bytes.data() + bytes.size() - 4 * kGraphs;
  for (int32_t i = 0; i < kGraphs; ++i) {
    int32_t value;
    std::memcpy(&value, data + 4 * i, 4);
    EXPECT_EQ(value, 2 * i);
  }
}

TEST_F(WorkerTest, AModelThatTakesOtherBatchesIsRefusedBeforeTheFirstStep) {
  WorkerOptions options = Options();
  options.stream.spec.masks = false;
  ListExecutor executor;
  const Outcome outcome = Run(options, executor);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr("the batches have no graphs_mask"));
  EXPECT_EQ(executor.runs(), 0);
}

TEST(ReportSenderTest, TheLastReportSaysThatTheWorkerLeaves) {
  const WorkerMetrics metrics(ListIdentity(), "1");
  Mutex mu;
  std::vector<WorkerReport> reports;
  std::vector<std::string> warnings;
  {
    const ReportSender sender({.interval = absl::Milliseconds(1),
                               .send =
                                   [&](const WorkerReport& report) {
                                     MutexLock lock(&mu);
                                     reports.push_back(report);
                                     return reports.size() < 3 ? absl::UnavailableError("no server")
                                                               : absl::OkStatus();
                                   },
                               .warn = [&](const std::string& what) { warnings.push_back(what); }},
                              metrics);
    for (size_t count = 0; count < 4;) {
      MutexLock lock(&mu);
      count = reports.size();
    }
  }
  for (size_t i = 0; i < reports.size(); ++i) {
    EXPECT_EQ(reports[i].sequence, static_cast<int64_t>(i) + 1);
    EXPECT_EQ(reports[i].finished, i + 1 == reports.size());
  }
  EXPECT_THAT(warnings, SizeIs(1));
}

}  // namespace
}  // namespace graphfeed
