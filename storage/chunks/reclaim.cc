#include "storage/chunks/reclaim.h"

#include <algorithm>
#include <limits>
#include <thread>

namespace graphfeed {
namespace {

// Where a thread looks for a free slot first: nearly always one that no other thread touches.
size_t PreferredSlot() {
  static std::atomic<size_t> next{0};
  thread_local const size_t slot = next.fetch_add(1, std::memory_order_relaxed);
  return slot % ReclaimDomain::kSlots;
}

}  // namespace

ReclaimDomain::Guard ReclaimDomain::Enter() {
  const size_t preferred = PreferredSlot();
  for (;;) {
    for (size_t i = 0; i < kSlots; ++i) {
      const size_t index = (preferred + i) % kSlots;
      std::atomic<uint64_t>& slot = slots_[index].epoch;
      if (slot.load(std::memory_order_relaxed) != 0) continue;
      // A scan that does not look at this slot yet must not miss the announcement.
      size_t used = slots_used_.load();
      while (used <= index && !slots_used_.compare_exchange_weak(used, index + 1)) {
      }
      uint64_t free = 0;
      if (slot.compare_exchange_strong(free, epoch_.load())) return Guard(&slot);
    }
    std::this_thread::yield();
  }
}

uint64_t ReclaimDomain::OldestGuard() const {
  uint64_t oldest = std::numeric_limits<uint64_t>::max();
  const size_t used = slots_used_.load();
  for (size_t i = 0; i < used; ++i) {
    const uint64_t epoch = slots_[i].epoch.load();
    if (epoch != 0) oldest = std::min(oldest, epoch);
  }
  return oldest;
}

}  // namespace graphfeed
