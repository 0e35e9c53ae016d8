#ifndef FAKE_POPLAR_POPLAR_DEVICEMANAGER_HPP
#define FAKE_POPLAR_POPLAR_DEVICEMANAGER_HPP

#include <vector>

#include "poplar/Device.hpp"
#include "poplar/OptionFlags.hpp"
#include "poplar/TargetType.hpp"

namespace poplar {

class DeviceManager {
 public:
  static DeviceManager createDeviceManager() { return DeviceManager(); }
  std::vector<Device> getDevices(TargetType type, unsigned num_ipus,
                                 const OptionFlags& options = {}) const;
  Device getDevice(unsigned id, const OptionFlags& options = {}) const;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_DEVICEMANAGER_HPP
