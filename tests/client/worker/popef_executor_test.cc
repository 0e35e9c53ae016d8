#include "client/worker/popef_executor.h"

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "fake_poplar/control.hpp"
#include "gmock/gmock.h"
#include "tests/client/worker/popef_test.h"

namespace graphfeed {
namespace {

using fake_poplar::ExampleModel;
using ::testing::Each;
using ::testing::Eq;
using ::testing::Gt;
using ::testing::HasSubstr;

// The logits of all micro-batches, one after the other.
std::vector<float> Logits(Executor& executor, const ExampleModel& model,
                          const std::vector<ExampleStep>& steps, bool announce) {
  std::vector<StepInputs> inputs;
  for (const ExampleStep& step : steps) inputs.push_back(step.Inputs(model));
  std::vector<float> logits;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool last = i + 1 == inputs.size();
    const auto result = executor.Run(inputs[i], announce && !last ? &inputs[i + 1] : nullptr);
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return logits;
    EXPECT_EQ(result->outputs.size(), 1u);
    EXPECT_EQ(result->outputs[0].name, "logits");
    const std::vector<std::byte>& bytes = result->outputs[0].data;
    const size_t before = logits.size();
    logits.resize(before + bytes.size() / sizeof(float));
    std::memcpy(logits.data() + before, bytes.data(), bytes.size());
  }
  return logits;
}

TEST_F(PopefTest, DescribesTheModel) {
  ExampleModel model;
  model.replicas = 2;
  model.device_iterations = 3;
  const auto executor = Make(model);
  const ModelDescription& description = executor->description();
  EXPECT_EQ(description.runtime, "fake-poplar");
  EXPECT_THAT(description.runtime_version, HasSubstr("fake"));
  EXPECT_EQ(description.sha256.size(), 64u);
  EXPECT_TRUE(description.trains);
  EXPECT_EQ(description.batches_per_step, 6);
  ASSERT_EQ(description.inputs.size(), 4u);
  EXPECT_EQ(description.inputs[0].name, "x");
  EXPECT_EQ(description.inputs[0].dtype, DType::kFloat32);
  EXPECT_EQ(description.inputs[0].shape, (std::vector<int64_t>{6, 3}));
  EXPECT_EQ(description.inputs[1].name, "edge_index");
  EXPECT_EQ(description.inputs[1].dtype, DType::kInt32);
  EXPECT_EQ(description.inputs[3].dtype, DType::kBool);
  EXPECT_FALSE(description.inputs[0].optional);
  ASSERT_EQ(description.outputs.size(), 1u);
  EXPECT_EQ(description.outputs[0].name, "logits");
  EXPECT_EQ(description.outputs[0].shape, (std::vector<int64_t>{6, 2}));
}

TEST_F(PopefTest, TrainingLowersTheLoss) {
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const std::vector<ExampleStep> steps(40, RandomStep(model, 1, 3));
  const std::vector<double> losses = Losses(*executor, model, steps, true);
  ASSERT_EQ(losses.size(), 40u);
  EXPECT_LT(losses.back(), 0.7 * losses.front());
}

// However deep the device reads ahead, and whether it throws away what it read or not, the
// micro-batches arrive in their order: those of a step as if each was a step of its own.
TEST_F(PopefTest, MicroBatchesComeInOrderUnderReadAhead) {
  ExampleModel single;
  single.trains = false;
  const int64_t num_steps = 4;
  for (const int64_t iterations : {1, 3}) {
    for (const int64_t replicas : {1, 2}) {
      const int64_t num_batches = iterations * replicas;
      const auto steps = RandomSteps(single, num_steps, num_batches);
      std::vector<ExampleStep> slices;
      for (const ExampleStep& step : steps) {
        for (int64_t i = 0; i < num_batches; ++i) slices.push_back(Slice(single, step, i, 1));
      }
      fake_poplar::SetInvalidateAfterRun(false);
      const std::vector<float> expected = Logits(*MakeLoaded(single), single, slices, false);
      for (const int64_t buffering : {1, 2, 5}) {
        for (const bool invalidate : {false, true}) {
          for (const bool announce : {false, true}) {
            SCOPED_TRACE(testing::Message()
                         << iterations << " iterations, " << replicas << " replicas, buffering "
                         << buffering << ", invalidate " << invalidate << ", announce "
                         << announce);
            ExampleModel model = single;
            model.device_iterations = iterations;
            model.replicas = replicas;
            model.buffering = buffering;
            fake_poplar::SetInvalidateAfterRun(invalidate);
            fake_poplar::ClearCounts();
            const auto executor = MakeLoaded(model);
            EXPECT_EQ(Logits(*executor, model, steps, announce), expected);
            const fake_poplar::Counts counts = fake_poplar::GetCounts();
            EXPECT_GT(counts.not_available, 0);
            // 4 inputs of every replica, at the end of all steps but the last.
            if (announce) {
              EXPECT_GE(counts.read_ahead, 4 * replicas * (num_steps - 1));
            } else {
              EXPECT_EQ(counts.read_ahead, 0);
            }
          }
        }
      }
    }
  }
}

TEST_F(PopefTest, IterationsTrainAsStepsOfTheirOwn) {
  ExampleModel single;
  ExampleModel four = single;
  four.device_iterations = 4;
  four.buffering = 2;
  const auto steps = RandomSteps(single, 5, 4);
  std::vector<ExampleStep> slices;
  for (const ExampleStep& step : steps) {
    for (int64_t i = 0; i < 4; ++i) slices.push_back(Slice(single, step, i, 1));
  }
  const std::vector<double> apart = Losses(*MakeLoaded(single), single, slices, false);
  const std::vector<double> together = Losses(*MakeLoaded(four), four, steps, true);
  ASSERT_EQ(apart.size(), 20u);
  ASSERT_EQ(together.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    const double mean = (apart[4 * i] + apart[4 * i + 1] + apart[4 * i + 2] + apart[4 * i + 3]) / 4;
    EXPECT_NEAR(together[i], mean, 1e-7);
  }
}

TEST_F(PopefTest, ALossMayComeOnceForAStep) {
  ExampleModel model;
  model.device_iterations = 3;
  ExampleModel last = model;
  last.keep_loss = "final";
  ExampleModel single;
  const ExampleStep step = RandomStep(model, 3, 5);
  const std::vector<double> apart =
      Losses(*MakeLoaded(single), single,
             {Slice(model, step, 0, 1), Slice(model, step, 1, 1), Slice(model, step, 2, 1)}, false);
  EXPECT_EQ(Losses(*MakeLoaded(last), last, {step}, false)[0], apart[2]);
}

TEST_F(PopefTest, GraphModelsTakeTheBatchVector) {
  ExampleModel model;
  model.graphs = 3;
  const auto executor = MakeLoaded(model);
  ASSERT_EQ(executor->description().inputs.size(), 5u);
  EXPECT_EQ(executor->description().inputs[4].name, "batch");
  EXPECT_THAT(Losses(*executor, model, RandomSteps(model, 3, 1), true), Each(Gt(-0.5)));
}

TEST_F(PopefTest, InputsThatDoNotFitAreNamed) {
  ExampleModel model;
  model.device_iterations = 2;
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 2, 1);
  const StepInputs good = step.Inputs(model);
  const auto expect_refused = [&](const StepInputs& bad, const char* part) {
    for (const bool as_next : {false, true}) {
      const auto result = as_next ? executor->Run(good, &bad) : executor->Run(bad, nullptr);
      EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(ErrorClassOf(result.status()), "input");
      EXPECT_EQ(ActionOf(result.status()), ErrorAction::kExit);
      EXPECT_THAT(std::string(result.status().message()), HasSubstr(part));
    }
  };
  StepInputs bad = good;
  bad.tensors[1].dtype = DType::kInt64;
  expect_refused(bad, "input edge_index is int64; the model takes int32");
  bad = good;
  bad.tensors[0].shape = {5, 3};
  expect_refused(bad, "input x has shape [5, 3]");
  bad = good;
  bad.tensors[2].size_bytes -= 4;
  expect_refused(bad, "input y has shape [6], 20 bytes; the model takes [6], 24 bytes");
  bad = good;
  bad.tensors[3].data = nullptr;
  expect_refused(bad, "input mask is left out");
  bad = good;
  bad.tensors.pop_back();
  expect_refused(bad, "3 tensors; the model takes 4: x, edge_index, y, mask");
  bad = good;
  bad.num_batches = 1;
  expect_refused(bad, "1 micro-batches; the model takes 2");
  EXPECT_TRUE(executor->Run(good, nullptr).ok());
}

// The device has read what was announced. To run something else would mix two steps.
TEST_F(PopefTest, AnotherStepThanTheAnnouncedOneIsAnError) {
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const auto steps = RandomSteps(model, 3, 1);
  const StepInputs first = steps[0].Inputs(model);
  const StepInputs announced = steps[1].Inputs(model);
  const StepInputs other = steps[2].Inputs(model);
  ASSERT_TRUE(executor->Run(first, &announced).ok());
  const auto result = executor->Run(other, nullptr);
  EXPECT_EQ(ErrorClassOf(result.status()), "streams");
  EXPECT_EQ(ActionOf(result.status()), ErrorAction::kReset);
  ASSERT_TRUE(executor->Reset().ok());
  ASSERT_TRUE(executor->Load().ok());
  EXPECT_TRUE(executor->Run(other, nullptr).ok());
}

TEST_F(PopefTest, WithoutPrefetchAnotherStepMayFollow) {
  const ExampleModel model;
  PopefOptions options = Options(model);
  options.engine_options = R"({"exchange.enablePrefetch": "false"})";
  auto executor = NewPopefExecutor(options);
  ASSERT_TRUE(executor.ok()) << executor.status();
  ASSERT_TRUE((*executor)->Load().ok());
  const auto steps = RandomSteps(model, 3, 1);
  const StepInputs first = steps[0].Inputs(model);
  const StepInputs announced = steps[1].Inputs(model);
  const StepInputs other = steps[2].Inputs(model);
  ASSERT_TRUE((*executor)->Run(first, &announced).ok());
  const auto result = (*executor)->Run(other, nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(fake_poplar::GetCounts().prefetched, 0);
  const auto direct = MakeLoaded([&] {
    setenv("FAKE_POPLAR_DEVICES", "1,1", 1);
    return model;
  }());
  EXPECT_EQ(Losses(*direct, model, {steps[0], steps[2]}, false)[1], *result->loss);
}

// Metadata that promise less than the executable takes: the step fails, whatever is staged.
TEST_F(PopefTest, AStarvedStepIsAnErrorAndGivesNothing) {
  ExampleModel model;
  model.edit = [](fake_poplar::Program& program, popef::Metadata&) {
    program.device_iterations = 2;
  };
  const auto steps = RandomSteps(model, 2, 1);
  const StepInputs step = steps[0].Inputs(model);
  const StepInputs next = steps[1].Inputs(model);
  for (const bool announce : {false, true}) {
    const auto executor = MakeLoaded(model);
    for (const ErrorAction action : {ErrorAction::kReset, ErrorAction::kExit}) {
      const auto result = executor->Run(step, announce ? &next : nullptr);
      EXPECT_EQ(ErrorClassOf(result.status()), "streams");
      EXPECT_EQ(ActionOf(result.status()), action);
      EXPECT_THAT(std::string(result.status().message()), HasSubstr("more than 1 times"));
      ASSERT_TRUE(executor->Reset().ok());
      ASSERT_TRUE(executor->Load().ok());
    }
  }
}

TEST_F(PopefTest, AStepThatIsNotReadWholeIsAnError) {
  ExampleModel model;
  model.device_iterations = 3;
  model.edit = [](fake_poplar::Program& program, popef::Metadata&) {
    program.device_iterations = 2;
  };
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 3, 1);
  const auto result = executor->Run(step.Inputs(model), nullptr);
  EXPECT_EQ(ErrorClassOf(result.status()), "streams");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("was read 2 times"));
}

TEST_F(PopefTest, OutputsThatComeOnceForAStepAreAnErrorWhereAllAreWanted) {
  ExampleModel model;
  model.trains = false;
  model.device_iterations = 2;
  model.edit = [](fake_poplar::Program& program, popef::Metadata&) {
    program.outputs[1].keep = "final";
  };
  const ExampleStep step = RandomStep(model, 2, 1);
  const auto result = MakeLoaded(model)->Run(step.Inputs(model), nullptr);
  EXPECT_EQ(ErrorClassOf(result.status()), "streams");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("output_mode ALL"));
}

TEST_F(PopefTest, CallsBeforeLoadAreErrors) {
  const ExampleModel model;
  const auto executor = Make(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  EXPECT_EQ(ErrorClassOf(executor->Run(step.Inputs(model), nullptr).status()), "usage");
  EXPECT_EQ(ErrorClassOf(executor->SaveState().status()), "usage");
  EXPECT_EQ(ErrorClassOf(executor->LoadState("")), "usage");
}

TEST_F(PopefTest, AFileThatHasChangedIsNotLoaded) {
  const ExampleModel model;
  const PopefOptions options = Options(model);
  auto executor = NewPopefExecutor(options);
  ASSERT_TRUE(executor.ok());
  ASSERT_TRUE((*executor)->Load().ok());
  ASSERT_TRUE((*executor)->Reset().ok());
  std::ofstream(options.model_files[0], std::ios::app) << " ";
  const absl::Status status = (*executor)->Load();
  EXPECT_EQ(ErrorClassOf(status), "model");
  EXPECT_THAT(std::string(status.message()), HasSubstr("has changed"));
}

}  // namespace
}  // namespace graphfeed
