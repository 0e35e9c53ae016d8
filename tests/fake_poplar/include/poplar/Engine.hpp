#ifndef FAKE_POPLAR_POPLAR_ENGINE_HPP
#define FAKE_POPLAR_POPLAR_ENGINE_HPP

#include <functional>
#include <memory>
#include <string>

#include "poplar/Device.hpp"
#include "poplar/Executable.hpp"
#include "poplar/OptionFlags.hpp"
#include "poplar/StreamCallback.hpp"
#include "poplar/StringRef.hpp"

namespace fake_poplar {
class Runner;
}

namespace poplar {

// What connectStreamToCallback takes: a callback, or a function without read-ahead.
class StreamCallbackHandle {
 public:
  StreamCallbackHandle(std::unique_ptr<StreamCallback> callback);
  StreamCallbackHandle(std::function<void(void*)> callback);
  std::shared_ptr<StreamCallback> callback;
};

class Engine {
 public:
  explicit Engine(Executable executable, const OptionFlags& options = {});
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  void load(const Device& device);
  void run(unsigned program = 0, const std::string& debug_name = "");
  void stop();  // from any thread
  void connectStreamToCallback(StringRef handle, StreamCallbackHandle callback);
  void connectStreamToCallback(StringRef handle, unsigned replica, StreamCallbackHandle callback);

 private:
  std::unique_ptr<fake_poplar::Runner> runner_;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_ENGINE_HPP
