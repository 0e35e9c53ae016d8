#ifndef GRAPHFEED_TESTS_FAKE_POPLAR_HARDWARE_H_
#define GRAPHFEED_TESTS_FAKE_POPLAR_HARDWARE_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "poplar/Target.hpp"

namespace fake_poplar {

// A device's memory: a variable's values by replica (one for all if they share it).
using DeviceMemory = std::map<std::string, std::vector<std::string>>;

struct Hardware {
  Hardware(unsigned device_id, const poplar::Target& device_target)
      : id(device_id), target(device_target) {}
  ~Hardware();

  const unsigned id;
  const poplar::Target target;
  std::mutex mutex;
  int lock_file = -1;      // held while attached
  bool failed = false;     // a run ended with an error: nothing runs before a reset
  std::int64_t loads = 0;  // of engines and resets: an engine is loaded if nothing came after it
  DeviceMemory memory;
};

// Versions of the fake, which stand in executables.
inline constexpr char kVersion[] = "3.4.0 (fake)";
inline constexpr char kPackageHash[] = "fake-3.4.0";

}  // namespace fake_poplar

#endif  // GRAPHFEED_TESTS_FAKE_POPLAR_HARDWARE_H_
