#include "tests/client/worker/popef_test.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "absl/strings/str_cat.h"
#include "fake_poplar/control.hpp"

namespace graphfeed {
namespace {

using fake_poplar::ExampleModel;

std::string MakeFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "popef_test_XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) abort();
  return name;
}

template <typename T>
HostTensor MakeTensor(const std::vector<T>& values, DType dtype, std::vector<int64_t> shape,
                      int64_t num_batches) {
  HostTensor tensor;
  tensor.data = reinterpret_cast<const std::byte*>(values.data());
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.size_bytes = values.size() * sizeof(T) / static_cast<size_t>(num_batches);
  return tensor;
}

int64_t NumRows(const ExampleModel& model) {
  return model.graphs == 0 ? model.nodes : model.graphs;
}

template <typename T>
std::vector<T> Part(const std::vector<T>& values, int64_t num_batches, int64_t begin,
                    int64_t count) {
  const auto each = static_cast<int64_t>(values.size()) / num_batches;
  return std::vector<T>(values.begin() + begin * each, values.begin() + (begin + count) * each);
}

}  // namespace

StepInputs ExampleStep::Inputs(const ExampleModel& model) const {
  StepInputs inputs;
  inputs.num_batches = num_batches;
  const int64_t rows = NumRows(model);
  inputs.tensors = {MakeTensor(x, DType::kFloat32, {model.nodes, model.features}, num_batches),
                    MakeTensor(edge_index, DType::kInt32, {2, model.edges}, num_batches),
                    MakeTensor(y, DType::kInt32, {rows}, num_batches),
                    MakeTensor(mask, DType::kBool, {rows}, num_batches)};
  if (model.graphs > 0) {
    inputs.tensors.push_back(MakeTensor(batch, DType::kInt32, {model.nodes}, num_batches));
  }
  return inputs;
}

ExampleStep RandomStep(const ExampleModel& model, int64_t num_batches, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto below = [&random](int64_t limit) {
    return static_cast<int32_t>(random() % static_cast<uint64_t>(limit));
  };
  ExampleStep step;
  step.num_batches = num_batches;
  const int64_t rows = NumRows(model);
  for (int64_t b = 0; b < num_batches; ++b) {
    const bool null_batch = below(8) == 0;
    for (int64_t i = 0; i < model.nodes * model.features; ++i) {
      step.x.push_back(static_cast<float>(below(2000) - 1000) / 500.0F);
    }
    for (int64_t i = 0; i < 2 * model.edges; ++i) step.edge_index.push_back(below(model.nodes));
    for (int64_t i = 0; i < rows; ++i) {
      step.y.push_back(below(model.classes));
      step.mask.push_back(!null_batch && i + 1 < rows ? 1 : 0);
    }
    for (int64_t i = 0; i < model.nodes && model.graphs > 0; ++i) {
      step.batch.push_back(static_cast<int32_t>(i * model.graphs / model.nodes));
    }
  }
  return step;
}

std::vector<ExampleStep> RandomSteps(const ExampleModel& model, int64_t count,
                                     int64_t num_batches) {
  std::vector<ExampleStep> steps;
  for (int64_t i = 0; i < count; ++i) {
    steps.push_back(RandomStep(model, num_batches, static_cast<uint64_t>(i) + 1));
  }
  return steps;
}

ExampleStep Slice(const ExampleModel& model, const ExampleStep& step, int64_t begin,
                  int64_t count) {
  ExampleStep part;
  part.num_batches = count;
  part.x = Part(step.x, step.num_batches, begin, count);
  part.edge_index = Part(step.edge_index, step.num_batches, begin, count);
  part.y = Part(step.y, step.num_batches, begin, count);
  part.mask = Part(step.mask, step.num_batches, begin, count);
  if (model.graphs > 0) part.batch = Part(step.batch, step.num_batches, begin, count);
  return part;
}

PopefTest::PopefTest() : folder_(MakeFolder()) {
  setenv("FAKE_POPLAR_DIR", folder_.c_str(), 1);
  setenv("FAKE_POPLAR_DEVICES", "1,2,4", 1);
  fake_poplar::Inject("");
  fake_poplar::SetInvalidateAfterRun(false);
  fake_poplar::ClearCounts();
}

PopefTest::~PopefTest() {
  fake_poplar::Inject("");
  std::filesystem::remove_all(folder_);
}

PopefOptions PopefTest::Options(const ExampleModel& model) {
  PopefOptions options;
  options.model_files = {absl::StrCat(folder_, "/model", num_files_++, ".popef")};
  options.attach_timeout = absl::Seconds(20);
  std::ofstream(options.model_files[0], std::ios::binary) << WriteExampleModel(model);
  return options;
}

std::unique_ptr<Executor> PopefTest::Make(const ExampleModel& model) {
  auto executor = NewPopefExecutor(Options(model));
  if (!executor.ok()) {
    ADD_FAILURE() << executor.status();
    return nullptr;
  }
  return *std::move(executor);
}

std::unique_ptr<Executor> PopefTest::MakeLoaded(const ExampleModel& model) {
  std::unique_ptr<Executor> executor = Make(model);
  const absl::Status status = executor->Load();
  EXPECT_TRUE(status.ok()) << status;
  return executor;
}

std::vector<double> Losses(Executor& executor, const ExampleModel& model,
                           const std::vector<ExampleStep>& steps, bool announce) {
  std::vector<StepInputs> inputs;
  for (const ExampleStep& step : steps) inputs.push_back(step.Inputs(model));
  std::vector<double> losses;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool last = i + 1 == inputs.size();
    const auto result = executor.Run(inputs[i], announce && !last ? &inputs[i + 1] : nullptr);
    if (!result.ok()) {
      ADD_FAILURE() << "step " << i << ": " << result.status();
      return losses;
    }
    losses.push_back(result->loss.value_or(-1));
  }
  return losses;
}

}  // namespace graphfeed
