#include "server/batching/packing/look_ahead_pack.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "server/batching/packing/nearest_item.h"
#include "storage/base/arithmetic.h"
#include "storage/base/check.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

constexpr int64_t kWindow = 384;
constexpr int64_t kFirstsOfPairs = 6;
constexpr int64_t kMinChosen = 2;
constexpr int64_t kMaxChosen = 16;
constexpr int64_t kMeanScale = 256;
constexpr int kTightnessBits = 16;
constexpr int kSquarings = 7;  // a dimension counts by the 128th power of its tightness
constexpr int kWeightBits = 6;
constexpr size_t kPacksAtOnce = 64;
constexpr int64_t kNone = -1;
constexpr int32_t kPacked = std::numeric_limits<int32_t>::max();  // in the first dimension

class LookAhead {
 public:
  LookAhead(const PackCapacity& capacity, std::vector<std::vector<int32_t>> sizes)
      : capacity_(capacity),
        sizes_(std::move(sizes)),
        num_dims_(sizes_.size()),
        num_items_(static_cast<int64_t>(sizes_[0].size())),
        items_left_(num_items_),
        left_(num_dims_),
        aim_(num_dims_),
        scaled_mean_(num_dims_),
        importance_(num_dims_),
        weight_(num_dims_),
        used_(num_dims_),
        wanted_(num_dims_),
        room_(num_dims_) {
    for (size_t d = 0; d < num_dims_; ++d) {
      for (const int32_t size : sizes_[d]) left_[d] += size;
    }
    packs_.items.reserve(static_cast<size_t>(num_items_));
  }

  absl::StatusOr<PackedItems> Run() {
    while (items_left_ > 0) {
      if (packs_.starts.size() % kPacksAtOnce == 0) GF_RETURN_IF_ERROR(CheckWanted());
      StartPack();
      TakeInOrder();
      TakeNearest();
      TakePair();
      TopUp();
      const auto begin = packs_.items.begin() + packs_.starts.back();
      std::sort(begin, packs_.items.end());
      packs_.starts.push_back(static_cast<int64_t>(packs_.items.size()));
    }
    return std::move(packs_);
  }

 private:
  using Choice = NearestItem;

  // Of a dimension that is so tight; at least 1.
  static int64_t Importance(int64_t tightness, int64_t tightest) {
    int64_t share = (tightness << kTightnessBits) / std::max<int64_t>(tightest, 1);
    for (int i = 0; i < kSquarings; ++i) share = share * share >> kTightnessBits;
    return std::max<int64_t>(share, 1);
  }

  // The aim, and what each dimension counts.
  void StartPack() {
    packs_left_ = CeilDivide(items_left_, capacity_.items);
    int64_t tightest = (items_left_ << kTightnessBits) / capacity_.items;
    for (size_t d = 0; d < num_dims_; ++d) {
      if (left_[d] == 0) continue;
      packs_left_ = std::max(packs_left_, CeilDivide(left_[d], capacity_.sizes[d]));
      tightest = std::max(tightest, (left_[d] << kTightnessBits) / capacity_.sizes[d]);
    }
    items_aim_ = CeilDivide(items_left_, packs_left_);
    for (size_t d = 0; d < num_dims_; ++d) {
      used_[d] = 0;
      aim_[d] = CeilDivide(left_[d], packs_left_);
      scaled_mean_[d] = kMeanScale * left_[d] / items_left_;
      importance_[d] = weight_[d] = 0;
      if (left_[d] == 0) continue;
      importance_[d] = Importance((left_[d] << kTightnessBits) / capacity_.sizes[d], tightest);
      const int64_t mean = std::max<int64_t>(left_[d] / items_left_, 1);
      weight_[d] = std::max<int64_t>((importance_[d] << kWeightBits) / mean, 1);
    }
    items_importance_ = Importance((items_left_ << kTightnessBits) / capacity_.items, tightest);
    items_ = 0;
  }

  bool Packed(int64_t item) const { return sizes_[0][item] == kPacked; }

  bool Fits(int64_t item) const {
    if (Packed(item) || items_ == capacity_.items) return false;
    for (size_t d = 0; d < num_dims_; ++d) {
      if (used_[d] + sizes_[d][item] > capacity_.sizes[d]) return false;
    }
    return true;
  }

  void Take(int64_t item) {
    for (size_t d = 0; d < num_dims_; ++d) {
      used_[d] += sizes_[d][item];
      left_[d] -= sizes_[d][item];
    }
    ++items_;
    --items_left_;
    packs_.items.push_back(item);
    sizes_[0][item] = kPacked;
    while (head_ < num_items_ && Packed(head_)) ++head_;
  }

  int64_t WindowEnd() const { return std::min(num_items_, head_ + kWindow); }

  // How many items of the mean size a dimension's aim has room for.
  int64_t PlacesLeft(size_t d) const {
    const int64_t size = std::max<int64_t>(aim_[d] - used_[d], 0);
    return (kMeanScale * size + scaled_mean_[d] / 2) / scaled_mean_[d];
  }

  // Of all dimensions: the fewest.
  int64_t FewestPlaces() const {
    int64_t places = items_aim_ - items_;
    for (size_t d = 0; d < num_dims_; ++d) {
      if (scaled_mean_[d] > 0) places = std::min(places, PlacesLeft(d));
    }
    return places;
  }

  // Of all dimensions: the mean, by their importance; no more than there can be.
  int64_t MeanPlaces() const {
    int64_t sum = (items_aim_ - items_) * items_importance_;
    int64_t importance = items_importance_;
    for (size_t d = 0; d < num_dims_; ++d) {
      if (scaled_mean_[d] == 0) continue;
      sum += PlacesLeft(d) * importance_[d];
      importance += importance_[d];
    }
    return std::min((sum + importance / 2) / importance, capacity_.items - items_);
  }

  // What is missing to the aim in the number of items, when so many more are taken.
  int64_t ItemsCost(int64_t more) const {
    return std::abs(items_aim_ - items_ - more) * (items_importance_ << kWeightBits);
  }

  // What is missing to the aim, when `item` is taken too.
  int64_t Cost(int64_t item) const {
    int64_t cost = ItemsCost(item == kNone ? 0 : 1);
    for (size_t d = 0; d < num_dims_; ++d) {
      const int64_t size = item == kNone ? 0 : sizes_[d][item];
      cost += std::abs(aim_[d] - used_[d] - size) * weight_[d];
    }
    return cost;
  }

  WantedSize WantedOf(size_t d) const {
    return {.wanted = wanted_[d],
            .weight = weight_[d],
            .room = static_cast<int32_t>(std::max<int64_t>(room_[d], -1))};
  }

  // The item in the window that is nearest to wanted_ and fits into the pack beside `other`.
  Choice Nearest(int64_t other = kNone) {
    Choice best;
    for (size_t d = 0; d < num_dims_; ++d) {
      const int64_t size = other == kNone ? 0 : sizes_[d][other];
      room_[d] = std::min<int64_t>(capacity_.sizes[d] - used_[d] - size, kPacked - 1);
    }
    const int64_t end = WindowEnd();
    if (num_dims_ == 2) {
      // Nodes and edges of one type. The other item is out of the way for the moment.
      const int32_t size = other == kNone ? 0 : std::exchange(sizes_[0][other], kPacked);
      best = FindNearest(sizes_[0].data(), sizes_[1].data(), head_, end, WantedOf(0), WantedOf(1));
      if (other != kNone) sizes_[0][other] = size;
      return best;
    }
    for (int64_t i = head_; i < end; ++i) {
      bool fits = i != other;
      int64_t cost = 0;
      for (size_t d = 0; d < num_dims_ && fits; ++d) {
        fits = sizes_[d][i] <= room_[d];
        cost += std::abs(wanted_[d] - sizes_[d][i]) * weight_[d];
      }
      if (fits && cost < best.cost) best = {i, cost};
    }
    return best;
  }

  void TakeInOrder() {
    Take(head_);
    const int64_t chosen = std::clamp(items_aim_ / 4, kMinChosen, kMaxChosen);
    for (int64_t i = head_; i < WindowEnd() && FewestPlaces() > chosen; ++i) {
      if (Fits(i)) Take(i);
    }
  }

  void TakeNearest() {
    for (int64_t places = MeanPlaces(); places > 2; places = MeanPlaces()) {
      for (size_t d = 0; d < num_dims_; ++d) wanted_[d] = (aim_[d] - used_[d]) / places;
      const Choice choice = items_ < capacity_.items ? Nearest() : Choice();
      if (choice.item == kNone) return;
      Take(choice.item);
    }
  }

  void TakePair() {
    if (items_ + 2 > capacity_.items) return;
    Choice first;
    int64_t second = kNone;
    int64_t tried = 0;
    for (int64_t i = head_; i < WindowEnd() && tried < kFirstsOfPairs && first.cost > 0; ++i) {
      if (!Fits(i)) continue;
      ++tried;
      if (const int64_t alone = Cost(i); alone < first.cost) {
        first = {i, alone};
        second = kNone;
      }
      for (size_t d = 0; d < num_dims_; ++d) wanted_[d] = aim_[d] - used_[d] - sizes_[d][i];
      const Choice choice = Nearest(i);
      if (choice.item == kNone) continue;
      if (const int64_t both = choice.cost + ItemsCost(2); both < first.cost) {
        first = {i, both};
        second = choice.item;
      }
    }
    if (first.item == kNone || !Improves(first.cost)) return;
    Take(first.item);
    if (second != kNone) Take(second);
  }

  // What fits and comes closer to the aim; into the last pack whatever fits.
  void TopUp() {
    while (items_ < capacity_.items) {
      for (size_t d = 0; d < num_dims_; ++d) wanted_[d] = aim_[d] - used_[d];
      const Choice choice = Nearest();
      if (choice.item == kNone || !Improves(choice.cost + ItemsCost(1))) return;
      Take(choice.item);
    }
  }

  bool Improves(int64_t cost) const {
    return cost < Cost(kNone) || packs_left_ == 1 || items_ == 0;
  }

  const PackCapacity& capacity_;
  std::vector<std::vector<int32_t>> sizes_;
  const size_t num_dims_;
  const int64_t num_items_;
  PackedItems packs_;

  int64_t head_ = 0;  // the first item that is not packed
  int64_t items_left_;
  std::vector<int64_t> left_;  // sizes of those together
  int64_t packs_left_ = 0;     // at least
  // Of the pack that is being made.
  int64_t items_aim_ = 0;
  int64_t items_importance_ = 0;
  std::vector<int64_t> aim_;
  std::vector<int64_t> scaled_mean_;  // of the items that are left
  std::vector<int64_t> importance_;
  std::vector<int64_t> weight_;  // importance by size
  int64_t items_ = 0;
  std::vector<int64_t> used_;
  std::vector<int64_t> wanted_;
  std::vector<int64_t> room_;
};

}  // namespace

absl::StatusOr<PackedItems> PackWithLookAhead(const PackCapacity& capacity,
                                              std::vector<std::vector<int32_t>> sizes) {
  GF_CHECK(!sizes.empty() && sizes.size() == capacity.sizes.size() && capacity.items > 0);
  return LookAhead(capacity, std::move(sizes)).Run();
}

}  // namespace graphfeed
