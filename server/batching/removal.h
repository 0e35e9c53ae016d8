#ifndef GRAPHFEED_SERVER_BATCHING_REMOVAL_H_
#define GRAPHFEED_SERVER_BATCHING_REMOVAL_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "server/batching/random.h"

namespace graphfeed {

// The random order in which elements of one kind leave a batch that is too large. First each graph
// that has elements draws one that stays, in the order of the graphs; then one element after the
// other is drawn from all the rest.
class RemovalOrder {
 public:
  // `keep[i]` says whether element i is there at all; graph g has the elements
  // [graph_ptr[g], graph_ptr[g + 1]).
  RemovalOrder(RandomStream random, absl::Span<const uint8_t> keep,
               absl::Span<const int64_t> graph_ptr)
      : random_(random) {
    std::vector<int64_t> present;
    for (size_t g = 0; g + 1 < graph_ptr.size(); ++g) {
      present.clear();
      for (int64_t i = graph_ptr[g]; i < graph_ptr[g + 1]; ++i) {
        if (keep[i] != 0) present.push_back(i);
      }
      if (present.empty()) continue;
      present.erase(present.begin() + static_cast<int64_t>(random_.Below(present.size())));
      removable_.insert(removable_.end(), present.begin(), present.end());
    }
  }

  // Clears `keep` for the next `count` elements of the order. Returns how many there were too few.
  int64_t Remove(int64_t count, std::vector<uint8_t>& keep) {
    for (; count > 0 && next_ < removable_.size(); --count, ++next_) {
      const size_t drawn = next_ + random_.Below(removable_.size() - next_);
      std::swap(removable_[next_], removable_[drawn]);
      keep[removable_[next_]] = 0;
    }
    return count;
  }

 private:
  RandomStream random_;
  std::vector<int64_t> removable_;  // before next_: those that left
  size_t next_ = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_REMOVAL_H_
