// A worker against a real server, with an executor whose only weights are what it has consumed.

#include "client/worker/worker.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/worker/report_sender.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/base/mutex.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kGraphs = 100;

// Its weights are the labels of the graphs that it has seen, in order. On the device they are gone
// after a reset.
class ListExecutor final : public Executor {
 public:
  // Called before each step, with its number since the executor was made, from 1.
  using Before = std::function<absl::Status(int64_t run)>;

  explicit ListExecutor(bool trains = true, Before before = nullptr) : before_(std::move(before)) {
    description_.runtime = "list";
    description_.sha256 = "1";
    description_.trains = trains;
    description_.inputs = {{.name = "y", .dtype = DType::kInt32},
                           {.name = "graphs_mask", .dtype = DType::kBool}};
  }

  const ModelDescription& description() const override { return description_; }
  absl::Status Load() override {
    loaded_ = true;
    seen_.clear();
    return absl::OkStatus();
  }
  absl::StatusOr<StepResult> Run(const StepInputs& step, const StepInputs* next) override {
    EXPECT_TRUE(loaded_);
    if (expected_ != nullptr) {
      EXPECT_EQ(expected_, step.tensors[0].data);
    }
    if (before_) {
      if (absl::Status status = before_(++runs_); !status.ok()) return status;
    }
    expected_ = next == nullptr ? nullptr : next->tensors[0].data;
    StepResult result;
    result.loss = static_cast<double>(runs_);
    const int64_t count = step.num_batches * step.tensors[0].shape[0];
    OutputTensor out{
        .name = "out", .dtype = DType::kInt32, .shape = step.tensors[0].shape, .data = {}};
    for (int64_t i = 0; i < count; ++i) {
      int32_t label;
      std::memcpy(&label, step.tensors[0].data + 4 * i, sizeof(label));
      if (step.tensors[1].data[i] != std::byte{0}) seen_.push_back(label);
      const int32_t doubled = 2 * label;
      const auto* bytes = reinterpret_cast<const std::byte*>(&doubled);
      out.data.insert(out.data.end(), bytes, bytes + 4);
    }
    if (!description_.trains) result.outputs.push_back(std::move(out));
    return result;
  }
  absl::StatusOr<std::string> SaveState() override { return absl::StrJoin(seen_, ","); }
  absl::Status LoadState(const std::string& state) override {
    EXPECT_TRUE(loaded_);
    seen_.clear();
    for (const absl::string_view part : absl::StrSplit(state, ',', absl::SkipEmpty())) {
      int64_t label = 0;
      EXPECT_TRUE(absl::SimpleAtoi(part, &label));
      seen_.push_back(label);
    }
    return absl::OkStatus();
  }
  absl::Status Reset() override {
    loaded_ = false;
    ++resets;
    expected_ = nullptr;
    seen_ = {-1};
    return absl::OkStatus();
  }

  const std::vector<int64_t>& seen() const { return seen_; }
  int64_t runs() const { return runs_; }
  int resets = 0;

 private:
  const Before before_;
  ModelDescription description_;
  bool loaded_ = false;
  int64_t runs_ = 0;
  std::vector<int64_t> seen_;
  const std::byte* expected_ = nullptr;  // what the step before was told would come
};

class Listener final : public WorkerObserver {
 public:
  void StepDone(int64_t step, const Position& /*position*/,
                std::optional<double> /*loss*/) override {
    if (on_step) on_step(step);
  }
  void EpochDone(const Epoch& epoch) override { epochs.push_back(epoch); }
  void Warned(const std::string& what) override { warnings.push_back(what); }

  std::function<void(int64_t)> on_step;
  std::vector<Epoch> epochs;
  std::vector<std::string> warnings;
};

WorkerReport ListIdentity() {
  WorkerReport report;
  report.worker = "w";
  report.runtime = "list";
  report.trains = true;
  return report;
}

class WorkerTest : public testing::Test {
 protected:
  WorkerTest() : client_(server_.NewClient()), metrics_(ListIdentity(), "1") {
    EXPECT_TRUE(IngestMolecules(*client_, "molecules", kGraphs).ok());
    std::string pattern = testing::TempDir() + "/worker_XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~WorkerTest() override { std::filesystem::remove_all(folder_); }

  WorkerOptions Options() const {
    WorkerOptions options;
    options.stream.dataset = "molecules";
    options.stream.seed = 5;
    options.stream.spec.options = FixedSizeOptions{.num_nodes = {{"", 70}},
                                                   .num_edges = {{"", 160}},
                                                   .num_graphs = 6,
                                                   .pad_graph_defaults = {}};
    options.stream.spec.strategy = Strategy::kPadToMax;
    options.stream.spec.shuffle = true;
    options.num_epochs = 1;
    options.checkpoint_dir = folder_ + "/checkpoints";
    return options;
  }
  struct Outcome {
    absl::Status status;
    Totals totals;
    Position position;
  };
  Outcome Run(const WorkerOptions& options, ListExecutor& executor) {
    Worker worker(options, *client_, executor, metrics_, listener_);
    Outcome outcome;
    outcome.status = worker.Run();
    outcome.totals = worker.totals();
    outcome.position = worker.position();
    return outcome;
  }
  // What an undisturbed run sees.
  std::vector<int64_t> Undisturbed(WorkerOptions options) {
    options.checkpoint_dir.clear();
    ListExecutor executor;
    EXPECT_TRUE(Run(options, executor).status.ok());
    return executor.seen();
  }

  TestServer server_;
  const std::unique_ptr<Client> client_;
  WorkerMetrics metrics_;
  Listener listener_;
  std::string folder_;
};

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
  EXPECT_THAT(metrics_.Text(), HasSubstr("graphfeed_worker_samples_total 200"));
}

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
    samples += outcome.totals.samples - 60;
  }
  EXPECT_EQ(samples, 40);
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
  options.resume = {options.checkpoint_dir + "/checkpoint-000000000002.gfc",
                    options.checkpoint_dir + "/checkpoint-000000000003.gfc"};
  ListExecutor third;
  const Outcome outcome = Run(options, third);
  EXPECT_EQ(outcome.status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(outcome.status.message()),
              testing::AllOf(HasSubstr("000002.gfc at epoch 0, ordinal 2"),
                             HasSubstr("000003.gfc at epoch 0, ordinal 3")));
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

TEST_F(WorkerTest, PredictionsAreInTheOrderOfTheDataset) {
  WorkerOptions options = Options();
  options.checkpoint_dir.clear();
  options.predictions_dir = folder_ + "/out";
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
