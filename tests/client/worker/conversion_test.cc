#include "client/worker/conversion.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "gtest/gtest.h"

namespace graphfeed {
namespace {

template <typename From, typename To>
absl::StatusOr<std::vector<To>> Converted(DType from, DType to, const std::vector<From>& values) {
  std::vector<To> converted(values.size());
  const absl::Status status =
      Convert(from, to, values.size(), reinterpret_cast<const std::byte*>(values.data()),
              reinterpret_cast<std::byte*>(converted.data()));
  if (!status.ok()) return status;
  return converted;
}

TEST(ConversionTest, IntegersAreNarrowedOnlyIfTheyFit) {
  const auto narrow = [](const std::vector<int64_t>& values) {
    return Converted<int64_t, int32_t>(DType::kInt64, DType::kInt32, values);
  };
  EXPECT_EQ(*narrow({0, -1, 2147483647, -2147483648}),
            std::vector<int32_t>({0, -1, 2147483647, std::numeric_limits<int32_t>::min()}));
  const auto beyond = narrow({5, 2147483648});
  EXPECT_EQ(beyond.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(beyond.status().message(),
            "element 1 is 2147483648, outside of -2147483648 to 2147483647");
  EXPECT_FALSE(narrow({-2147483649}).ok());
  EXPECT_FALSE((Converted<int64_t, uint8_t>(DType::kInt64, DType::kUint8, {-1}).ok()));
  EXPECT_EQ(*(Converted<uint8_t, int64_t>(DType::kUint8, DType::kInt64, {255})),
            std::vector<int64_t>({255}));
}

TEST(ConversionTest, FloatsAreRounded) {
  EXPECT_EQ(*(Converted<double, float>(DType::kFloat64, DType::kFloat32, {0.5, -2})),
            std::vector<float>({0.5F, -2}));
  const auto half = Converted<float, uint16_t>(DType::kFloat32, DType::kFloat16, {1.0F, 1e9F});
  EXPECT_EQ(*half, std::vector<uint16_t>({0x3c00, 0x7c00}));
  EXPECT_EQ(*(Converted<uint16_t, float>(DType::kFloat16, DType::kFloat32, {0x3c00, 0xc000})),
            std::vector<float>({1, -2}));
  const auto nan = Converted<float, double>(DType::kFloat32, DType::kFloat64, {NAN});
  EXPECT_TRUE(std::isnan((*nan)[0]));
}

TEST(ConversionTest, MasksBecomeNumbersAndNothingBecomesAMask) {
  const std::vector<uint8_t> mask = {1, 0};
  std::vector<float> numbers(2);
  EXPECT_TRUE(Convert(DType::kBool, DType::kFloat32, 2,
                      reinterpret_cast<const std::byte*>(mask.data()),
                      reinterpret_cast<std::byte*>(numbers.data()))
                  .ok());
  EXPECT_EQ(numbers, std::vector<float>({1, 0}));
  EXPECT_TRUE(CanConvert(DType::kBool, DType::kBool));
  EXPECT_FALSE(CanConvert(DType::kInt64, DType::kBool));
  EXPECT_FALSE(CanConvert(DType::kFloat32, DType::kInt32));
  EXPECT_FALSE(CanConvert(DType::kFloat16, DType::kInt8));
  EXPECT_FALSE(CanConvert(DType::kString, DType::kString));
}

}  // namespace
}  // namespace graphfeed
