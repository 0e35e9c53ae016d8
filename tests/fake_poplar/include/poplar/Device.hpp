#ifndef FAKE_POPLAR_POPLAR_DEVICE_HPP
#define FAKE_POPLAR_POPLAR_DEVICE_HPP

#include <memory>

#include "poplar/Target.hpp"

namespace fake_poplar {
struct Hardware;
}

namespace poplar {

// A handle of a device. Attaching is exclusive: among handles and among processes.
class Device {
 public:
  explicit Device(std::shared_ptr<fake_poplar::Hardware> hardware);
  ~Device();
  Device(Device&& other) noexcept;
  Device& operator=(Device&& other) noexcept;

  bool attach() const;
  bool isAttached() const;
  void detach() const;
  void reset() const;
  unsigned getId() const;
  const Target& getTarget() const;

  const std::shared_ptr<fake_poplar::Hardware>& hardware() const { return hardware_; }

 private:
  std::shared_ptr<fake_poplar::Hardware> hardware_;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_DEVICE_HPP
