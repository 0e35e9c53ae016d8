#ifndef GRAPHFEED_STORAGE_BASE_LITTLE_ENDIAN_H_
#define GRAPHFEED_STORAGE_BASE_LITTLE_ENDIAN_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

namespace graphfeed {

// Rows are stored and gathered as they lie in memory.
static_assert(std::endian::native == std::endian::little, "storage is little-endian");

// Unsigned integers in bytes that need not be aligned.
template <typename T>
void StoreLittleEndian(T value, char* bytes) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
}

template <typename T>
T LoadLittleEndian(const char* bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= T{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

inline void AppendInt64(int64_t value, std::string& bytes) {
  char buffer[sizeof(value)];
  StoreLittleEndian(static_cast<uint64_t>(value), buffer);
  bytes.append(buffer, sizeof(buffer));
}

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_LITTLE_ENDIAN_H_
