#ifndef GRAPHFEED_SERVER_SHARING_SLAB_RING_H_
#define GRAPHFEED_SERVER_SHARING_SLAB_RING_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "proto/frame/slab.h"
#include "proto/passage/passage.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Memory for the frames of one stream that its client has mapped, too: a file without a name, of
// places for one slab each. A place is free, or a slab of ours, or lent to the client until that
// returns it. The client can write to all of it at any moment: what is read back here may be
// anything. Its size cannot change. Thread-safe.
class SlabRing : public std::enable_shared_from_this<SlabRing> {
 public:
  // RESOURCE_EXHAUSTED when the memory, or its addresses, cannot be had.
  static absl::StatusOr<std::shared_ptr<SlabRing>> Create(uint32_t places, int64_t slab_bytes);
  ~SlabRing();
  SlabRing(const SlabRing&) = delete;
  SlabRing& operator=(const SlabRing&) = delete;

  int fd() const { return memory_.get(); }
  passage::Memory memory() const { return {.places = places_, .place_bytes = place_bytes_}; }

  // A free place as a slab; empty when there is none.
  Slab Take();

  // Lends a slab of Take to the client and returns its number, from 1 on. `returned` is called
  // once: when the client returns it, on whatever thread that is noticed, or when the client is
  // gone. It is to let go of the slab.
  uint32_t Lend(const Slab& slab, absl::AnyInvocable<void() &&> returned);
  // The client has returned a place; false: it did not have it.
  bool Return(uint32_t place);
  // The client is gone: all that it had comes back, also what will be lent.
  void Close();

 private:
  SlabRing(passage::Descriptor memory, std::byte* data, uint32_t places, int64_t slab_bytes);
  void Free(uint32_t place);

  const passage::Descriptor memory_;
  std::byte* const data_;
  const uint32_t places_;
  const int64_t slab_bytes_;
  const int64_t place_bytes_;

  Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mu_);
  std::vector<std::optional<absl::AnyInvocable<void() &&>>> lent_ ABSL_GUARDED_BY(mu_);  // by place
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SHARING_SLAB_RING_H_
