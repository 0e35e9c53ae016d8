#include "storage/graph/dtype.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "storage/graph/float16.h"

namespace graphfeed {
namespace {

struct DTypeRow {
  DType dtype;
  size_t size;
  absl::string_view name;
};

constexpr DTypeRow kDTypes[] = {
    {DType::kBool, 1, "bool"},       {DType::kUint8, 1, "uint8"},
    {DType::kInt8, 1, "int8"},       {DType::kInt16, 2, "int16"},
    {DType::kInt32, 4, "int32"},     {DType::kInt64, 8, "int64"},
    {DType::kFloat16, 2, "float16"}, {DType::kFloat32, 4, "float32"},
    {DType::kFloat64, 8, "float64"}, {DType::kString, 0, "string"},
};

const DTypeRow* FindRow(DType dtype) {
  for (const DTypeRow& row : kDTypes) {
    if (row.dtype == dtype) return &row;
  }
  return nullptr;
}

// Whether trunc(value) lies in T's range; false for NaN. The bounds below are powers of two, so
// they are exact as doubles.
template <typename T>
bool TruncatesInto(double value) {
  const double truncated = std::trunc(value);
  const double above = std::ldexp(1.0, std::numeric_limits<T>::digits);  // max + 1
  const double lowest = std::numeric_limits<T>::is_signed ? -above : 0.0;
  return truncated >= lowest && truncated < above;
}

template <typename T>
void FillWith(T value, size_t count, std::byte* dst) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  // All pad values in practice, zero above all, repeat one byte.
  if (std::all_of(bytes, bytes + sizeof(T), [&](unsigned char b) { return b == bytes[0]; })) {
    std::memset(dst, bytes[0], count * sizeof(T));
    return;
  }
  for (size_t i = 0; i < count; ++i) std::memcpy(dst + i * sizeof(T), &value, sizeof(T));
}

}  // namespace

size_t SizeOf(DType dtype) {
  const DTypeRow* row = FindRow(dtype);
  return row == nullptr ? 0 : row->size;
}

absl::string_view DTypeName(DType dtype) {
  const DTypeRow* row = FindRow(dtype);
  return row == nullptr ? "unknown" : row->name;
}

std::optional<DType> ParseDType(absl::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

bool IsInteger(DType dtype) {
  switch (dtype) {
    case DType::kUint8:
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
      return true;
    default:
      return false;
  }
}

bool IsFloat(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kFloat32 || dtype == DType::kFloat64;
}

bool CanHold(DType dtype, double value) {
  switch (dtype) {
    case DType::kBool:
    case DType::kFloat16:
    case DType::kFloat32:
    case DType::kFloat64:
      return true;
    case DType::kUint8:
      return TruncatesInto<uint8_t>(value);
    case DType::kInt8:
      return TruncatesInto<int8_t>(value);
    case DType::kInt16:
      return TruncatesInto<int16_t>(value);
    case DType::kInt32:
      return TruncatesInto<int32_t>(value);
    case DType::kInt64:
      return TruncatesInto<int64_t>(value);
    case DType::kString:
      return false;
  }
  return false;
}

void Fill(DType dtype, double value, size_t count, std::byte* dst) {
  switch (dtype) {
    case DType::kBool:
      return FillWith<uint8_t>(value != 0, count, dst);
    case DType::kUint8:
      return FillWith(static_cast<uint8_t>(value), count, dst);
    case DType::kInt8:
      return FillWith(static_cast<int8_t>(value), count, dst);
    case DType::kInt16:
      return FillWith(static_cast<int16_t>(value), count, dst);
    case DType::kInt32:
      return FillWith(static_cast<int32_t>(value), count, dst);
    case DType::kInt64:
      return FillWith(static_cast<int64_t>(value), count, dst);
    case DType::kFloat16:
      return FillWith(Float16FromDouble(value), count, dst);
    case DType::kFloat32:
      return FillWith(FloatFromDouble(value), count, dst);
    case DType::kFloat64:
      return FillWith(value, count, dst);
    case DType::kString:
      return;
  }
}

}  // namespace graphfeed
