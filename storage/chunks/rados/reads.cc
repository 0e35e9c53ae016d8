#include "storage/chunks/rados/reads.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/chunks/rados/calls.h"

namespace graphfeed {
namespace {

// Of one operation. More ranges make it no faster (docs/scale_out.md), and keep others waiting.
constexpr size_t kMaxRanges = 256;
constexpr uint64_t kMaxOperationBytes = uint64_t{1} << 20;
// In flight for one call.
constexpr size_t kMaxOperations = 32;
constexpr uint64_t kMaxBytesInFlight = uint64_t{8} << 20;

// What lies end to end and is read in one piece.
struct Range {
  uint64_t offset = 0;  // in the object
  uint64_t bytes = 0;
  size_t buffer = 0;  // where it begins in the operation's
  size_t read = 0;    // written by librados
  int result = 0;
};

// The keys `first` to `end` - 1, all in one object.
struct Plan {
  size_t first = 0;
  size_t end = 0;
  uint64_t bytes = 0;
};

// An operation in flight, and its memory, which is used again.
struct Slot {
  Plan plan;
  std::vector<Range> ranges;
  std::unique_ptr<char[]> buffer;
  size_t capacity = 0;
};

class Reader {
 public:
  Reader(const RadosPool& pool, absl::Span<const PlacedKey> keys, ChunkStore::ChunkVisitor visitor,
         ReadCounts& counts)
      : pool_(pool), keys_(keys), visitor_(visitor), counts_(counts) {}

  void Run() {
    MakePlans();
    while (!plans_.empty() || calls_.in_flight() > 0) {
      while (!plans_.empty() && HasRoomFor(plans_.front())) {
        Start(plans_.front());
        plans_.pop_front();
      }
      Finish(calls_.Next());
    }
  }

 private:
  static uint64_t EndOf(const ChunkPlace& place) { return place.offset + place.bytes; }

  // Whether key i lies right behind the one before it.
  bool Adjoins(size_t i) const { return keys_[i].place.offset == EndOf(keys_[i - 1].place); }

  void MakePlans() {
    size_t ranges = 0;
    for (size_t i = 0; i < keys_.size(); ++i) {
      const PlacedKey& wanted = keys_[i];
      const bool same_object = i > 0 && wanted.key.column == keys_[i - 1].key.column &&
                               wanted.place.object == keys_[i - 1].place.object;
      const bool joins = same_object && Adjoins(i);
      if (!same_object || (!joins && ranges == kMaxRanges) ||
          plans_.back().bytes + wanted.place.bytes > kMaxOperationBytes) {
        plans_.push_back({.first = i, .end = i, .bytes = 0});
        ranges = 0;
      }
      if (!joins || ranges == 0) ++ranges;
      plans_.back().end = i + 1;
      plans_.back().bytes += wanted.place.bytes;
    }
  }

  bool HasRoomFor(const Plan& plan) const {
    return calls_.in_flight() == 0 || (calls_.in_flight() < kMaxOperations &&
                                       bytes_in_flight_ + plan.bytes <= kMaxBytesInFlight);
  }

  void Start(const Plan& plan) {
    if (free_.empty()) {
      free_.push_back(slots_.size());
      slots_.push_back(std::make_unique<Slot>());
    }
    const size_t token = free_.back();
    free_.pop_back();
    Slot& slot = *slots_[token];
    slot.plan = plan;
    slot.ranges.clear();
    if (slot.capacity < plan.bytes) {
      slot.buffer = std::make_unique_for_overwrite<char[]>(plan.bytes);
      slot.capacity = plan.bytes;
    }
    size_t filled = 0;
    for (size_t i = plan.first; i < plan.end; ++i) {
      const ChunkPlace& place = keys_[i].place;
      if (i == plan.first || !Adjoins(i)) {
        slot.ranges.push_back({.offset = place.offset, .bytes = 0, .buffer = filled});
      }
      slot.ranges.back().bytes += place.bytes;
      filled += place.bytes;
    }
    ReadOp op = NewReadOp(pool_);
    for (Range& range : slot.ranges) {
      pool_.api().rados_read_op_read(op.get(), range.offset, range.bytes,
                                     slot.buffer.get() + range.buffer, &range.read, &range.result);
    }
    bytes_in_flight_ += plan.bytes;
    counts_.operations.fetch_add(1, std::memory_order_relaxed);
    counts_.ranges.fetch_add(std::ssize(slot.ranges), std::memory_order_relaxed);
    counts_.bytes.fetch_add(static_cast<int64_t>(plan.bytes), std::memory_order_relaxed);
    const ChunkKey& key = keys_[plan.first].key;
    calls_.Start(std::move(op), ObjectName(key.column, keys_[plan.first].place.object), token);
  }

  void Finish(const RadosCalls::Done& done) {
    Slot& slot = *slots_[done.token];
    const Plan plan = slot.plan;
    bytes_in_flight_ -= plan.bytes;
    if (done.status.ok()) {
      VisitAll(slot);
    } else if (absl::IsDataLoss(done.status) && plan.end - plan.first > 1) {
      // One of them it is: each by itself.
      for (size_t i = plan.first; i < plan.end; ++i) {
        plans_.push_back({.first = i, .end = i + 1, .bytes = keys_[i].place.bytes});
      }
    } else {
      for (size_t i = plan.first; i < plan.end; ++i) visitor_(keys_[i].index, done.status);
    }
    free_.push_back(done.token);
    // These are about one object; after anything else the others would be asked for in vain.
    const bool of_object = absl::IsDataLoss(done.status) || absl::IsNotFound(done.status);
    if (!done.status.ok() && !of_object) GiveUp(done.status);
  }

  void GiveUp(const absl::Status& status) {
    for (const Plan& plan : plans_) {
      for (size_t i = plan.first; i < plan.end; ++i) visitor_(keys_[i].index, status);
    }
    plans_.clear();
  }

  void VisitAll(const Slot& slot) {
    auto range = slot.ranges.begin();
    for (size_t i = slot.plan.first; i < slot.plan.end; ++i) {
      const ChunkPlace& place = keys_[i].place;
      if (i > slot.plan.first && !Adjoins(i)) ++range;
      const uint64_t from = place.offset - range->offset;
      if (from + place.bytes > range->read) {
        visitor_(
            keys_[i].index,
            absl::DataLossError(absl::StrCat(
                "\"", ObjectName(keys_[i].key.column, place.object), "\" in ",
                pool_.location().Name(), " ends at byte ", range->offset + range->read,
                ", before the chunk does, which lies at ", place.offset, " to ", EndOf(place))));
        continue;
      }
      visitor_(keys_[i].index,
               absl::string_view(slot.buffer.get() + range->buffer + from, place.bytes));
    }
  }

  const RadosPool& pool_;
  const absl::Span<const PlacedKey> keys_;
  const ChunkStore::ChunkVisitor visitor_;
  ReadCounts& counts_;
  std::deque<Plan> plans_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<size_t> free_;
  uint64_t bytes_in_flight_ = 0;
  RadosCalls calls_{pool_, /*interruptible=*/true};  // last: it waits for what writes to slots
};

}  // namespace

void ReadPlaced(const RadosPool& pool, absl::Span<const PlacedKey> keys,
                ChunkStore::ChunkVisitor visitor, ReadCounts& counts) {
  Reader(pool, keys, visitor, counts).Run();
}

}  // namespace graphfeed
