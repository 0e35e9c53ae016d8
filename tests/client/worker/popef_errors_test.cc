// Every error of the device leads to the action that popef_executor.h documents.

#include <chrono>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "client/worker/popef_executor.h"
#include "client/worker/popef_watchdog.h"
#include "fake_poplar/control.hpp"
#include "gmock/gmock.h"
#include "tests/client/worker/popef_test.h"

namespace graphfeed {
namespace {

using absl::StatusCode;
using fake_poplar::ExampleModel;
using ::testing::HasSubstr;

void ExpectError(const absl::Status& status, const char* error_class, StatusCode code,
                 ErrorAction action) {
  EXPECT_EQ(ErrorClassOf(status), error_class) << status;
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(ActionOf(status), action) << status;
}

struct ErrorCase {
  const char* kind;
  const char* error_class;
  StatusCode code;
  ErrorAction action;
};

std::ostream& operator<<(std::ostream& out, const ErrorCase& error) { return out << error.kind; }

class PopefErrorsTest : public PopefTest, public ::testing::WithParamInterface<ErrorCase> {};
class PopefRunErrorsTest : public PopefErrorsTest {};
class PopefLoadErrorsTest : public PopefErrorsTest {};

TEST_P(PopefRunErrorsTest, OfAStep) {
  const ErrorCase& error = GetParam();
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  ASSERT_TRUE(executor->Run(step.Inputs(model), nullptr).ok());
  fake_poplar::Inject(absl::StrCat("run.main=", error.kind));
  const absl::Status status = executor->Run(step.Inputs(model), nullptr).status();
  ExpectError(status, error.error_class, error.code, error.action);
  EXPECT_THAT(std::string(status.message()), HasSubstr("running step: "));
}

TEST_P(PopefRunErrorsTest, OfADownloadAndAnUpload) {
  const ErrorCase& error = GetParam();
  const ExampleModel model;
  {
    const auto executor = MakeLoaded(model);
    fake_poplar::Inject(absl::StrCat("run.save=", error.kind));
    ExpectError(executor->SaveState().status(), error.error_class, error.code, error.action);
  }
  const auto executor = Make(model);
  fake_poplar::Inject(absl::StrCat("run.load=", error.kind));
  ExpectError(executor->Load(), error.error_class, error.code, error.action);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, PopefRunErrorsTest,
    ::testing::Values(
        ErrorCase{"application", "application", StatusCode::kInternal, ErrorAction::kReset},
        ErrorCase{"IPU_RESET", "recoverable_ipu_reset", StatusCode::kAborted, ErrorAction::kReset},
        ErrorCase{"LINK_RESET", "recoverable_link_reset", StatusCode::kUnavailable,
                  ErrorAction::kExit},
        ErrorCase{"PARTITION_RESET", "recoverable_partition_reset", StatusCode::kUnavailable,
                  ErrorAction::kExit},
        ErrorCase{"FULL_RESET", "recoverable_full_reset", StatusCode::kUnavailable,
                  ErrorAction::kExit},
        ErrorCase{"unrecoverable", "unrecoverable", StatusCode::kInternal, ErrorAction::kExit},
        ErrorCase{"unknown", "unknown", StatusCode::kInternal, ErrorAction::kExit},
        ErrorCase{"poplar", "unknown", StatusCode::kInternal, ErrorAction::kExit},
        ErrorCase{"std", "unknown", StatusCode::kInternal, ErrorAction::kExit},
        ErrorCase{"alien", "unknown", StatusCode::kInternal, ErrorAction::kExit}),
    ::testing::PrintToStringParamName());

TEST_P(PopefLoadErrorsTest, WhereverItComes) {
  const ErrorCase& error = GetParam();
  for (const char* point : {"devices", "attach", "deserialize", "engine", "load", "connect"}) {
    SCOPED_TRACE(point);
    const auto executor = Make(ExampleModel());
    fake_poplar::Inject(absl::StrCat(point, "=", error.kind));
    ExpectError(executor->Load(), error.error_class, error.code, error.action);
  }
}

constexpr ErrorCase LoadCase(const char* kind) {
  return {kind, "load", StatusCode::kFailedPrecondition, ErrorAction::kExit};
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, PopefLoadErrorsTest,
    ::testing::Values(
        LoadCase("link"), LoadCase("memory"), LoadCase("stream_memory"), LoadCase("invalid_option"),
        LoadCase("symbol"), LoadCase("file_load"), LoadCase("parse"), LoadCase("poplar"),
        LoadCase("application"), LoadCase("std"), LoadCase("alien"),
        ErrorCase{"IPU_RESET", "recoverable_ipu_reset", StatusCode::kAborted, ErrorAction::kReset},
        ErrorCase{"PARTITION_RESET", "recoverable_partition_reset", StatusCode::kUnavailable,
                  ErrorAction::kExit},
        ErrorCase{"unrecoverable", "unrecoverable", StatusCode::kInternal, ErrorAction::kExit}),
    ::testing::PrintToStringParamName());

TEST_F(PopefTest, AnotherPackagesExecutableIsRefused) {
  ExampleModel model;
  model.edit = [](fake_poplar::Program& program, popef::Metadata&) {
    program.package_hash = "fake-3.3.0";
  };
  const absl::Status status = Make(model)->Load();
  ExpectError(status, "load", StatusCode::kFailedPrecondition, ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("fake-3.3.0"));
}

TEST_F(PopefTest, UnknownEngineOptionsAreRefused) {
  PopefOptions options = Options(ExampleModel());
  options.engine_options = R"({"exchange.enablePrefetsh": "true"})";
  const absl::Status status = (*NewPopefExecutor(options))->Load();
  ExpectError(status, "load", StatusCode::kFailedPrecondition, ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("exchange.enablePrefetsh"));
}

// The step after a reset gives what it would have given, with the weights of the last state.
TEST_F(PopefTest, AResetRestoresTheWeights) {
  for (const char* kind : {"IPU_RESET", "application"}) {
    ExampleModel model;
    model.device_iterations = 2;
    const std::vector<ExampleStep> steps(3, RandomStep(model, 2, 9));
    std::vector<double> expected;
    std::string state;
    {
      const auto undisturbed = MakeLoaded(model);
      expected = Losses(*undisturbed, model, steps, true);
    }
    const auto executor = MakeLoaded(model);
    Losses(*executor, model, {steps[0]}, false);
    state = executor->SaveState().value();
    fake_poplar::Inject(absl::StrCat("run.main=", kind));
    const StepInputs step = steps[1].Inputs(model);
    // The first of two iterations has changed the weights when the error comes.
    EXPECT_EQ(ActionOf(executor->Run(step, nullptr).status()), ErrorAction::kReset);
    ASSERT_TRUE(executor->Reset().ok());
    ASSERT_TRUE(executor->Load().ok());
    ASSERT_TRUE(executor->LoadState(state).ok());
    EXPECT_EQ(Losses(*executor, model, {steps[1], steps[2]}, true),
              (std::vector<double>{expected[1], expected[2]}));
  }
}

TEST_F(PopefTest, WithoutAResetTheDeviceGoesOnFailing) {
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  fake_poplar::Inject("run.main=IPU_RESET");
  EXPECT_FALSE(executor->Run(step.Inputs(model), nullptr).ok());
  const absl::Status status = executor->Run(step.Inputs(model), nullptr).status();
  ExpectError(status, "application", StatusCode::kInternal, ErrorAction::kReset);
}

TEST_F(PopefTest, ASecondApplicationErrorIsTheEnd) {
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  fake_poplar::Inject("run.main=application@1x2");
  ExpectError(executor->Run(step.Inputs(model), nullptr).status(), "application",
              StatusCode::kInternal, ErrorAction::kReset);
  ASSERT_TRUE(executor->Reset().ok());
  ASSERT_TRUE(executor->Load().ok());
  const absl::Status status = executor->Run(step.Inputs(model), nullptr).status();
  ExpectError(status, "application", StatusCode::kInternal, ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a reset has not cured it"));
}

TEST_F(PopefTest, RecoverableErrorsMayComeAgain) {
  const ExampleModel model;
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  fake_poplar::Inject("run.main=IPU_RESETx3");
  for (int i = 0; i < 3; ++i) {
    ExpectError(executor->Run(step.Inputs(model), nullptr).status(), "recoverable_ipu_reset",
                StatusCode::kAborted, ErrorAction::kReset);
    ASSERT_TRUE(executor->Reset().ok());
    ASSERT_TRUE(executor->Load().ok());
  }
  EXPECT_TRUE(executor->Run(step.Inputs(model), nullptr).ok());
}

TEST_F(PopefTest, AnErrorOfAResetIsTheRunsKind) {
  const auto executor = MakeLoaded(ExampleModel());
  fake_poplar::Inject("reset=unrecoverable");
  ExpectError(executor->Reset(), "unrecoverable", StatusCode::kInternal, ErrorAction::kExit);
}

// What a stream's size is, only the executable knows: a file whose metadata say otherwise is found
// out by the stand-in, whose buffers have guards.
TEST_F(PopefTest, MetadataWithOtherSizesThanTheStreams) {
  ExampleModel model;
  model.edit = [](fake_poplar::Program& program, popef::Metadata&) {
    program.inputs[2].shape = {5};  // y
  };
  const auto executor = MakeLoaded(model);
  const ExampleStep step = RandomStep(model, 1, 1);
  const absl::Status status = executor->Run(step.Inputs(model), nullptr).status();
  ExpectError(status, "unknown", StatusCode::kInternal, ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("stream h2d_y has 20 bytes"));
}

TEST_F(PopefTest, AHangIsStopped) {
  const ExampleModel model;
  PopefOptions options = Options(model);
  options.run_timeout = absl::Seconds(3);
  auto executor = NewPopefExecutor(options);
  ASSERT_TRUE((*executor)->Load().ok());
  fake_poplar::Inject("run.main=hang");
  const ExampleStep step = RandomStep(model, 1, 1);
  const absl::Status status = (*executor)->Run(step.Inputs(model), nullptr).status();
  ExpectError(status, "hang", StatusCode::kDeadlineExceeded, ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("was stopped"));
}

TEST_F(PopefTest, AHangThatCannotBeStoppedReturnsAllTheSame) {
  const ExampleModel model;
  PopefOptions options = Options(model);
  options.run_timeout = absl::Seconds(3);
  auto executor = NewPopefExecutor(options);
  ASSERT_TRUE((*executor)->Load().ok());
  fake_poplar::Inject("run.main=hang_forever");
  const ExampleStep step = RandomStep(model, 1, 1);
  const absl::Status status = (*executor)->Run(step.Inputs(model), nullptr).status();
  ExpectError(status, "hang", StatusCode::kDeadlineExceeded, ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("could not be stopped"));
  ExpectError((*executor)->Run(step.Inputs(model), nullptr).status(), "usage",
              StatusCode::kFailedPrecondition, ErrorAction::kExit);
  ExpectError((*executor)->Reset(), "hang", StatusCode::kDeadlineExceeded, ErrorAction::kExit);
  *executor = nullptr;  // while the thread is still there
  fake_poplar::ReleaseHangs();
}

TEST(WatchdogTest, GivesWhatTheWorkGives) {
  bool ended = false;
  const absl::Status status =
      RunWithDeadline([] { return absl::DataLossError("x"); }, [] { FAIL(); }, absl::Hours(1),
                      absl::ZeroDuration(), &ended);
  EXPECT_EQ(status, absl::DataLossError("x"));
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace graphfeed
