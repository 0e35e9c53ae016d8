// Devices are held by one process at a time.

#include <signal.h>

#include <thread>

#include "client/worker/popef_executor.h"
#include "fake_poplar/control.hpp"
#include "gmock/gmock.h"
#include "tests/client/worker/popef_test.h"
#include "tests/support/child_process.h"

namespace graphfeed {
namespace {

using fake_poplar::ExampleModel;
using ::testing::HasSubstr;

class PopefAttachTest : public PopefTest {
 protected:
  PopefAttachTest() { setenv("FAKE_POPLAR_DEVICES", "1", 1); }

  // Another process with the model loaded.
  std::unique_ptr<ChildProcess> StartHolder() {
    auto holder = ChildProcess::Start({POPEF_HOLDER, Options(ExampleModel()).model_files[0]});
    EXPECT_TRUE(holder.ok()) << holder.status();
    EXPECT_EQ((*holder)->ReadLine(), "loaded");
    return *std::move(holder);
  }
};

TEST_F(PopefAttachTest, ADeviceThatIsHeldIsAnErrorAfterTheDeadline) {
  const auto holder = StartHolder();
  PopefOptions options = Options(ExampleModel());
  options.attach_timeout = absl::Milliseconds(200);
  auto executor = NewPopefExecutor(options);
  const absl::Status status = (*executor)->Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorClassOf(status), "attach_timeout");
  EXPECT_EQ(ActionOf(status), ErrorAction::kExit);
  EXPECT_THAT(std::string(status.message()), HasSubstr("held by other processes"));
  options.device_id = 0;
  EXPECT_THAT(std::string((*NewPopefExecutor(options))->Load().message()),
              HasSubstr("could not attach to device 0"));
}

TEST_F(PopefAttachTest, ADeviceThatBecomesFreeIsTaken) {
  auto holder = StartHolder();
  const auto executor = Make(ExampleModel());
  std::thread end([&holder] { holder = nullptr; });
  EXPECT_TRUE(executor->Load().ok());
  end.join();
}

TEST_F(PopefAttachTest, AProcessThatDiesLetsGo) {
  const auto holder = StartHolder();
  kill(holder->pid(), SIGKILL);
  EXPECT_TRUE(Make(ExampleModel())->Load().ok());
}

TEST_F(PopefAttachTest, AnotherDeviceIsTakenIfOneIsHeld) {
  setenv("FAKE_POPLAR_DEVICES", "1,2,1", 1);
  const auto holder = StartHolder();
  PopefOptions options = Options(ExampleModel());
  options.attach_timeout = absl::ZeroDuration();
  EXPECT_TRUE((*NewPopefExecutor(options))->Load().ok());
}

TEST_F(PopefAttachTest, TheDeviceStaysAttachedThroughAReset) {
  const auto executor = MakeLoaded(ExampleModel());
  ASSERT_TRUE(executor->Reset().ok());
  PopefOptions options = Options(ExampleModel());
  options.attach_timeout = absl::ZeroDuration();
  EXPECT_EQ(ErrorClassOf((*NewPopefExecutor(options))->Load()), "attach_timeout");
  EXPECT_TRUE(executor->Load().ok());
}

TEST_F(PopefAttachTest, BusyAttemptsAreRepeated) {
  fake_poplar::Inject("attach=busyx3");
  EXPECT_TRUE(Make(ExampleModel())->Load().ok());
}

TEST_F(PopefAttachTest, AnotherProcessTakesItsErrorsFromTheEnvironment) {
  setenv("FAKE_POPLAR_INJECT", "load=link", 1);
  auto holder = ChildProcess::Start({POPEF_HOLDER, Options(ExampleModel()).model_files[0]});
  unsetenv("FAKE_POPLAR_INJECT");
  ASSERT_TRUE(holder.ok());
  EXPECT_THAT((*holder)->ReadLine().value_or(""), HasSubstr("injected link at load"));
}

TEST_F(PopefAttachTest, WaitingCanBeCancelled) {
  const auto holder = StartHolder();
  PopefOptions options = Options(ExampleModel());
  options.attach_timeout = absl::Hours(1);
  int asked = 0;
  options.cancelled = [&asked] { return ++asked == 2; };
  const absl::Status status = (*NewPopefExecutor(options))->Load();
  EXPECT_EQ(ErrorClassOf(status), "cancelled");
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
}

TEST_F(PopefAttachTest, DevicesThatDoNotFitTheModel) {
  const auto expect_error = [](const PopefOptions& options, const char* error_class,
                               const char* part) {
    const absl::Status status = (*NewPopefExecutor(options))->Load();
    EXPECT_EQ(ErrorClassOf(status), error_class);
    EXPECT_EQ(ActionOf(status), ErrorAction::kExit);
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  };
  ExampleModel two;
  two.replicas = 2;
  PopefOptions options = Options(two);
  options.attach_timeout = absl::ZeroDuration();
  expect_error(options, "attach_timeout", "one of 0 devices with 2 IPUs");
  options.device_id = 0;
  expect_error(options, "device", "device 0 has 1 IPUs; the model was compiled for 2 (2 replicas)");
  options.device_id = 7;
  expect_error(options, "load", "no device with id 7");

  setenv("FAKE_POPLAR_ARCH", "ipu1", 1);
  options = Options(ExampleModel());
  expect_error(options, "device", "is of architecture ipu1; the model was compiled for ipu2");
  unsetenv("FAKE_POPLAR_ARCH");
  EXPECT_TRUE((*NewPopefExecutor(options))->Load().ok());  // and it was let go
}

}  // namespace
}  // namespace graphfeed
