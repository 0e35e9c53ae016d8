#ifndef GRAPHFEED_SERVER_BATCHING_SIZING_LARGEST_SIZES_H_
#define GRAPHFEED_SERVER_BATCHING_SIZING_LARGEST_SIZES_H_

#include <cstdint>
#include <map>
#include <vector>

namespace graphfeed {

// How often each size occurs among graphs.
class LargestSizes {
 public:
  void Add(int64_t size);

  int64_t total() const { return total_; }
  int64_t largest() const { return largest_; }
  // Of `count` sizes, or of all if there are fewer.
  int64_t SumOfLargest(int64_t count) const;

  // What it takes at most: for small sizes, and for large ones among sizes of graphs that together
  // have `total`; fewer than the root of 2 * total are different.
  static constexpr int64_t kSmallBytes = int64_t{2} * 4096 * sizeof(int64_t);  // as vectors grow
  static int64_t LargeBytes(int64_t total);

 private:
  std::vector<int64_t> small_;
  std::map<int64_t, int64_t> large_;
  int64_t total_ = 0;
  int64_t largest_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_SIZING_LARGEST_SIZES_H_
