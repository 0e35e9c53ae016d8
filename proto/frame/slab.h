#ifndef GRAPHFEED_PROTO_FRAME_SLAB_H_
#define GRAPHFEED_PROTO_FRAME_SLAB_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace graphfeed {

class SlabMemory;

// A buffer that is a slab while it is in use, and who uses it. Belongs to its memory otherwise.
struct SlabBlock {
  std::atomic<int64_t> references{0};
  std::byte* data = nullptr;
  int64_t size = 0;
  int64_t capacity = 0;                // at least `size`
  std::shared_ptr<SlabMemory> memory;  // set while in use; shared with whoever made it
};

// Memory that slabs lie in. Thread-safe.
class SlabMemory {
 public:
  virtual ~SlabMemory() = default;
  // The last reference is gone: the block may be used again, or freed.
  virtual void Return(SlabBlock* block) = 0;
};

// One batch's bytes: 64-byte-aligned, returned to their memory when the last reference goes.
// Move-only handle; Share() makes another reference.
class Slab {
 public:
  Slab() = default;
  Slab(Slab&& other) noexcept;
  Slab& operator=(Slab&& other) noexcept;
  ~Slab();

  // Over a block that is not in use.
  static Slab Of(SlabBlock* block, std::shared_ptr<SlabMemory> memory);

  Slab Share() const;
  explicit operator bool() const { return block_ != nullptr; }
  std::byte* data() const;
  int64_t size() const;  // as asked of Take

  // Ownership as one pointer, for C callbacks: exactly one FromRaw for each ToRaw.
  void* ToRaw() &&;
  static Slab FromRaw(void* raw);

 private:
  explicit Slab(SlabBlock* block) : block_(block) {}
  SlabBlock* block_ = nullptr;
};

// Recycles slabs. Keeps at most `max_idle` unused buffers of the size last asked for; others are
// freed. May be destroyed before its slabs. Thread-safe. Contents of a taken slab are unspecified.
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
  struct Shared;
  std::shared_ptr<Shared> shared_;  // shared with the slabs that are out
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_SLAB_H_
