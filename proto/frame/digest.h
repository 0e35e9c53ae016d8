#ifndef GRAPHFEED_PROTO_FRAME_DIGEST_H_
#define GRAPHFEED_PROTO_FRAME_DIGEST_H_

#include <cstddef>
#include <cstdint>

namespace graphfeed {

// XXH3-64 of a slab; with the widest vectors that this processor has.
uint64_t FrameDigest(const std::byte* data, int64_t size);

// The same of a slab that is being written from its beginning to its end: what has just been
// written is hashed while it lies in the processor's cache. Allocates nothing.
class RunningDigest {
 public:
  explicit RunningDigest(const std::byte* begin);
  RunningDigest(const RunningDigest&) = delete;
  RunningDigest& operator=(const RunningDigest&) = delete;

  // Everything before `end` has its last value. Hashes what was not hashed yet.
  void Advance(const std::byte* end);

  uint64_t Finish() const;  // of all bytes so far

 private:
  static constexpr size_t kStateBytes = 576;
  alignas(64) std::byte state_[kStateBytes];
  const std::byte* hashed_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_DIGEST_H_
