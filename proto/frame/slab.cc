#include "proto/frame/slab.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "proto/frame/layout.h"
#include "storage/base/aligned_memory.h"
#include "storage/base/check.h"
#include "storage/base/mutex.h"

namespace graphfeed {
namespace {

std::atomic<int64_t> total_bytes{0};

}  // namespace

struct SlabPool::Shared final : SlabMemory {
  explicit Shared(size_t limit) : max_idle(limit) {}
  ~Shared() override { Clear(); }

  // nullptr when the memory cannot be had.
  static SlabBlock* Allocate(int64_t size) {
    GF_CHECK(size >= 0) << size;
    if (size > INT64_MAX - kSlabAlignment) return nullptr;
    const int64_t units = std::max<int64_t>((size + kSlabAlignment - 1) / kSlabAlignment, 1);
    auto* data = static_cast<std::byte*>(
        AllocateAligned(static_cast<size_t>(units) * static_cast<size_t>(kSlabAlignment)));
    if (data == nullptr) return nullptr;
    auto* block = new SlabBlock;
    block->data = data;
    block->size = size;
    block->capacity = units * kSlabAlignment;
    total_bytes.fetch_add(block->capacity, std::memory_order_relaxed);
    return block;
  }

  static void Free(SlabBlock* block) {
    total_bytes.fetch_sub(block->capacity, std::memory_order_relaxed);
    std::free(block->data);
    delete block;
  }

  void Clear() {
    std::vector<SlabBlock*> blocks;
    {
      MutexLock lock(&mutex);
      blocks.swap(idle);
    }
    for (SlabBlock* block : blocks) Free(block);
  }

  void Return(SlabBlock* block) override {
    {
      MutexLock lock(&mutex);
      if (!closed && block->size == size && idle.size() < max_idle) {
        idle.push_back(block);
        return;
      }
    }
    Free(block);
  }

  const size_t max_idle;
  Mutex mutex;
  bool closed ABSL_GUARDED_BY(mutex) = false;
  int64_t size ABSL_GUARDED_BY(mutex) = 0;  // of idle buffers: last asked for
  std::vector<SlabBlock*> idle ABSL_GUARDED_BY(mutex);
};

Slab::Slab(Slab&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

Slab& Slab::operator=(Slab&& other) noexcept {
  Slab taken(std::move(other));
  std::swap(block_, taken.block_);
  return *this;
}

Slab::~Slab() {
  if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    // The memory must outlive the call, but a block that is not in use must not keep it alive.
    const std::shared_ptr<SlabMemory> memory = std::move(block_->memory);
    memory->Return(block_);
  }
}

Slab Slab::Of(SlabBlock* block, std::shared_ptr<SlabMemory> memory) {
  block->references.store(1, std::memory_order_relaxed);
  block->memory = std::move(memory);
  return Slab(block);
}

Slab Slab::Share() const {
  if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  return Slab(block_);
}

std::byte* Slab::data() const { return block_ == nullptr ? nullptr : block_->data; }

int64_t Slab::size() const { return block_ == nullptr ? 0 : block_->size; }

void* Slab::ToRaw() && { return std::exchange(block_, nullptr); }

Slab Slab::FromRaw(void* raw) { return Slab(static_cast<SlabBlock*>(raw)); }

SlabPool::SlabPool(size_t max_idle) : shared_(std::make_shared<Shared>(max_idle)) {}

SlabPool::~SlabPool() {
  {
    MutexLock lock(&shared_->mutex);
    shared_->closed = true;
  }
  shared_->Clear();
}

Slab SlabPool::Take(int64_t size) {
  SlabBlock* block = nullptr;
  std::vector<SlabBlock*> outgrown;
  {
    MutexLock lock(&shared_->mutex);
    if (size != shared_->size) {
      outgrown.swap(shared_->idle);
      shared_->size = size;
    }
    if (!shared_->idle.empty()) {
      block = shared_->idle.back();  // the one used last: its pages are warm
      shared_->idle.pop_back();
    }
  }
  for (SlabBlock* old : outgrown) Shared::Free(old);
  if (block == nullptr) {
    block = Shared::Allocate(size);
    if (block == nullptr) return Slab();
  }
  return Slab::Of(block, shared_);
}

void SlabPool::AddBytes(int64_t bytes) { total_bytes.fetch_add(bytes, std::memory_order_relaxed); }

int64_t SlabPool::TotalBytes() { return total_bytes.load(std::memory_order_relaxed); }

}  // namespace graphfeed
