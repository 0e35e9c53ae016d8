#include "client/worker/popef_device.h"

#include <algorithm>
#include <poplar/Device.hpp>
#include <poplar/DeviceManager.hpp>
#include <poplar/Engine.hpp>
#include <poplar/Executable.hpp>
#include <poplar/Graph.hpp>
#include <poplar/OptionFlags.hpp>
#include <poplar/StreamCallback.hpp>
#include <poplar/Target.hpp>
#include <poplar/TargetType.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/worker/popef_errors.h"
#include "client/worker/popef_watchdog.h"
#include "storage/base/status_macros.h"

// Defined by the stand-in for the SDK that tests are linked with, and by nothing else: whatever is
// linked with it says so.
extern "C" __attribute__((weak)) const char* graphfeed_fake_poplar_runtime();

namespace graphfeed {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(20);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
constexpr absl::Duration kLongestGrace = absl::Seconds(5);  // for an engine that was told to stop

poplar::OptionFlags Flags(const std::map<std::string, std::string>& options) {
  poplar::OptionFlags flags;
  for (const auto& [name, value] : options) flags.set(name, value);
  return flags;
}

// Poplar's side of a stream of inputs.
class StagedCallback : public poplar::StreamCallback {
 public:
  StagedCallback(std::shared_ptr<StagedSteps> steps, StagedSteps::Stream* stream)
      : steps_(std::move(steps)), stream_(stream) {}

  Result prefetch(void* buffer) noexcept override {
    return stream_->Prefetch(buffer) ? Result::Success : Result::NotAvailable;
  }
  void fetch(void* buffer) noexcept override { stream_->Fetch(buffer); }
  void complete() noexcept override { stream_->Complete(); }
  void invalidatePrefetched() noexcept override { stream_->Invalidate(); }

 private:
  const std::shared_ptr<StagedSteps> steps_;
  StagedSteps::Stream* const stream_;  // of steps_
};

absl::Status DeviceError(absl::string_view message) {
  return ExecutorError(ErrorAction::kExit, "device", absl::StatusCode::kFailedPrecondition,
                       message);
}

absl::Status CheckDevice(const poplar::Device& device, const PopefModel& model) {
  const poplar::Target& target = device.getTarget();
  const std::string name = absl::StrCat("device ", device.getId());
  const auto num_ipus = static_cast<int64_t>(target.getNumIPUs());
  if (num_ipus != model.num_ipus) {
    return DeviceError(absl::StrCat(name, " has ", num_ipus, " IPUs; the model was compiled for ",
                                    model.num_ipus, " (", model.replicas, " replicas)"));
  }
  const std::string architecture = target.getTargetArchString();
  const std::string expected = absl::StrCat("ipu", model.ipu_version);
  if (model.ipu_version > 0 && architecture != expected) {
    return DeviceError(absl::StrCat(name, " is of architecture ", architecture,
                                    "; the model was compiled for ", expected));
  }
  return absl::OkStatus();
}

// For what a thread that hangs owns too: should it come back, the engine is not destroyed on it in
// the midst of the process's end.
void KeepForever(std::shared_ptr<void> kept) {
  static auto& all = *new std::vector<std::shared_ptr<void>>;
  all.push_back(std::move(kept));
}

}  // namespace

struct PopefDevice::State {
  // The engine goes first when all of this does.
  std::unique_ptr<poplar::DeviceManager> manager;
  std::unique_ptr<poplar::Device> device;
  std::unique_ptr<poplar::Engine> engine;
};

std::string PoplarRuntime() {
  return graphfeed_fake_poplar_runtime != nullptr ? graphfeed_fake_poplar_runtime() : "poplar";
}

std::string PoplarVersion() { return poplar::versionString(); }

PopefDevice::PopefDevice(const PopefOptions& options)
    : options_(options), state_(std::make_shared<State>()) {}

PopefDevice::~PopefDevice() {
  if (hung_) KeepForever(std::move(state_));
}

bool PopefDevice::loaded() const { return state_->engine != nullptr && !hung_; }

absl::Status PopefDevice::Attach(const PopefModel& model) try {
  if (state_->device != nullptr) return absl::OkStatus();
  state_->manager =
      std::make_unique<poplar::DeviceManager>(poplar::DeviceManager::createDeviceManager());
  const poplar::OptionFlags flags = Flags(model.device_options);
  const absl::Time deadline = absl::Now() + options_.attach_timeout;
  absl::Duration pause = kFirstPause;
  for (;;) {
    std::vector<poplar::Device> devices;
    if (options_.device_id.has_value()) {
      devices.push_back(state_->manager->getDevice(*options_.device_id, flags));
      GF_RETURN_IF_ERROR(CheckDevice(devices.front(), model));
    } else {
      devices = state_->manager->getDevices(poplar::TargetType::IPU,
                                            static_cast<unsigned>(model.num_ipus), flags);
    }
    for (poplar::Device& device : devices) {
      if (!device.attach()) continue;
      state_->device = std::make_unique<poplar::Device>(std::move(device));
      absl::Status status = CheckDevice(*state_->device, model);
      if (status.ok()) return status;
      state_->device->detach();
      state_->device = nullptr;
      return status;
    }
    if (options_.cancelled && options_.cancelled()) {
      return ExecutorError(ErrorAction::kExit, "cancelled", absl::StatusCode::kCancelled,
                           "cancelled while waiting for a device");
    }
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      const std::string wanted =
          options_.device_id.has_value()
              ? absl::StrCat("device ", *options_.device_id)
              : absl::StrCat("one of ", devices.size(), " devices with ", model.num_ipus, " IPUs");
      return ExecutorError(
          ErrorAction::kExit, "attach_timeout", absl::StatusCode::kUnavailable,
          absl::StrCat("could not attach to ", wanted, " within ",
                       absl::FormatDuration(options_.attach_timeout),
                       devices.empty() ? ": there is none" : ": held by other processes"));
    }
    absl::SleepFor(std::min(pause, left));
    pause = std::min(pause * 2, kLongestPause);
  }
} catch (...) {
  return PopefExceptionStatus(true, "attaching to a device");
}

absl::Status PopefDevice::LoadEngine(const PopefModel& model,
                                     const std::map<std::string, std::string>& engine_options) try {
  std::map<std::string, std::string> options = model.engine_options;
  for (const auto& [name, value] : engine_options) options[name] = value;
  poplar::Executable executable = poplar::Executable::deserialize(model.open_executable());
  auto engine = std::make_unique<poplar::Engine>(std::move(executable), Flags(options));
  engine->load(*state_->device);
  state_->engine = std::move(engine);
  return absl::OkStatus();
} catch (...) {
  return PopefExceptionStatus(true, "loading the executable");
}

absl::Status PopefDevice::ConnectInput(const std::string& handle, std::optional<unsigned> replica,
                                       std::shared_ptr<StagedSteps> steps,
                                       StagedSteps::Stream* stream) try {
  std::unique_ptr<poplar::StreamCallback> callback =
      std::make_unique<StagedCallback>(std::move(steps), stream);
  if (replica.has_value()) {
    state_->engine->connectStreamToCallback(handle, *replica, std::move(callback));
  } else {
    state_->engine->connectStreamToCallback(handle, std::move(callback));
  }
  return absl::OkStatus();
} catch (...) {
  return PopefExceptionStatus(true, absl::StrCat("connecting stream ", handle));
}

absl::Status PopefDevice::ConnectCallback(const std::string& handle,
                                          std::optional<unsigned> replica,
                                          std::function<void(void*)> callback) try {
  if (replica.has_value()) {
    state_->engine->connectStreamToCallback(handle, *replica, std::move(callback));
  } else {
    state_->engine->connectStreamToCallback(handle, std::move(callback));
  }
  return absl::OkStatus();
} catch (...) {
  return PopefExceptionStatus(true, absl::StrCat("connecting stream ", handle));
}

absl::Status PopefDevice::Run(const std::vector<uint32_t>& programs, const std::string& name) {
  if (programs.empty()) return absl::OkStatus();
  bool ended = true;
  absl::Status status = RunWithDeadline(
      [state = state_, programs, name]() -> absl::Status {
        try {
          for (const uint32_t program : programs) state->engine->run(program, name);
          return absl::OkStatus();
        } catch (...) {
          return PopefExceptionStatus(false, absl::StrCat("running ", name));
        }
      },
      [state = state_] {
        try {
          state->engine->stop();
        } catch (...) {  // the run is given up anyway
          return;
        }
      },
      options_.run_timeout, std::min(options_.run_timeout, kLongestGrace), &ended);
  if (!ended) hung_ = true;
  return status;
}

absl::Status PopefDevice::Reset() try {
  if (hung_) {
    return ExecutorError(ErrorAction::kExit, "hang", absl::StatusCode::kDeadlineExceeded,
                         "the device still runs and cannot be reset");
  }
  state_->engine = nullptr;
  if (state_->device != nullptr) state_->device->reset();
  return absl::OkStatus();
} catch (...) {
  return PopefExceptionStatus(false, "resetting the device");
}

}  // namespace graphfeed
