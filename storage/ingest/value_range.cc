#include "storage/ingest/value_range.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "storage/graph/float16.h"

namespace graphfeed {
namespace {

// The extremes of elements of type T at `bytes`, which need not be aligned, as `convert` sees them.
// NaNs fail both comparisons.
template <typename T, typename Convert>
void Extend(absl::string_view bytes, Convert convert, ValueRange& range) {
  using Value = decltype(convert(T{}));
  using Limits = std::numeric_limits<Value>;
  Value min = Limits::has_infinity ? Limits::infinity() : Limits::max();
  Value max = Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  for (size_t i = 0; i + sizeof(T) <= bytes.size(); i += sizeof(T)) {
    T element;
    std::memcpy(&element, bytes.data() + i, sizeof(T));
    const Value value = convert(element);
    min = value < min ? value : min;
    max = value > max ? value : max;
  }
  if (min > max) return;  // nothing but NaNs, or nothing
  using Range = std::conditional_t<std::is_floating_point_v<Value>, FloatRange, IntRange>;
  if (auto* known = std::get_if<Range>(&range)) {
    if (min < known->min) known->min = min;
    if (max > known->max) known->max = max;
  } else {
    range = Range{min, max};
  }
}

template <typename T>
T Same(T value) {
  return value;
}

}  // namespace

void ExtendRange(DType dtype, absl::string_view bytes, ValueRange& range) {
  switch (dtype) {
    case DType::kBool:
    case DType::kUint8:
      return Extend<uint8_t>(bytes, Same<uint8_t>, range);
    case DType::kInt8:
      return Extend<int8_t>(bytes, Same<int8_t>, range);
    case DType::kInt16:
      return Extend<int16_t>(bytes, Same<int16_t>, range);
    case DType::kInt32:
      return Extend<int32_t>(bytes, Same<int32_t>, range);
    case DType::kInt64:
      return Extend<int64_t>(bytes, Same<int64_t>, range);
    case DType::kFloat16:
      return Extend<uint16_t>(bytes, FloatFromFloat16, range);
    case DType::kFloat32:
      return Extend<float>(bytes, Same<float>, range);
    case DType::kFloat64:
      return Extend<double>(bytes, Same<double>, range);
    case DType::kString:
      return;
  }
}

}  // namespace graphfeed
