// Weights go up and down, and survive resets.

#include "client/worker/popef_executor.h"
#include "fake_poplar/control.hpp"
#include "gmock/gmock.h"
#include "tests/client/worker/popef_test.h"

namespace graphfeed {
namespace {

using fake_poplar::ExampleModel;
using ::testing::HasSubstr;

TEST_F(PopefTest, WeightsSurviveSaveResetLoadLoadState) {
  ExampleModel model;
  model.replicas = 2;
  model.rng_state = true;
  const auto executor = MakeLoaded(model);
  const auto before = RandomSteps(model, 3, 2);
  const std::vector<ExampleStep> after(3, RandomStep(model, 2, 77));
  const std::vector<double> first = Losses(*executor, model, before, true);
  const auto state = executor->SaveState();
  ASSERT_TRUE(state.ok()) << state.status();
  const std::vector<double> expected = Losses(*executor, model, after, true);

  ASSERT_TRUE(executor->Reset().ok());
  EXPECT_EQ(fake_poplar::GetCounts().resets, 1);
  ASSERT_TRUE(executor->Load().ok());
  ASSERT_TRUE(executor->LoadState(*state).ok());
  EXPECT_EQ(executor->SaveState().value(), *state);  // also the generators' states
  EXPECT_EQ(Losses(*executor, model, after, true), expected);

  // A reset loses them: Load alone brings the file's.
  ASSERT_TRUE(executor->Reset().ok());
  ASSERT_TRUE(executor->Load().ok());
  EXPECT_EQ(Losses(*executor, model, before, true), first);
}

TEST_F(PopefTest, SavingBetweenAnnouncedStepsChangesNothing) {
  ExampleModel model;
  model.buffering = 2;
  const auto steps = RandomSteps(model, 2, 1);
  std::vector<double> expected;
  { expected = Losses(*MakeLoaded(model), model, steps, false); }
  for (const bool invalidate : {false, true}) {
    fake_poplar::SetInvalidateAfterRun(invalidate);
    const auto executor = MakeLoaded(model);
    const StepInputs first = steps[0].Inputs(model);
    const StepInputs second = steps[1].Inputs(model);
    ASSERT_TRUE(executor->Run(first, &second).ok());
    const std::string state = executor->SaveState().value();
    ASSERT_TRUE(executor->LoadState(state).ok());
    const auto result = executor->Run(second, nullptr);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result->loss, expected[1]);
  }
}

TEST_F(PopefTest, StatesGoToAnotherExecutor) {
  ExampleModel model;
  std::string state;
  std::vector<double> expected;
  const auto steps = RandomSteps(model, 4, 1);
  {
    const auto executor = MakeLoaded(model);
    Losses(*executor, model, steps, false);
    state = executor->SaveState().value();
    expected = Losses(*executor, model, steps, false);
  }
  const auto executor = MakeLoaded(model);
  ASSERT_TRUE(executor->LoadState(state).ok());
  EXPECT_EQ(Losses(*executor, model, steps, false), expected);
}

TEST_F(PopefTest, StatesOfOtherModelsAreRefusedByName) {
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const std::string state = executor->SaveState().value();
  const auto expect_refused = [](const absl::Status& status, const char* part) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ErrorClassOf(status), "state");
    EXPECT_EQ(ActionOf(status), ErrorAction::kExit);
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  };
  expect_refused(executor->LoadState("not a state"), "GFPOPEF1");
  std::string damaged = state;
  damaged[damaged.size() / 2] ^= 1;
  expect_refused(executor->LoadState(damaged), "damaged");
  expect_refused(executor->LoadState(state.substr(0, state.size() - 1)), "damaged");
  ASSERT_TRUE(executor->Reset().ok());

  setenv("FAKE_POPLAR_DEVICES", "1,1,1", 1);
  ExampleModel wider = model;
  wider.hidden = 5;
  expect_refused(MakeLoaded(wider)->LoadState(state),
                 "tensor w_self is F32[3, 4], and the model's is F32[3, 5]");
  ExampleModel more = model;
  more.rng_state = true;
  expect_refused(MakeLoaded(more)->LoadState(state), "lacks tensor rng_state");
  ExampleModel inference = model;
  inference.trains = false;
  expect_refused(MakeLoaded(inference)->LoadState(state), "no tensor learning_rate");
}

}  // namespace
}  // namespace graphfeed
