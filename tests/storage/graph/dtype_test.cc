#include "storage/graph/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace graphfeed {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr DType kAll[] = {DType::kBool,    DType::kUint8, DType::kInt8,    DType::kInt16,
                          DType::kInt32,   DType::kInt64, DType::kFloat16, DType::kFloat32,
                          DType::kFloat64, DType::kString};

TEST(DTypeTest, NamesAndSizesAreNumpys) {
  const size_t sizes[] = {1, 1, 1, 2, 4, 8, 2, 4, 8, 0};
  const char* names[] = {"bool",  "uint8",   "int8",    "int16",   "int32",
                         "int64", "float16", "float32", "float64", "string"};
  for (size_t i = 0; i < std::size(kAll); ++i) {
    EXPECT_EQ(SizeOf(kAll[i]), sizes[i]);
    EXPECT_EQ(DTypeName(kAll[i]), names[i]);
    EXPECT_EQ(ParseDType(names[i]), kAll[i]);
  }
  EXPECT_EQ(ParseDType("float8"), std::nullopt);
  EXPECT_EQ(ParseDType(""), std::nullopt);
}

TEST(DTypeTest, IntegersAndFloatsAreToldApart) {
  int integers = 0;
  int floats = 0;
  for (const DType dtype : kAll) {
    integers += IsInteger(dtype) ? 1 : 0;
    floats += IsFloat(dtype) ? 1 : 0;
    EXPECT_FALSE(IsInteger(dtype) && IsFloat(dtype));
  }
  EXPECT_EQ(integers, 5);
  EXPECT_EQ(floats, 3);
  EXPECT_FALSE(IsInteger(DType::kBool));
}

TEST(CanHoldTest, IntegersHoldWhatTruncatesIntoTheirRange) {
  EXPECT_TRUE(CanHold(DType::kUint8, 255.9));
  EXPECT_FALSE(CanHold(DType::kUint8, 256));
  EXPECT_TRUE(CanHold(DType::kUint8, -0.9));
  EXPECT_FALSE(CanHold(DType::kUint8, -1));
  EXPECT_TRUE(CanHold(DType::kInt8, -128.9));
  EXPECT_FALSE(CanHold(DType::kInt8, -129));
  EXPECT_FALSE(CanHold(DType::kInt8, 128));
  EXPECT_TRUE(CanHold(DType::kInt16, -32768));
  EXPECT_TRUE(CanHold(DType::kInt32, 2147483647.5));
  EXPECT_FALSE(CanHold(DType::kInt32, 2147483648.0));
  EXPECT_TRUE(CanHold(DType::kInt64, -0x1p63));
  EXPECT_FALSE(CanHold(DType::kInt64, 0x1p63));
  for (const DType dtype : kAll) {
    if (!IsInteger(dtype)) continue;
    EXPECT_FALSE(CanHold(dtype, kNan));
    EXPECT_FALSE(CanHold(dtype, kInf));
    EXPECT_FALSE(CanHold(dtype, -kInf));
  }
}

TEST(CanHoldTest, BoolsAndFloatsHoldEverythingStringsNothing) {
  for (const double value : {0.0, -1e300, kInf, kNan}) {
    EXPECT_TRUE(CanHold(DType::kBool, value));
    EXPECT_TRUE(CanHold(DType::kFloat16, value));
    EXPECT_TRUE(CanHold(DType::kFloat32, value));
    EXPECT_TRUE(CanHold(DType::kFloat64, value));
    EXPECT_FALSE(CanHold(DType::kString, value));
  }
}

// What Fill writes; all three elements must be equal and the byte behind them untouched.
template <typename T>
T Filled(DType dtype, double value) {
  std::vector<std::byte> bytes(3 * sizeof(T) + 1, std::byte{0xab});
  Fill(dtype, value, 3, bytes.data());
  EXPECT_EQ(bytes.back(), std::byte{0xab});
  EXPECT_EQ(std::memcmp(bytes.data(), bytes.data() + sizeof(T), 2 * sizeof(T)), 0);
  T written;
  std::memcpy(&written, bytes.data(), sizeof(T));
  return written;
}

TEST(FillTest, ConvertsAsCDoes) {
  EXPECT_EQ(Filled<int64_t>(DType::kInt64, 7.9), 7);
  EXPECT_EQ(Filled<int64_t>(DType::kInt64, -7.9), -7);
  EXPECT_EQ(Filled<int64_t>(DType::kInt64, -0x1p63), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Filled<int32_t>(DType::kInt32, -1), -1);
  EXPECT_EQ(Filled<int16_t>(DType::kInt16, 300), 300);
  EXPECT_EQ(Filled<int8_t>(DType::kInt8, -128.5), -128);
  EXPECT_EQ(Filled<uint8_t>(DType::kUint8, 255.5), 255);
  EXPECT_EQ(Filled<uint8_t>(DType::kBool, 0.1), 1);
  EXPECT_EQ(Filled<uint8_t>(DType::kBool, -0.0), 0);
  EXPECT_EQ(Filled<uint8_t>(DType::kBool, kNan), 1);
  EXPECT_EQ(Filled<double>(DType::kFloat64, -1e300), -1e300);
  EXPECT_EQ(Filled<float>(DType::kFloat32, 0.1), 0.1f);
  EXPECT_EQ(Filled<uint16_t>(DType::kFloat16, -2), 0xc000);
  EXPECT_TRUE(std::signbit(Filled<float>(DType::kFloat32, -0.0)));
}

TEST(FillTest, FloatsRoundToInfinityBeyondTheirRange) {
  constexpr float kMax = std::numeric_limits<float>::max();
  EXPECT_EQ(Filled<float>(DType::kFloat32, 1e300), std::numeric_limits<float>::infinity());
  EXPECT_EQ(Filled<float>(DType::kFloat32, -1e300), -std::numeric_limits<float>::infinity());
  const double half = 0x1p103;  // half a unit in the last place of kMax
  EXPECT_EQ(Filled<float>(DType::kFloat32, std::nextafter(kMax + half, 0.0)), kMax);
  EXPECT_EQ(Filled<float>(DType::kFloat32, -std::nextafter(kMax + half, 0.0)), -kMax);
  EXPECT_EQ(Filled<float>(DType::kFloat32, kMax + half), std::numeric_limits<float>::infinity());
  EXPECT_EQ(Filled<uint16_t>(DType::kFloat16, 1e6), 0x7c00);
  EXPECT_TRUE(std::isnan(Filled<float>(DType::kFloat32, kNan)));
}

}  // namespace
}  // namespace graphfeed
