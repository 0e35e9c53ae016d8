#include "client/worker/conversion.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/check.h"
#include "storage/graph/float16.h"

namespace graphfeed {
namespace {

// A float16 element: 16 bits that are no integer.
struct Half {
  uint16_t bits;
};

// visit(value of the C++ type).
template <typename Visit>
absl::Status WithType(DType dtype, Visit&& visit) {
  if (dtype == DType::kBool) return visit(bool());
  if (dtype == DType::kUint8) return visit(uint8_t());
  if (dtype == DType::kInt8) return visit(int8_t());
  if (dtype == DType::kInt16) return visit(int16_t());
  if (dtype == DType::kInt32) return visit(int32_t());
  if (dtype == DType::kInt64) return visit(int64_t());
  if (dtype == DType::kFloat16) return visit(Half());
  if (dtype == DType::kFloat32) return visit(float());
  GF_CHECK(dtype == DType::kFloat64) << DTypeName(dtype);
  return visit(double());
}

template <typename From, typename To>
absl::Status ConvertAll(size_t count, const std::byte* source, std::byte* target) {
  for (size_t i = 0; i < count; ++i) {
    From from;
    std::memcpy(&from, source + i * sizeof(From), sizeof(From));
    To to;
    if constexpr (std::is_same_v<From, To>) {
      to = from;
    } else if constexpr (std::is_same_v<From, Half>) {
      to = static_cast<To>(FloatFromFloat16(from.bits));
    } else if constexpr (std::is_same_v<To, Half>) {
      to.bits = Float16FromDouble(static_cast<double>(from));
    } else if constexpr (std::is_integral_v<From> && std::is_integral_v<To>) {
      if (!std::in_range<To>(static_cast<int64_t>(from))) {
        return absl::OutOfRangeError(absl::StrCat("element ", i, " is ", static_cast<int64_t>(from),
                                                  ", outside of ",
                                                  int64_t{std::numeric_limits<To>::min()}, " to ",
                                                  int64_t{std::numeric_limits<To>::max()}));
      }
      to = static_cast<To>(from);
    } else {
      to = static_cast<To>(from);
    }
    std::memcpy(target + i * sizeof(To), &to, sizeof(To));
  }
  return absl::OkStatus();
}

}  // namespace

bool CanConvert(DType from, DType to) {
  if (from == to) return from != DType::kString;
  if (from == DType::kString || to == DType::kString || to == DType::kBool) return false;
  return IsFloat(to) || !IsFloat(from);
}

absl::Status Convert(DType from, DType to, size_t count, const std::byte* source,
                     std::byte* target) {
  GF_CHECK(CanConvert(from, to));
  return WithType(from, [&](auto source_type) {
    return WithType(to, [&](auto target_type) -> absl::Status {
      using From = decltype(source_type);
      using To = decltype(target_type);
      constexpr bool kFromFloat = std::is_floating_point_v<From> || std::is_same_v<From, Half>;
      constexpr bool kToFloat = std::is_floating_point_v<To> || std::is_same_v<To, Half>;
      if constexpr (std::is_same_v<From, To>) {
        std::memcpy(target, source, count * sizeof(From));
        return absl::OkStatus();
      } else if constexpr ((kFromFloat && !kToFloat) || std::is_same_v<To, bool>) {
        return absl::OkStatus();  // CanConvert says no
      } else {
        return ConvertAll<From, To>(count, source, target);
      }
    });
  });
}

}  // namespace graphfeed
