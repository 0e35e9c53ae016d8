#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_DEVICE_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_DEVICE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/worker/popef_executor.h"
#include "client/worker/popef_model.h"
#include "client/worker/popef_streams.h"

namespace graphfeed {

// "poplar", or "fake-poplar" where tests are linked with a stand-in; and the version of it.
std::string PoplarRuntime();
std::string PoplarVersion();

// An attached device and the engine that is loaded on it: all that calls Poplar. Every exception
// becomes an error as popef_executor.h lists them. Thread-compatible.
class PopefDevice {
 public:
  explicit PopefDevice(const PopefOptions& options);
  ~PopefDevice();
  PopefDevice(const PopefDevice&) = delete;
  PopefDevice& operator=(const PopefDevice&) = delete;

  // Attaches a device that is as the model needs it, if none is attached yet.
  absl::Status Attach(const PopefModel& model);
  // A new engine, loaded on the device; `engine_options` go over the model's. Streams are connected
  // before anything is run.
  absl::Status LoadEngine(const PopefModel& model,
                          const std::map<std::string, std::string>& engine_options);
  bool loaded() const;

  // `replica` is nullopt if all replicas share the stream. What is connected is shared with the
  // engine, which may outlive this object after a hang; so it owns what it needs.
  absl::Status ConnectInput(const std::string& handle, std::optional<unsigned> replica,
                            std::shared_ptr<StagedSteps> steps, StagedSteps::Stream* stream);
  absl::Status ConnectCallback(const std::string& handle, std::optional<unsigned> replica,
                               std::function<void(void*)> callback);

  // Runs the programs one after the other, within the deadline of the options all together.
  absl::Status Run(const std::vector<uint32_t>& programs, const std::string& name);

  // Drops the engine and resets the device, which stays attached.
  absl::Status Reset();

 private:
  struct State;
  PopefOptions options_;
  std::shared_ptr<State> state_;  // also a thread's that runs the engine
  bool hung_ = false;             // that thread never came back
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_DEVICE_H_
