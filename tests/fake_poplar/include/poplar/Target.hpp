#ifndef FAKE_POPLAR_POPLAR_TARGET_HPP
#define FAKE_POPLAR_POPLAR_TARGET_HPP

#include <string>
#include <utility>

#include "poplar/StringRef.hpp"
#include "poplar/TargetType.hpp"

namespace poplar {

class Target {
 public:
  Target(unsigned num_ipus, std::string architecture)
      : num_ipus_(num_ipus), architecture_(std::move(architecture)) {}
  TargetType getTargetType() const { return TargetType::IPU; }
  unsigned getNumIPUs() const { return num_ipus_; }
  StringRef getTargetArchString() const { return architecture_; }

 private:
  unsigned num_ipus_;
  std::string architecture_;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_TARGET_HPP
