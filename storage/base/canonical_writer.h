#ifndef GRAPHFEED_STORAGE_BASE_CANONICAL_WRITER_H_
#define GRAPHFEED_STORAGE_BASE_CANONICAL_WRITER_H_

#include <bit>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"

namespace graphfeed {

// Appends values in the canonical encoding that is stored and hashed: numbers little-endian, a
// bool as one byte 0 or 1, a double as the bits of its IEEE binary64, a string as its
// length (u32) and its bytes. A list is its length (u32) and its entries, written one by one.
class CanonicalWriter {
 public:
  void U8(uint8_t value) { bytes_.push_back(static_cast<char>(value)); }
  void Bool(bool value) { U8(value ? 1 : 0); }
  void U32(uint32_t value) { Little(value, 4); }
  void U64(uint64_t value) { Little(value, 8); }
  void I64(int64_t value) { Little(static_cast<uint64_t>(value), 8); }
  void Double(double value) { U64(std::bit_cast<uint64_t>(value)); }
  void String(absl::string_view value) {
    U32(static_cast<uint32_t>(value.size()));
    bytes_.append(value.data(), value.size());
  }

  // `write(*this, entry)` for each entry, after their number.
  template <typename List, typename Write>
  void ListOf(const List& list, Write write) {
    U32(static_cast<uint32_t>(list.size()));
    for (const auto& entry : list) write(*this, entry);
  }
  template <typename List>
  void I64s(const List& list) {
    ListOf(list, [](CanonicalWriter& w, int64_t value) { w.I64(value); });
  }
  template <typename List>
  void Strings(const List& list) {
    ListOf(list, [](CanonicalWriter& w, absl::string_view value) { w.String(value); });
  }

  const std::string& bytes() const { return bytes_; }
  std::string Take() { return std::move(bytes_); }

 private:
  void Little(uint64_t value, int size) {
    for (int i = 0; i < size; ++i) U8(static_cast<uint8_t>(value >> (8 * i)));
  }

  std::string bytes_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_CANONICAL_WRITER_H_
