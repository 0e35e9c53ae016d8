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
#include "absl/strings/string_view.h"
#include "proto/frame/slab.h"
#include "proto/passage/passage.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Memory for the frames of one stream that its client has mapped, too: a file without a name, of
// places for one slab each. A place is free, or a slab of ours, or lent to the client until that
// returns it. The client can write to all of it at any moment: what is read back here may be
// anything. Its size cannot change. Thread-safe.
class SlabRing final : public SlabMemory, public std::enable_shared_from_this<SlabRing> {
 public:
  // RESOURCE_EXHAUSTED when the memory, or its addresses, cannot be had.
  static absl::StatusOr<std::shared_ptr<SlabRing>> Create(uint32_t places, int64_t slab_bytes);
  ~SlabRing() override;
  SlabRing(const SlabRing&) = delete;
  SlabRing& operator=(const SlabRing&) = delete;

  // Of the memory, until Passed: to the client at the other end of the connection.
  int fd() const { return memory_.get(); }
  void Passed(std::shared_ptr<const passage::Descriptor> connection);
  passage::Memory memory() const { return {.places = places_, .place_bytes = place_bytes_}; }

  // A free place as a slab; empty when there is none.
  Slab Take();

  // Gives back the memory of places that are free; Take has them as before.
  void DiscardFree();

  // Lends a slab of Take to the client and returns its number, from 1 on. `released` is called
  // once: when the client returns it, on whatever thread that is noticed, when the client is gone,
  // or at the stream's end; the place is free by then, but at the stream's end.
  uint32_t Lend(Slab slab, absl::AnyInvocable<void() &&> released);
  // Sends the client a message of the stream. False: it cannot be had there, nor what comes after
  // it; the client knows, once it has received what was sent.
  bool SendMessage(absl::string_view message);
  // No more messages are sent.
  void EndMessages();

  // The stream has ended: what it was promised is free, and of the memory only the places that the
  // client still has are kept. They count as kept.
  void EndStream();
  // Bytes of places that clients have of streams that have ended, in this process.
  static int64_t KeptBytes();
  // The client has returned a place; false: it did not have it.
  bool TakeBack(uint32_t place);
  // The client is gone: all that it had comes back, also what will be lent.
  void Close();
  // The server goes. What was promised is free likewise, but the places that the client has are its
  // own from now on, as they are.
  void Leave();

 private:
  SlabRing(passage::Descriptor memory, std::byte* data, uint32_t places, int64_t slab_bytes);
  // A place is free again.
  void Return(SlabBlock* block) override;
  void Discard(uint32_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Count(uint32_t place, bool counts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  struct Loan {
    Slab slab;
    absl::AnyInvocable<void() &&> released;  // null: the stream has ended
  };

  passage::Descriptor memory_;
  std::byte* const data_;
  const uint32_t places_;
  const int64_t slab_bytes_;
  const int64_t place_bytes_;
  const std::unique_ptr<SlabBlock[]> blocks_;  // by place

  Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool left_ ABSL_GUARDED_BY(mu_) = false;
  bool stream_ended_ ABSL_GUARDED_BY(mu_) = false;
  // Shared with the socket, and with who is sending; null: nothing is sent any more.
  std::shared_ptr<const passage::Descriptor> connection_ ABSL_GUARDED_BY(mu_);
  std::vector<uint32_t> free_ ABSL_GUARDED_BY(mu_);
  std::vector<bool> counted_ ABSL_GUARDED_BY(mu_);              // by place: it may have memory
  std::vector<std::optional<Loan>> lent_ ABSL_GUARDED_BY(mu_);  // by place
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SHARING_SLAB_RING_H_
