#include "poplar/Engine.hpp"

#include <iterator>

#include "poplar/exceptions.hpp"
#include "tests/fake_poplar/runner.h"

// Whatever is linked with the fake reports this as its runtime.
extern "C" const char* graphfeed_fake_poplar_runtime() { return "fake-poplar"; }

namespace poplar {
namespace {

// A function in the place of a callback: no read-ahead.
class FunctionCallback : public StreamCallback {
 public:
  explicit FunctionCallback(std::function<void(void*)> function) : function_(std::move(function)) {}
  Result prefetch(void* /*buffer*/) override { return Result::NotAvailable; }
  void fetch(void* buffer) override { function_(buffer); }
  void complete() override {}

 private:
  const std::function<void(void*)> function_;
};

}  // namespace

Executable Executable::deserialize(std::unique_ptr<std::istream> in, bool check_package_hash) {
  fake_poplar::Reach("deserialize", nullptr);
  const std::string bytes(std::istreambuf_iterator<char>(*in), {});
  Executable executable;
  executable.program_ =
      std::make_shared<const fake_poplar::Program>(fake_poplar::ParseProgram(bytes));
  const std::string& hash = executable.program_->package_hash;
  if (check_package_hash && hash != fake_poplar::kPackageHash) {
    throw poplar_error("the executable was compiled by package " + hash + ", this is " +
                       fake_poplar::kPackageHash);
  }
  return executable;
}

StreamCallbackHandle::StreamCallbackHandle(std::unique_ptr<StreamCallback> stream_callback)
    : callback(std::move(stream_callback)) {}
StreamCallbackHandle::StreamCallbackHandle(std::function<void(void*)> function)
    : callback(std::make_shared<FunctionCallback>(std::move(function))) {}

Engine::Engine(Executable executable, const OptionFlags& options)
    : runner_(std::make_unique<fake_poplar::Runner>(executable.program(), options)) {}
Engine::~Engine() = default;

void Engine::load(const Device& device) { runner_->Load(device); }
void Engine::run(unsigned program, const std::string& /*debug_name*/) { runner_->Run(program); }
void Engine::stop() { runner_->Stop(); }

void Engine::connectStreamToCallback(StringRef handle, StreamCallbackHandle callback) {
  runner_->Connect(handle, -1, std::move(callback.callback));
}
void Engine::connectStreamToCallback(StringRef handle, unsigned replica,
                                     StreamCallbackHandle callback) {
  runner_->Connect(handle, static_cast<int>(replica), std::move(callback.callback));
}

}  // namespace poplar
