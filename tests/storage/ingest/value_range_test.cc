#include "storage/ingest/value_range.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/storage/graph_blocks.h"

namespace graphfeed {
namespace {

template <typename T>
ValueRange RangeOf(DType dtype, const std::vector<T>& values) {
  ValueRange range;
  ExtendRange(dtype, Bytes(values), range);
  return range;
}

void ExpectInts(const ValueRange& range, int64_t min, int64_t max) {
  const auto* ints = std::get_if<IntRange>(&range);
  ASSERT_NE(ints, nullptr);
  EXPECT_EQ(ints->min, min);
  EXPECT_EQ(ints->max, max);
}

void ExpectFloats(const ValueRange& range, double min, double max) {
  const auto* floats = std::get_if<FloatRange>(&range);
  ASSERT_NE(floats, nullptr);
  EXPECT_EQ(floats->min, min);
  EXPECT_EQ(floats->max, max);
}

TEST(ValueRangeTest, EveryIntegerTypeReachesItsLimits) {
  const auto check = [](DType dtype, auto type) {
    using Limits = std::numeric_limits<decltype(type)>;
    const std::vector<decltype(type)> values = {0, Limits::max(), Limits::min(), 1};
    ExpectInts(RangeOf(dtype, values), Limits::min(), Limits::max());
  };
  check(DType::kUint8, uint8_t{});
  check(DType::kInt8, int8_t{});
  check(DType::kInt16, int16_t{});
  check(DType::kInt32, int32_t{});
  check(DType::kInt64, int64_t{});
}

TEST(ValueRangeTest, BoolsCountAsIntegers) {
  ExpectInts(RangeOf<uint8_t>(DType::kBool, {0, 1, 0}), 0, 1);
}

TEST(ValueRangeTest, FloatsLeaveNanOutAndKeepInfinity) {
  const float nan = std::nanf("");
  const float inf = std::numeric_limits<float>::infinity();
  ExpectFloats(RangeOf<float>(DType::kFloat32, {nan, 2, nan, -3}), -3, 2);
  ExpectFloats(RangeOf<float>(DType::kFloat32, {inf, 1}), 1, inf);
  ExpectFloats(RangeOf<double>(DType::kFloat64, {1e300, -1e300}), -1e300, 1e300);
  ExpectFloats(RangeOf<uint16_t>(DType::kFloat16, {0x3c00, 0xc000, 0x7e00}), -2, 1);
}

TEST(ValueRangeTest, NothingButNansHasNoRange) {
  const ValueRange range = RangeOf<float>(DType::kFloat32, {std::nanf("")});
  EXPECT_TRUE(std::holds_alternative<std::monostate>(range));
}

TEST(ValueRangeTest, GrowsOverManyBlocks) {
  ValueRange range;
  ExtendRange(DType::kInt32, "", range);
  EXPECT_TRUE(std::holds_alternative<std::monostate>(range));
  ExtendRange(DType::kInt32, Bytes<int32_t>({5}), range);
  ExtendRange(DType::kInt32, Bytes<int32_t>({7, 6}), range);
  ExtendRange(DType::kInt32, Bytes<int32_t>({-1}), range);
  ExpectInts(range, -1, 7);
}

}  // namespace
}  // namespace graphfeed
