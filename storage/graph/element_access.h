#ifndef GRAPHFEED_STORAGE_GRAPH_ELEMENT_ACCESS_H_
#define GRAPHFEED_STORAGE_GRAPH_ELEMENT_ACCESS_H_

#include <cstdint>
#include <cstring>

#include "storage/graph/dtype.h"
#include "storage/graph/float16.h"

namespace graphfeed {

// Elements of a column, read and written one by one at any alignment.

template <typename T>
T LoadElement(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof(T));
  return value;
}

template <typename T>
void StoreElement(T value, char* bytes) {
  std::memcpy(bytes, &value, sizeof(T));
}

// Calls `f` with a value of the element type; nothing for strings. bool is a byte.
template <typename F>
auto WithType(DType dtype, F f) {
  switch (dtype) {
    case DType::kInt8:
      return f(int8_t{});
    case DType::kInt16:
      return f(int16_t{});
    case DType::kInt32:
      return f(int32_t{});
    case DType::kInt64:
      return f(int64_t{});
    case DType::kFloat32:
      return f(float{});
    case DType::kFloat64:
      return f(double{});
    default:
      return f(uint8_t{});
  }
}

inline int64_t LoadInt(DType dtype, const char* bytes) {
  return WithType(dtype,
                  [&](auto t) { return static_cast<int64_t>(LoadElement<decltype(t)>(bytes)); });
}

// False if the dtype cannot hold the value.
inline bool StoreInt(DType dtype, int64_t value, char* bytes) {
  return WithType(dtype, [&](auto t) {
    const auto narrow = static_cast<decltype(t)>(value);
    StoreElement(narrow, bytes);
    return static_cast<int64_t>(narrow) == value;
  });
}

// Float dtypes only.
inline double LoadFloat(DType dtype, const char* bytes) {
  if (dtype == DType::kFloat16) return FloatFromFloat16(LoadElement<uint16_t>(bytes));
  return dtype == DType::kFloat32 ? LoadElement<float>(bytes) : LoadElement<double>(bytes);
}

inline void StoreFloat(DType dtype, double value, char* bytes) {
  if (dtype == DType::kFloat16) {
    StoreElement(Float16FromFloat(static_cast<float>(value)), bytes);
  } else if (dtype == DType::kFloat32) {
    StoreElement(static_cast<float>(value), bytes);
  } else {
    StoreElement(value, bytes);
  }
}

// dst += src for `count` elements; bool is "or". False if an integer does not fit any more.
inline bool Accumulate(DType dtype, const char* src, int64_t count, char* dst) {
  const size_t size = SizeOf(dtype);
  for (int64_t i = 0; i < count; ++i, src += size, dst += size) {
    if (dtype == DType::kBool) {
      *dst = static_cast<char>((*dst | *src) != 0);
    } else if (IsFloat(dtype)) {
      StoreFloat(dtype, LoadFloat(dtype, dst) + LoadFloat(dtype, src), dst);
    } else {
      int64_t sum = 0;
      if (__builtin_add_overflow(LoadInt(dtype, dst), LoadInt(dtype, src), &sum) ||
          !StoreInt(dtype, sum, dst)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_ELEMENT_ACCESS_H_
