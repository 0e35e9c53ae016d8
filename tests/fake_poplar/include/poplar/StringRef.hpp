#ifndef FAKE_POPLAR_POPLAR_STRINGREF_HPP
#define FAKE_POPLAR_POPLAR_STRINGREF_HPP

#include <cstddef>
#include <string>

namespace poplar {

// Text that somebody else owns.
class StringRef {
 public:
  StringRef(const char* text) : StringRef(std::string(text).size(), text) {}
  StringRef(const std::string& text) : StringRef(text.size(), text.data()) {}
  operator std::string() const { return std::string(data_, size_); }

 private:
  StringRef(std::size_t size, const char* data) : data_(data), size_(size) {}
  const char* data_;
  std::size_t size_;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_STRINGREF_HPP
