#ifndef FAKE_POPLAR_POPLAR_EXECUTABLE_HPP
#define FAKE_POPLAR_POPLAR_EXECUTABLE_HPP

#include <istream>
#include <memory>

namespace fake_poplar {
struct Program;
}

namespace poplar {

// "FAKEPOPLAR1\n" and JSON: fake_poplar/program.h.
class Executable {
 public:
  static Executable deserialize(std::unique_ptr<std::istream> in, bool check_package_hash = true);
  const std::shared_ptr<const fake_poplar::Program>& program() const { return program_; }

 private:
  std::shared_ptr<const fake_poplar::Program> program_;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_EXECUTABLE_HPP
