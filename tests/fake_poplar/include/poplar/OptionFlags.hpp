#ifndef FAKE_POPLAR_POPLAR_OPTIONFLAGS_HPP
#define FAKE_POPLAR_POPLAR_OPTIONFLAGS_HPP

#include <map>
#include <string>

#include "poplar/StringRef.hpp"

namespace poplar {

class OptionFlags {
 public:
  using iterator = std::map<std::string, std::string>::const_iterator;
  void set(StringRef name, StringRef value) { flags_[name] = std::string(value); }
  iterator begin() const { return flags_.begin(); }
  iterator end() const { return flags_.end(); }

 private:
  std::map<std::string, std::string> flags_;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_OPTIONFLAGS_HPP
