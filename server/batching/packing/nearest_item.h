#ifndef GRAPHFEED_SERVER_BATCHING_PACKING_NEAREST_ITEM_H_
#define GRAPHFEED_SERVER_BATCHING_PACKING_NEAREST_ITEM_H_

#include <cstdint>
#include <limits>
#include <vector>

namespace graphfeed {

// Of one dimension: what a pack wants of an item, what it costs to be one off, and the largest size
// that it has room for. Nobody wants more than 2^31 or less than -2^31; weights are below 2^30.
struct WantedSize {
  int64_t wanted = 0;
  int64_t weight = 0;
  int32_t room = 0;
};

struct NearestItem {
  int64_t item = -1;  // none
  int64_t cost = std::numeric_limits<int64_t>::max();
};

// Of the items [begin, end), whose sizes in two dimensions are `first` and `second`, the one that
// fits and costs least; among equals the first. No size is negative. Uses the processor's vectors
// where it has AVX2.
NearestItem FindNearest(const int32_t* first, const int32_t* second, int64_t begin, int64_t end,
                        const WantedSize& of_first, const WantedSize& of_second);

// The ways in which FindNearest can do it on this processor for such wishes, the fastest last.
using NearestItemSearch = NearestItem (*)(const int32_t* first, const int32_t* second,
                                          int64_t begin, int64_t end, const WantedSize& of_first,
                                          const WantedSize& of_second);
std::vector<NearestItemSearch> AvailableNearestItemSearches(const WantedSize& of_first,
                                                            const WantedSize& of_second);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_PACKING_NEAREST_ITEM_H_
