#include "storage/graph/float16.h"

#include <bit>
#include <cmath>
#include <limits>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace graphfeed {
namespace {

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

void ConvertByLoop(const float* values, size_t count, uint16_t* bits) {
  for (size_t i = 0; i < count; ++i) bits[i] = RoundToFloat16(values[i]);
}

#if defined(__x86_64__)
bool HasF16c() {
  unsigned int eax = 0;
  unsigned int ebx = 0;
  unsigned int ecx = 0;
  unsigned int edx = 0;
  return __builtin_cpu_supports("avx") != 0 && __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 &&
         (ecx & bit_F16C) != 0;
}

constexpr int kNearestEven = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

__attribute__((target("avx,f16c"))) void ConvertByF16c(const float* values, size_t count,
                                                       uint16_t* bits) {
  constexpr size_t kLanes = 8;
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bits + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(values + i), kNearestEven));
  }
  ConvertByLoop(values + i, count - i, bits + i);
}
#endif

}  // namespace

std::vector<Float16Conversion> AvailableFloat16Conversions() {
  std::vector<Float16Conversion> available = {&ConvertByLoop};
#if defined(__x86_64__)
  if (HasF16c()) available.push_back(&ConvertByF16c);
#endif
  return available;
}

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

uint16_t Float16FromFloat(float value) { return RoundToFloat16(value); }

void Float16FromFloats(const float* values, size_t count, uint16_t* bits) {
  static const Float16Conversion convert = AvailableFloat16Conversions().back();
  convert(values, count, bits);
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
