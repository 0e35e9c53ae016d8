#include "server/batching/packing/nearest_item.h"

#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace graphfeed {
namespace {

TEST(NearestItemTest, ByEightIsByItem) {
  std::mt19937_64 random(1);
  const auto below = [&](int64_t bound) { return static_cast<int64_t>(random() % bound); };
  constexpr int32_t kPacked = std::numeric_limits<int32_t>::max();
  int found = 0;
  for (int round = 0; round < 20000; ++round) {
    // Few sizes, so that many costs are equal; or all that there can be.
    const int64_t most = round % 3 == 0 ? kPacked : 1 + below(40);
    std::vector<int32_t> first(static_cast<size_t>(below(100)));
    std::vector<int32_t> second(first.size());
    for (size_t i = 0; i < first.size(); ++i) {
      first[i] = below(4) == 0 ? kPacked : static_cast<int32_t>(below(most));
      second[i] = static_cast<int32_t>(below(most));
    }
    const auto wanted = [&] {
      WantedSize size{.wanted = below(2 * most) - most / 2,
                      .weight = round % 3 == 0 ? below(int64_t{1} << 30) : below(100),
                      .room = static_cast<int32_t>(below(most + 1) - 1)};
      if (round % 3 != 0 && below(20) == 0) size.wanted *= int64_t{1} << 30;  // beyond 32 bits
      return size;
    };
    const WantedSize of_first = wanted();
    const WantedSize of_second = wanted();
    const auto end = static_cast<int64_t>(first.size());
    const int64_t begin = end == 0 ? 0 : below(end);
    const NearestItem item =
        FindNearestByItem(first.data(), second.data(), begin, end, of_first, of_second);
    const NearestItem same =
        FindNearest(first.data(), second.data(), begin, end, of_first, of_second);
    ASSERT_EQ(same.item, item.item) << round;
    ASSERT_EQ(same.cost, item.cost) << round;
    found += item.item >= 0 ? 1 : 0;
  }
  EXPECT_GT(found, 5000);
}

}  // namespace
}  // namespace graphfeed
