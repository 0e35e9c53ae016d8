#include "server/batching/packing/nearest_item.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace graphfeed {
namespace {

// Whether costs have 32 bits or need 64, and for sizes and wishes of all kinds.
TEST(NearestItemTest, EveryWayToSearchFindsTheSame) {
  std::mt19937_64 random(1);
  const auto below = [&](int64_t bound) { return static_cast<int64_t>(random() % bound); };
  constexpr int32_t kPacked = std::numeric_limits<int32_t>::max();
  int found = 0;
  size_t most_ways = 0;
  size_t fewest_ways = 100;
  for (int round = 0; round < 20000; ++round) {
    // Few sizes, so that many costs are equal; or all that there can be.
    const int64_t most = round % 3 == 0   ? kPacked
                         : round % 3 == 1 ? 1 + below(40)
                                          : 1 + below(70000);
    std::vector<int32_t> first(static_cast<size_t>(below(100)));
    std::vector<int32_t> second(first.size());
    for (size_t i = 0; i < first.size(); ++i) {
      first[i] = below(4) == 0 ? kPacked : static_cast<int32_t>(below(most));
      second[i] = static_cast<int32_t>(below(most));
    }
    const auto wanted = [&] {
      WantedSize size{
          .wanted = below(2 * most) - most / 2,
          .weight = round % 3 == 0 ? below(int64_t{1} << 30) : below(round % 3 == 1 ? 100 : 40000),
          .room = static_cast<int32_t>(below(most + 1) - 1)};
      if (round % 3 != 0 && below(20) == 0) size.wanted *= int64_t{1} << 30;  // beyond 32 bits
      return size;
    };
    const WantedSize of_first = wanted();
    const WantedSize of_second = wanted();
    const auto end = static_cast<int64_t>(first.size());
    const int64_t begin = end == 0 ? 0 : below(end);
    const std::vector<NearestItemSearch> searches =
        AvailableNearestItemSearches(of_first, of_second);
    const NearestItem item =
        searches[0](first.data(), second.data(), begin, end, of_first, of_second);
    for (size_t way = 0; way <= searches.size(); ++way) {
      const NearestItem same = (way < searches.size() ? searches[way] : &FindNearest)(
          first.data(), second.data(), begin, end, of_first, of_second);
      ASSERT_EQ(same.item, item.item) << round << ", way " << way;
      ASSERT_EQ(same.cost, item.cost) << round << ", way " << way;
    }
    most_ways = std::max(most_ways, searches.size());
    fewest_ways = std::min(fewest_ways, searches.size());
    found += item.item >= 0 ? 1 : 0;
  }
  EXPECT_GT(found, 5000);
  EXPECT_TRUE(most_ways == 1 || fewest_ways < most_ways);
}

}  // namespace
}  // namespace graphfeed
