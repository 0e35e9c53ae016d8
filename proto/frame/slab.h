#ifndef GRAPHFEED_PROTO_FRAME_SLAB_H_
#define GRAPHFEED_PROTO_FRAME_SLAB_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace graphfeed {

class SlabPool;

// One batch's bytes: 64-byte-aligned, returned to its pool when the last reference goes. The pool
// may be destroyed first. Move-only handle; Share() makes another reference.
class Slab {
 public:
  Slab() = default;
  Slab(Slab&& other) noexcept;
  Slab& operator=(Slab&& other) noexcept;
  ~Slab();

  // Over memory of somebody else's, who is told when the last reference goes.
  static Slab Of(std::byte* data, int64_t size, absl::AnyInvocable<void() &&> released);

  Slab Share() const;
  explicit operator bool() const { return block_ != nullptr; }
  std::byte* data() const;
  int64_t size() const;  // as asked of Take

  // Ownership as one pointer, for C callbacks: exactly one FromRaw for each ToRaw.
  void* ToRaw() &&;
  static Slab FromRaw(void* raw);

 private:
  friend class SlabPool;
  struct Block;
  explicit Slab(Block* block) : block_(block) {}
  Block* block_ = nullptr;
};

// Recycles slabs. Keeps at most `max_idle` unused buffers of the size last asked for; others are
// freed. Thread-safe. Contents of a taken slab are unspecified.
class SlabPool {
 public:
  explicit SlabPool(size_t max_idle);
  ~SlabPool();
  SlabPool(const SlabPool&) = delete;
  SlabPool& operator=(const SlabPool&) = delete;

  // Empty when the memory cannot be had.
  Slab Take(int64_t size);

  // Bytes held by all pools' buffers of the process, in use and idle, and of memory that is counted
  // with them.
  static int64_t TotalBytes();
  static void AddBytes(int64_t bytes);

 private:
  friend class Slab;
  struct Shared;
  std::shared_ptr<Shared> shared_;  // shared with the slabs that are out
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SLAB_H_
