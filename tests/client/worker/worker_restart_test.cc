// Runs that go on where others have ended.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/worker/worker.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/worker/list_executor.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

TEST_F(WorkerTest, ARunGoesOnWhereItsCheckpointStands) {
  WorkerOptions options = Options();
  const std::vector<int64_t> all = Undisturbed(options);
  options.steps_per_checkpoint = 3;
  ListExecutor crashing(true, [](int64_t run) {
    return run == 12 ? ExecutorError(ErrorAction::kExit, "unrecoverable",
                                     absl::StatusCode::kInternal, "the device is gone")
                     : absl::OkStatus();
  });
  const Outcome first = Run(options, crashing);
  EXPECT_EQ(first.status.message(), "the device is gone");
  EXPECT_EQ(ErrorClassOf(first.status), "unrecoverable");
  // Eleven steps were done, nine of them saved.
  ListExecutor second;
  const Outcome outcome = Run(options, second);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(second.seen(), ElementsAreArray(all));
  EXPECT_EQ(outcome.totals.samples, kGraphs);
  EXPECT_EQ(outcome.totals.steps, 20);
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("graphfeed_worker_device_errors_total{class=\"unrecoverable\"} 1"));
}

TEST_F(WorkerTest, AStoppedWorkerFinishesItsStepAndSaves) {
  WorkerOptions options = Options();
  const std::vector<int64_t> all = Undisturbed(options);
  {
    ListExecutor executor;
    Worker worker(options, *client_, executor, metrics_, listener_);
    listener_.on_step = [&](int64_t step) {
      if (step == 5) worker.Stop();
    };
    EXPECT_TRUE(worker.Run().ok());
    EXPECT_TRUE(worker.stopped());
    EXPECT_GE(worker.totals().steps, 5);
    EXPECT_LT(worker.totals().steps, 20);
    EXPECT_EQ(worker.position().ordinal, worker.totals().steps);
  }
  listener_.on_step = nullptr;
  ListExecutor second;
  ASSERT_TRUE(Run(options, second).status.ok());
  EXPECT_THAT(second.seen(), ElementsAreArray(all));
}

TEST_F(WorkerTest, StepsAreCountedOverRestarts) {
  WorkerOptions options = Options();
  options.num_epochs = 0;
  options.num_steps = 7;
  ListExecutor first;
  EXPECT_EQ(Run(options, first).totals.steps, 7);
  options.num_steps = 30;
  ListExecutor second;
  const Outcome outcome = Run(options, second);
  EXPECT_EQ(outcome.totals.steps, 30);
  EXPECT_EQ(outcome.position, (Position{1, 10}));
  // Nothing is left to do.
  ListExecutor third;
  EXPECT_EQ(Run(options, third).totals.steps, 30);
  EXPECT_EQ(third.runs(), 0);
}

TEST_F(WorkerTest, AnotherNumberOfShardsGoesOnFromAllOfThem) {
  WorkerOptions options = Options();
  options.seed_given = true;
  std::vector<int64_t> seen;
  std::vector<std::string> files;
  options.num_steps = 4;
  options.num_epochs = 0;
  options.stream.num_shards = 3;
  for (int64_t shard = 0; shard < 3; ++shard) {
    options.stream.shard_index = shard;
    options.checkpoint_dir = absl::StrCat(folder_, "/", shard);
    ListExecutor executor;
    const Outcome outcome = Run(options, executor);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    EXPECT_EQ(outcome.position, (Position{0, 12}));
    seen.insert(seen.end(), executor.seen().begin(), executor.seen().end());
    files.push_back(absl::StrCat(options.checkpoint_dir, "/checkpoint-000000000004.gfc"));
  }
  options.resume = files;
  options.num_steps = 0;
  options.num_epochs = 1;
  options.stream.num_shards = 2;
  int64_t samples = 0;
  for (int64_t shard = 0; shard < 2; ++shard) {
    options.stream.shard_index = shard;
    options.checkpoint_dir = absl::StrCat(folder_, "/new", shard);
    ListExecutor executor;
    const Outcome outcome = Run(options, executor);
    ASSERT_TRUE(outcome.status.ok()) << outcome.status;
    // Each begins with the first one's weights.
    const auto old = executor.seen().begin() + 20;
    seen.insert(seen.end(), old, executor.seen().end());
    samples += outcome.totals.samples;
  }
  EXPECT_EQ(samples, kGraphs);  // the first has what was done before
  std::sort(seen.begin(), seen.end());
  std::vector<int64_t> expected(kGraphs);
  for (int64_t i = 0; i < kGraphs; ++i) expected[i] = i;
  EXPECT_THAT(seen, ElementsAreArray(expected));
}

TEST_F(WorkerTest, ShardsAtDifferentPositionsAreListed) {
  WorkerOptions options = Options();
  options.num_epochs = 0;
  options.num_steps = 2;
  ListExecutor executor;
  ASSERT_TRUE(Run(options, executor).status.ok());
  options.num_steps = 3;
  ListExecutor later;
  ASSERT_TRUE(Run(options, later).status.ok());
  const std::string folder = options.checkpoint_dir;
  options.checkpoint_dir.clear();
  options.resume = {folder + "/checkpoint-000000000002.gfc",
                    folder + "/checkpoint-000000000003.gfc"};
  ListExecutor third;
  const Outcome outcome = Run(options, third);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(outcome.status.message()),
              testing::AllOf(HasSubstr("000002.gfc at epoch 0, ordinal 2"),
                             HasSubstr("000003.gfc at epoch 0, ordinal 3")));
}

// Shards 0 and 1 of 2, two steps each.
TEST_F(WorkerTest, InMidEpochAShardGoesOnFromItsOwnCheckpointOrFromAll) {
  WorkerOptions options = Options();
  options.seed_given = true;
  options.num_epochs = 0;
  options.num_steps = 2;
  options.stream.num_shards = 2;
  std::vector<std::string> files;
  for (int64_t shard = 0; shard < 2; ++shard) {
    options.stream.shard_index = shard;
    options.checkpoint_dir = absl::StrCat(folder_, "/", shard);
    ListExecutor executor;
    ASSERT_TRUE(Run(options, executor).status.ok());
    files.push_back(options.checkpoint_dir + "/checkpoint-000000000002.gfc");
  }
  options.num_steps = 3;
  const auto error = [&](int64_t num_shards, int64_t shard, const std::string& dir,
                         const std::vector<std::string>& resume) {
    options.stream.num_shards = num_shards;
    options.stream.shard_index = shard;
    options.checkpoint_dir = dir;
    options.resume = resume;
    ListExecutor executor;
    return std::string(Run(options, executor).status.message());
  };
  const auto in_mid_epoch = HasSubstr("in the middle of an epoch");
  EXPECT_THAT(error(2, 0, folder_ + "/1", {}), in_mid_epoch);
  EXPECT_THAT(error(1, 0, folder_ + "/0", {}), in_mid_epoch);
  EXPECT_THAT(error(3, 0, "", {files[0]}), in_mid_epoch);
  EXPECT_THAT(error(3, 0, "", {files[0], files[0]}), in_mid_epoch);
  EXPECT_EQ(error(3, 0, "", files), "");
  EXPECT_EQ(error(2, 1, "", {files[1]}), "");
  EXPECT_EQ(error(2, 1, folder_ + "/1", {}), "");
  // A supervisor starts it as it was before: what it has saved since is newer.
  EXPECT_EQ(error(1, 0, folder_ + "/new", files), "");
  options.num_steps = 5;
  ListExecutor again;
  const Outcome outcome = Run(options, again);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(again.runs(), 2);
}

TEST_F(WorkerTest, ShardsNeedASeed) {
  WorkerOptions options = Options();
  options.stream.num_shards = 2;
  ListExecutor executor;
  EXPECT_THAT(std::string(Run(options, executor).status.message()),
              HasSubstr("the seed is missing: the 2 shards"));
}

TEST_F(WorkerTest, AModelDoesWhatItIsAskedFor) {
  WorkerOptions options = Options();
  options.trains = false;
  ListExecutor trains;
  EXPECT_THAT(std::string(Run(options, trains).status.message()), HasSubstr("the model trains"));
  options.trains = true;
  ListExecutor infers(/*trains=*/false);
  EXPECT_THAT(std::string(Run(options, infers).status.message()), HasSubstr("compiled to infer"));
}

TEST_F(WorkerTest, ACheckpointOfOtherBatchesIsRefused) {
  WorkerOptions options = Options();
  options.num_epochs = 0;
  options.num_steps = 2;
  ListExecutor executor;
  ASSERT_TRUE(Run(options, executor).status.ok());
  options.num_steps = 4;
  options.stream.spec.options->num_nodes = {{"", 80}};
  ListExecutor other_spec;
  EXPECT_THAT(std::string(Run(options, other_spec).status.message()),
              HasSubstr("the checkpoint is of other batches"));
  options = Options();
  options.seed_given = true;
  options.stream.seed = 6;
  ListExecutor other_seed;
  EXPECT_THAT(std::string(Run(options, other_seed).status.message()), HasSubstr("the seed is 6"));
  EXPECT_EQ(other_spec.runs() + other_seed.runs(), 0);
}

TEST_F(WorkerTest, ARunStaysWithItsVersion) {
  WorkerOptions options = Options();
  const std::vector<int64_t> all = Undisturbed(options);
  options.num_epochs = 0;
  options.num_steps = 3;
  ListExecutor first;
  ASSERT_TRUE(Run(options, first).status.ok());
  ASSERT_TRUE(IngestMolecules(*client_, "molecules", kGraphs + 1).ok());
  options.num_epochs = 1;
  options.num_steps = 0;
  ListExecutor second;
  const Outcome outcome = Run(options, second);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_THAT(second.seen(), ElementsAreArray(all));
  options.stream.dataset = "molecules@2";
  options.num_epochs = 2;
  ListExecutor other;
  EXPECT_THAT(std::string(Run(options, other).status.message()),
              HasSubstr("the checkpoint is of other batches: molecules@1"));
}

}  // namespace
}  // namespace graphfeed
