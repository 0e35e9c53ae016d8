#include "storage/graph/dtype.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

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

// C++ leaves a conversion beyond float's range undefined; IEEE rounds it to infinity.
float FloatFromDouble(double value) {
  constexpr double kMax = std::numeric_limits<float>::max();
  if (std::abs(value) <= kMax || std::isnan(value)) return static_cast<float>(value);
  // Up to half a unit in the last place above the maximum rounds down to it.
  constexpr double kRoundsToInfinity = kMax + 0x1p103;
  const float magnitude = std::abs(value) < kRoundsToInfinity
                              ? std::numeric_limits<float>::max()
                              : std::numeric_limits<float>::infinity();
  return std::copysign(magnitude, static_cast<float>(std::signbit(value) ? -1 : 1));
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

// Without branches, so that the compiler can vectorise loops over it: all cases are computed, one
// is selected.
inline uint16_t RoundToFloat16(float value) {
  const auto bits = std::bit_cast<int32_t>(value);
  const int32_t magnitude = bits & 0x7fffffff;
  // Below 2^-14 the result is subnormal: adding 0.5 aligns the unit in the last place with 2^-24
  // and lets the addition round to even.
  const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
  const int32_t subnormal = std::bit_cast<int32_t>(aligned) - 0x3f000000;
  // The exponent's bias goes from 127 to 15; an odd last place rounds a tie up.
  const int32_t odd = (magnitude >> 13) & 1;
  const int32_t normal = static_cast<int32_t>(
      (static_cast<uint32_t>(magnitude) - 0x38000000u + 0xfffu + static_cast<uint32_t>(odd)) >> 13);
  const int32_t nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);  // quiet, with the top of its payload
  int32_t result = magnitude < 0x38800000 ? subnormal : normal;
  result = magnitude >= 0x477ff000 ? 0x7c00 : result;  // 65520 and above
  result = magnitude > 0x7f800000 ? nan : result;
  return static_cast<uint16_t>(result | ((bits >> 16) & 0x8000));
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

uint16_t Float16FromFloat(float value) { return RoundToFloat16(value); }

void Float16FromFloats(const float* values, size_t count, uint16_t* bits) {
  for (size_t i = 0; i < count; ++i) bits[i] = RoundToFloat16(values[i]);
}

uint16_t Float16FromDouble(double value) {
  if (std::isnan(value)) return Float16FromFloat(static_cast<float>(value));
  float narrowed = FloatFromDouble(value);
  if (std::isfinite(narrowed) && static_cast<double>(narrowed) != value) {
    // Round to odd, so that the second rounding sees on which side of a tie the value lies.
    uint32_t bits = std::bit_cast<uint32_t>(narrowed);
    if (std::abs(static_cast<double>(narrowed)) > std::abs(value)) --bits;
    narrowed = std::bit_cast<float>(bits | 1u);
  }
  return Float16FromFloat(narrowed);
}

float FloatFromFloat16(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {  // zero or subnormal: fraction x 2^-24, exact
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  const uint32_t rebiased = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | (rebiased << 23) | (fraction << 13));
}

}  // namespace graphfeed
