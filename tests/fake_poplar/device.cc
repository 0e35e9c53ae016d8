#include "poplar/Device.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "poplar/DeviceManager.hpp"
#include "poplar/Graph.hpp"
#include "poplar/exceptions.hpp"
#include "tests/fake_poplar/control.h"
#include "tests/fake_poplar/hardware.h"

namespace fake_poplar {
namespace {

std::string FromEnvironment(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

std::string LockPath(unsigned id) {
  const std::filesystem::path folder = FromEnvironment(
      "FAKE_POPLAR_DIR",
      (std::filesystem::temp_directory_path() / ("fake_poplar_" + std::to_string(getuid())))
          .string());
  std::filesystem::create_directories(folder);
  return (folder / ("ipu" + std::to_string(id) + ".lock")).string();
}

std::vector<unsigned> DeviceSizes() {
  std::vector<unsigned> sizes;
  std::stringstream list(FromEnvironment("FAKE_POPLAR_DEVICES", "1,1,2"));
  for (std::string size; std::getline(list, size, ',');) {
    sizes.push_back(static_cast<unsigned>(std::stoul(size)));
  }
  return sizes;
}

std::shared_ptr<Hardware> MakeHardware(unsigned id, unsigned num_ipus) {
  return std::make_shared<Hardware>(
      id, poplar::Target(num_ipus, FromEnvironment("FAKE_POPLAR_ARCH", "ipu2")));
}

void Detach(Hardware& hardware) {
  const std::lock_guard<std::mutex> lock(hardware.mutex);
  if (hardware.lock_file >= 0) close(hardware.lock_file);
  hardware.lock_file = -1;
  hardware.memory.clear();
  ++hardware.loads;
}

}  // namespace

Hardware::~Hardware() {
  if (lock_file >= 0) close(lock_file);
}

}  // namespace fake_poplar

namespace poplar {

using fake_poplar::Hardware;

std::string versionString() { return fake_poplar::kVersion; }
std::string packageHash() { return fake_poplar::kPackageHash; }

Device::Device(std::shared_ptr<Hardware> hardware) : hardware_(std::move(hardware)) {}
Device::Device(Device&& other) noexcept = default;
Device& Device::operator=(Device&& other) noexcept {
  std::swap(hardware_, other.hardware_);
  return *this;
}
Device::~Device() {
  if (hardware_ != nullptr) fake_poplar::Detach(*hardware_);
}

bool Device::attach() const {
  if (fake_poplar::Reach("attach", nullptr)) return false;
  const std::lock_guard<std::mutex> lock(hardware_->mutex);
  if (hardware_->lock_file >= 0) return true;
  const std::string path = fake_poplar::LockPath(hardware_->id);
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) throw unrecoverable_runtime_error("cannot open " + path);
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    close(file);
    return false;
  }
  hardware_->lock_file = file;
  return true;
}

bool Device::isAttached() const {
  const std::lock_guard<std::mutex> lock(hardware_->mutex);
  return hardware_->lock_file >= 0;
}

void Device::detach() const { fake_poplar::Detach(*hardware_); }

void Device::reset() const {
  fake_poplar::Reach("reset", nullptr);
  fake_poplar::Count(&fake_poplar::Counts::resets);
  const std::lock_guard<std::mutex> lock(hardware_->mutex);
  hardware_->memory.clear();
  hardware_->failed = false;
  ++hardware_->loads;
}

unsigned Device::getId() const { return hardware_->id; }
const Target& Device::getTarget() const { return hardware_->target; }

std::vector<Device> DeviceManager::getDevices(TargetType type, unsigned num_ipus,
                                              const OptionFlags& /*options*/) const {
  fake_poplar::Reach("devices", nullptr);
  std::vector<Device> devices;
  const std::vector<unsigned> sizes = fake_poplar::DeviceSizes();
  for (unsigned id = 0; id < sizes.size(); ++id) {
    if (type != TargetType::IPU || sizes[id] != num_ipus) continue;
    devices.emplace_back(fake_poplar::MakeHardware(id, sizes[id]));
  }
  return devices;
}

Device DeviceManager::getDevice(unsigned id, const OptionFlags& /*options*/) const {
  fake_poplar::Reach("devices", nullptr);
  const std::vector<unsigned> sizes = fake_poplar::DeviceSizes();
  if (id >= sizes.size()) throw poplar_error("no device with id " + std::to_string(id));
  return Device(fake_poplar::MakeHardware(id, sizes[id]));
}

}  // namespace poplar
