#include "server/sampling/node_table.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "storage/base/aligned_memory.h"
#include "storage/base/check.h"

namespace graphfeed {
namespace {

// How far ahead of its use a table entry is asked for: some hundred nanoseconds of work.
constexpr size_t kLookAhead = 64;

class DenseNodeTable final : public NodeTable {
 public:
  explicit DenseNodeTable(int64_t num_nodes)
      : size_(static_cast<size_t>(num_nodes)),
        entries_(static_cast<Entry*>(AllocateAligned(size_ * sizeof(Entry)))) {
    if (entries_ == nullptr) throw std::bad_alloc();
    std::uninitialized_fill_n(entries_.get(), size_, Entry{});
  }

  void StartBatch() override {
    if (++stamp_ == 0) {  // after 2^32 batches the oldest stamps would come back to life
      std::fill_n(entries_.get(), size_, Entry{});
      stamp_ = 1;
    }
  }

  void AppendSeeds(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
                   NodeList list) override {
    GF_CHECK(trees.empty());
    for (const int64_t node : nodes) {
      Entry& entry = entries_[static_cast<size_t>(node)];
      if (entry.stamp != stamp_) entry = {stamp_, static_cast<int32_t>(list.nodes.size())};
      list.nodes.push_back(node);
    }
  }

  void FindOrAppend(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees, NodeList list,
                    int32_t* places) override {
    GF_CHECK(trees.empty());
    const size_t count = nodes.size();
    const size_t known = list.nodes.size();
    list.nodes.resize(known + count);
    Entry* const entries = entries_.get();
    int64_t* const out = list.nodes.data();
    const uint32_t stamp = stamp_;
    auto next = static_cast<int32_t>(known);
    for (size_t i = 0; i < count; ++i) {
      if (i + kLookAhead < count) __builtin_prefetch(entries + nodes[i + kLookAhead], 1);
      GF_DCHECK(nodes[i] >= 0 && static_cast<size_t>(nodes[i]) < size_);
      // Without a branch: whether a node is new cannot be foreseen.
      const Entry entry = entries[nodes[i]];
      const bool is_new = entry.stamp != stamp;
      const int32_t place = is_new ? next : entry.place;
      entries[nodes[i]] = {stamp, place};
      out[next] = nodes[i];
      next += static_cast<int32_t>(is_new);
      places[i] = place;
    }
    list.nodes.resize(static_cast<size_t>(next));
  }

  void Find(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
            int32_t* places) const override {
    GF_CHECK(trees.empty());
    const Entry* const entries = entries_.get();
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (i + kLookAhead < nodes.size()) __builtin_prefetch(entries + nodes[i + kLookAhead]);
      const Entry& entry = entries[nodes[i]];
      places[i] = entry.stamp == stamp_ ? entry.place : -1;
    }
  }

 private:
  struct Free {
    void operator()(void* block) const { std::free(block); }
  };
  struct Entry {
    uint32_t stamp = 0;
    int32_t place = 0;
  };
  static_assert(sizeof(Entry) == kDenseBytesPerNode);

  const size_t size_;
  std::unique_ptr<Entry[], Free> entries_;
  uint32_t stamp_ = 0;
};

class HashedNodeTable final : public NodeTable {
 public:
  HashedNodeTable() { Allocate(kMinSlots); }

  void StartBatch() override {
    // One huge batch does not make all later ones pay for clearing its table.
    if (slots_.size() > kMinSlots && used_ < slots_.size() / 16) {
      Allocate(std::max(kMinSlots, slots_.size() / 2));
    } else {
      std::fill(slots_.begin(), slots_.end(), Slot{});
    }
    used_ = 0;
  }

  void AppendSeeds(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
                   NodeList list) override {
    for (size_t i = 0; i < nodes.size(); ++i) {
      const int32_t tree = trees.empty() ? 0 : trees[i];
      const auto place = static_cast<int32_t>(list.nodes.size());
      Slot& slot = SlotOf(nodes[i], tree);
      if (slot.place < 0) Take(slot, {nodes[i], tree, place});
      list.nodes.push_back(nodes[i]);
      if (!trees.empty()) list.trees.push_back(tree);
    }
  }

  void FindOrAppend(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees, NodeList list,
                    int32_t* places) override {
    for (size_t i = 0; i < nodes.size(); ++i) {
      Prefetch(nodes, trees, i);
      const int32_t tree = trees.empty() ? 0 : trees[i];
      Slot& slot = SlotOf(nodes[i], tree);
      if (slot.place >= 0) {
        places[i] = slot.place;
        continue;
      }
      places[i] = static_cast<int32_t>(list.nodes.size());
      Take(slot, {nodes[i], tree, places[i]});
      list.nodes.push_back(nodes[i]);
      if (!trees.empty()) list.trees.push_back(tree);
    }
  }

  void Find(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees,
            int32_t* places) const override {
    for (size_t i = 0; i < nodes.size(); ++i) {
      Prefetch(nodes, trees, i);
      places[i] = slots_[IndexOf(nodes[i], trees.empty() ? 0 : trees[i])].place;
    }
  }

 private:
  static constexpr size_t kMinSlots = 1024;

  struct Slot {
    int64_t node = 0;
    int32_t tree = 0;
    int32_t place = -1;  // -1: free
  };

  static uint64_t Hash(int64_t node, int32_t tree) {
    uint64_t x = static_cast<uint64_t>(node) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 32) ^ static_cast<uint32_t>(tree)) * 0xd6e8feb86659fd93u;
    return x ^ (x >> 32);
  }

  void Prefetch(absl::Span<const int64_t> nodes, absl::Span<const int32_t> trees, size_t i) const {
    const size_t ahead = i + kLookAhead;
    if (ahead >= nodes.size()) return;
    __builtin_prefetch(&slots_[Hash(nodes[ahead], trees.empty() ? 0 : trees[ahead]) & mask_]);
  }

  // The slot that holds the node, or the free one where it belongs. At most half of the slots are
  // taken, so that probing ends.
  size_t IndexOf(int64_t node, int32_t tree) const {
    size_t index = Hash(node, tree) & mask_;
    while (slots_[index].place >= 0 && (slots_[index].node != node || slots_[index].tree != tree)) {
      index = (index + 1) & mask_;
    }
    return index;
  }
  Slot& SlotOf(int64_t node, int32_t tree) { return slots_[IndexOf(node, tree)]; }

  void Take(Slot& slot, const Slot& value) {
    slot = value;
    if (++used_ * 2 <= slots_.size()) return;
    std::vector<Slot> old = std::move(slots_);
    Allocate(old.size() * 2);
    for (const Slot& taken : old) {
      if (taken.place >= 0) SlotOf(taken.node, taken.tree) = taken;
    }
  }

  void Allocate(size_t slots) {
    slots_ = std::vector<Slot>(slots);
    mask_ = slots - 1;
  }

  std::vector<Slot> slots_;
  size_t mask_ = 0;
  size_t used_ = 0;
};

}  // namespace

std::unique_ptr<NodeTable> NewDenseNodeTable(int64_t num_nodes) {
  return std::make_unique<DenseNodeTable>(num_nodes);
}

std::unique_ptr<NodeTable> NewHashedNodeTable() { return std::make_unique<HashedNodeTable>(); }

}  // namespace graphfeed
