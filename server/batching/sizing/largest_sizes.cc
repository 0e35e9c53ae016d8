#include "server/batching/sizing/largest_sizes.h"

#include <algorithm>
#include <cmath>

namespace graphfeed {
namespace {

constexpr int64_t kSmallSizes = 4096;
constexpr int64_t kNodeBytes = 64;  // of the map

}  // namespace

void LargestSizes::Add(int64_t size) {
  total_ += size;
  largest_ = std::max(largest_, size);
  if (size >= kSmallSizes) {
    ++large_[size];
    return;
  }
  if (size >= static_cast<int64_t>(small_.size())) small_.resize(static_cast<size_t>(size) + 1);
  ++small_[static_cast<size_t>(size)];
}

int64_t LargestSizes::SumOfLargest(int64_t count) const {
  int64_t sum = 0;
  for (auto it = large_.rbegin(); it != large_.rend() && count > 0; ++it) {
    const int64_t taken = std::min(count, it->second);
    sum += taken * it->first;
    count -= taken;
  }
  for (auto size = static_cast<int64_t>(small_.size()); --size > 0 && count > 0;) {
    const int64_t taken = std::min(count, small_[static_cast<size_t>(size)]);
    sum += taken * size;
    count -= taken;
  }
  return sum;
}

int64_t LargestSizes::LargeBytes(int64_t total) {
  const auto different = static_cast<int64_t>(std::sqrt(2 * static_cast<double>(total)));
  return kNodeBytes * std::min(total / kSmallSizes, different);
}

}  // namespace graphfeed
