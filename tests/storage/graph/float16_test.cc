#include "storage/graph/float16.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace graphfeed {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

TEST(Float16Test, KnownValues) {
  EXPECT_EQ(Float16FromFloat(0.0f), 0x0000);
  EXPECT_EQ(Float16FromFloat(-0.0f), 0x8000);
  EXPECT_EQ(Float16FromFloat(1.0f), 0x3c00);
  EXPECT_EQ(Float16FromFloat(-2.0f), 0xc000);
  EXPECT_EQ(Float16FromFloat(65504.0f), 0x7bff);
  EXPECT_EQ(Float16FromFloat(65519.996f), 0x7bff);
  EXPECT_EQ(Float16FromFloat(65520.0f), 0x7c00);
  EXPECT_EQ(Float16FromFloat(0x1p-14f), 0x0400);
  EXPECT_EQ(Float16FromFloat(0x1p-24f), 0x0001);
  EXPECT_EQ(Float16FromFloat(0x1p-25f), 0x0000);         // a tie, to even
  EXPECT_EQ(Float16FromFloat(0x1.000002p-25f), 0x0001);  // just above it
  EXPECT_EQ(Float16FromFloat(0x1.ff8p-15f), 0x03ff);     // the largest subnormal
  EXPECT_EQ(Float16FromFloat(1.0f + 0x1p-11f), 0x3c00);  // a tie, to even
  EXPECT_EQ(Float16FromFloat(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(Float16FromFloat(static_cast<float>(kInfinity)), 0x7c00);
  EXPECT_EQ(Float16FromFloat(static_cast<float>(-kInfinity)), 0xfc00);
  EXPECT_TRUE(std::isnan(FloatFromFloat16(Float16FromFloat(static_cast<float>(kNotANumber)))));
}

TEST(Float16Test, EveryValueComesBack) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FloatFromFloat16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FloatFromFloat16(Float16FromFloat(value))));
      continue;
    }
    ASSERT_EQ(Float16FromFloat(value), bits);
    ASSERT_EQ(Float16FromDouble(value), bits);
  }
}

// Between each two neighbours: what lies below the middle goes down, above it up, the middle
// itself to the even one.
TEST(Float16Test, RoundsToTheNearestAndTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = FloatFromFloat16(static_cast<uint16_t>(bits));
    const double high = FloatFromFloat16(static_cast<uint16_t>(bits + 1));
    const double middle = (low + high) / 2;  // exact, in double and in float
    const uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    const auto middle_float = static_cast<float>(middle);
    ASSERT_EQ(static_cast<double>(middle_float), middle);
    ASSERT_EQ(Float16FromFloat(middle_float), even);
    ASSERT_EQ(Float16FromFloat(-middle_float), even | 0x8000);
    ASSERT_EQ(Float16FromFloat(std::nextafter(middle_float, 0.0f)), bits);
    ASSERT_EQ(Float16FromFloat(std::nextafter(middle_float, 1e9f)), bits + 1);
    // A double closer to the middle than any float: rounding by way of float would see a tie.
    ASSERT_EQ(Float16FromDouble(middle), even);
    ASSERT_EQ(Float16FromDouble(std::nextafter(middle, 0.0)), bits);
    ASSERT_EQ(Float16FromDouble(std::nextafter(middle, 1e9)), bits + 1);
    ASSERT_EQ(Float16FromDouble(-std::nextafter(middle, 1e9)), (bits + 1) | 0x8000);
  }
}

// By every way that this processor knows: all exponents and signs, every bit pattern of the lower
// half once, what lies beside the middle between two neighbours, and NaNs with payloads; arrays of
// all lengths, which do not begin where a vector does.
TEST(Float16Test, EveryWayToConvertArraysGivesTheSame) {
  std::vector<float> values;
  for (uint32_t high = 0; high < 0x10000; ++high) {
    for (const uint32_t low : {0u, 1u, 0xfffu, 0x1000u, 0x1001u, 0xffffu, high}) {
      values.push_back(std::bit_cast<float>(high << 16 | low));
    }
  }
  std::vector<uint16_t> expected(values.size());
  for (size_t i = 0; i < values.size(); ++i) expected[i] = Float16FromFloat(values[i]);
  const std::vector<Float16Conversion> ways = AvailableFloat16Conversions();
  for (size_t way = 0; way < ways.size(); ++way) {
    std::vector<uint16_t> converted(values.size());
    ways[way](values.data(), values.size(), converted.data());
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(converted[i], expected[i])
          << "way " << way << ", bits " << std::bit_cast<uint32_t>(values[i]);
    }
    for (size_t count = 0; count < 70; ++count) {
      constexpr size_t kFirst = 7 * 0x4000 + 3;
      std::vector<uint16_t> some(count + 1, 0xabcd);
      ways[way](values.data() + kFirst, count, some.data());
      EXPECT_TRUE(std::equal(some.begin(), some.end() - 1, expected.begin() + kFirst));
      EXPECT_EQ(some.back(), 0xabcd) << "nothing is written behind the last";
    }
  }
  std::vector<uint16_t> converted(values.size());
  Float16FromFloats(values.data(), values.size(), converted.data());
  EXPECT_EQ(converted, expected);
}

TEST(Float16Test, DoublesBeyondFloatRange) {
  EXPECT_EQ(Float16FromDouble(1e300), 0x7c00);
  EXPECT_EQ(Float16FromDouble(-1e300), 0xfc00);
  EXPECT_EQ(Float16FromDouble(1e-300), 0x0000);
  EXPECT_EQ(Float16FromDouble(-1e-300), 0x8000);
  EXPECT_EQ(Float16FromDouble(-kInfinity), 0xfc00);
  EXPECT_TRUE(std::isnan(FloatFromFloat16(Float16FromDouble(kNotANumber))));
}

}  // namespace
}  // namespace graphfeed
