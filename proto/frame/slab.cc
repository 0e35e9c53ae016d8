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

// A buffer and who uses it. Belongs to its references while in use, to the pool while idle.
struct Slab::Block {
  std::atomic<int64_t> references{1};
  std::byte* data = nullptr;
  int64_t size = 0;
  int64_t capacity = 0;  // `size` rounded up to the alignment, at least one unit
  std::shared_ptr<SlabPool::Shared> shared;  // the pool to return to; unset while idle
  absl::AnyInvocable<void() &&> released;    // instead of a pool: the memory is somebody else's
};

struct SlabPool::Shared {
  explicit Shared(size_t limit) : max_idle(limit) {}
  ~Shared() { Clear(); }

  // nullptr when the memory cannot be had.
  static Slab::Block* Allocate(int64_t size) {
    GF_CHECK(size >= 0) << size;
    if (size > INT64_MAX - kSlabAlignment) return nullptr;
    const int64_t units = std::max<int64_t>((size + kSlabAlignment - 1) / kSlabAlignment, 1);
    auto* data = static_cast<std::byte*>(
        AllocateAligned(static_cast<size_t>(units) * static_cast<size_t>(kSlabAlignment)));
    if (data == nullptr) return nullptr;
    auto* block = new Slab::Block;
    block->data = data;
    block->size = size;
    block->capacity = units * kSlabAlignment;
    total_bytes.fetch_add(block->capacity, std::memory_order_relaxed);
    return block;
  }

  static void Free(Slab::Block* block) {
    total_bytes.fetch_sub(block->capacity, std::memory_order_relaxed);
    std::free(block->data);
    delete block;
  }

  void Clear() {
    std::vector<Slab::Block*> blocks;
    {
      MutexLock lock(&mutex);
      blocks.swap(idle);
    }
    for (Slab::Block* block : blocks) Free(block);
  }

  // Takes the block of a slab whose last reference is gone.
  static void Return(Slab::Block* block) {
    if (block->released) {
      absl::AnyInvocable<void()&&> released = std::move(block->released);
      delete block;
      return std::move(released)();
    }
    // The pool's state must outlive this call, but an idle block must not keep it alive.
    const std::shared_ptr<Shared> shared = std::move(block->shared);
    {
      MutexLock lock(&shared->mutex);
      if (!shared->closed && block->size == shared->size &&
          shared->idle.size() < shared->max_idle) {
        shared->idle.push_back(block);
        return;
      }
    }
    Free(block);
  }

  const size_t max_idle;
  Mutex mutex;
  bool closed ABSL_GUARDED_BY(mutex) = false;
  int64_t size ABSL_GUARDED_BY(mutex) = 0;  // of idle buffers: last asked for
  std::vector<Slab::Block*> idle ABSL_GUARDED_BY(mutex);
};

Slab::Slab(Slab&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}

Slab& Slab::operator=(Slab&& other) noexcept {
  Slab taken(std::move(other));
  std::swap(block_, taken.block_);
  return *this;
}

Slab::~Slab() {
  if (block_ != nullptr && block_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    SlabPool::Shared::Return(block_);
  }
}

Slab Slab::Of(std::byte* data, int64_t size, absl::AnyInvocable<void() &&> released) {
  auto* block = new Block;
  block->data = data;
  block->size = block->capacity = size;
  block->released = std::move(released);
  return Slab(block);
}

Slab Slab::Share() const {
  if (block_ != nullptr) block_->references.fetch_add(1, std::memory_order_relaxed);
  return Slab(block_);
}

std::byte* Slab::data() const { return block_ == nullptr ? nullptr : block_->data; }

int64_t Slab::size() const { return block_ == nullptr ? 0 : block_->size; }

void* Slab::ToRaw() && { return std::exchange(block_, nullptr); }

Slab Slab::FromRaw(void* raw) { return Slab(static_cast<Block*>(raw)); }

SlabPool::SlabPool(size_t max_idle) : shared_(std::make_shared<Shared>(max_idle)) {}

SlabPool::~SlabPool() {
  {
    MutexLock lock(&shared_->mutex);
    shared_->closed = true;
  }
  shared_->Clear();
}

Slab SlabPool::Take(int64_t size) {
  Slab::Block* block = nullptr;
  std::vector<Slab::Block*> outgrown;
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
  for (Slab::Block* old : outgrown) Shared::Free(old);
  if (block == nullptr) {
    block = Shared::Allocate(size);
    if (block == nullptr) return Slab();
  } else {
    block->references.store(1, std::memory_order_relaxed);
  }
  block->shared = shared_;
  return Slab(block);
}

void SlabPool::AddBytes(int64_t bytes) { total_bytes.fetch_add(bytes, std::memory_order_relaxed); }

int64_t SlabPool::TotalBytes() { return total_bytes.load(std::memory_order_relaxed); }

}  // namespace graphfeed
