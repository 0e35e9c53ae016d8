#ifndef GRAPHFEED_TESTS_CLIENT_WORKER_LIST_EXECUTOR_H_
#define GRAPHFEED_TESTS_CLIENT_WORKER_LIST_EXECUTOR_H_

// A worker against a real server, with an executor whose only weights are what it has consumed.

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/worker/worker.h"
#include "gtest/gtest.h"
#include "tests/support/test_graphs.h"
#include "tests/support/test_server.h"

namespace graphfeed {

inline constexpr int64_t kGraphs = 100;

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
    ++runs_;
    if (before_) {
      if (absl::Status status = before_(runs_); !status.ok()) return status;
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
  void StepDone(int64_t step, const FrameInfo& /*frame*/, std::optional<double> /*loss*/) override {
    if (on_step) on_step(step);
  }
  void EpochDone(const Epoch& epoch) override { epochs.push_back(epoch); }
  void Warned(const std::string& what) override { warnings.push_back(what); }

  std::function<void(int64_t)> on_step;
  std::vector<Epoch> epochs;
  std::vector<std::string> warnings;
};

inline WorkerReport ListIdentity() {
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

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_CLIENT_WORKER_LIST_EXECUTOR_H_
