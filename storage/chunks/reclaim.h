#ifndef GRAPHFEED_STORAGE_CHUNKS_RECLAIM_H_
#define GRAPHFEED_STORAGE_CHUNKS_RECLAIM_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace graphfeed {

// Epoch-based reclamation: lets readers follow shared pointers without a lock while others unlink
// and free what they point to.
//
//   reader                                  owner
//   auto guard = domain.Enter();            old = pointer.exchange(nullptr);
//   T* p = pointer.load();                  epoch = domain.Retire();
//   use *p                                  ... free old once domain.IsQuiescent(epoch)
//
// A guard announces the epoch in which it began; Retire ends the current epoch. An object that was
// unlinked before epoch e ended can only be seen by guards that began in e or earlier, so it may be
// freed when none of those is left. Guards that begin later do not delay it.
//
// The pointers themselves must be loaded and unlinked with std::memory_order_seq_cst (the default):
// with the announcement and the scan they form one total order, in which a reader whose
// announcement a scan has missed comes after the unlinking and cannot see the object.
//
// Guards are meant to be short: what is retired stays in memory until they end. They may be nested
// and end in any order, but on the thread that began them. Thread-safe.
class ReclaimDomain {
 public:
  class Guard {
   public:
    Guard(Guard&& other) noexcept : slot_(other.slot_) { other.slot_ = nullptr; }
    Guard& operator=(Guard&& other) noexcept {
      End();
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~Guard() { End(); }
    // Ends before its time; what was followed may be gone.
    void End() {
      if (slot_ != nullptr) slot_->store(0, std::memory_order_release);
      slot_ = nullptr;
    }

   private:
    friend class ReclaimDomain;
    explicit Guard(std::atomic<uint64_t>* slot) : slot_(slot) {}
    std::atomic<uint64_t>* slot_;
  };

  // Lock-free while no more than kSlots guards are alive; beyond that it waits for one to end.
  Guard Enter();

  // Ends the current epoch and returns it. Call after unlinking.
  uint64_t Retire() { return epoch_.fetch_add(1); }

  // Whether all guards that began in `epoch` or earlier have ended.
  bool IsQuiescent(uint64_t epoch) const { return epoch < OldestGuard(); }

  // The earliest epoch in which a living guard began; UINT64_MAX if there is none.
  uint64_t OldestGuard() const;

  static constexpr size_t kSlots = 256;

 private:
  struct alignas(64) Slot {
    std::atomic<uint64_t> epoch{0};  // 0: free
  };

  std::atomic<uint64_t> epoch_{1};
  std::atomic<size_t> slots_used_{0};  // slots at and beyond this index were never taken
  Slot slots_[kSlots];
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RECLAIM_H_
