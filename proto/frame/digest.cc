#include "proto/frame/digest.h"

#define XXH_STATIC_LINKING_ONLY  // for the size of the state
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#include "storage/base/check.h"

namespace graphfeed {
namespace {

XXH3_state_t* StateOf(std::byte* state) { return reinterpret_cast<XXH3_state_t*>(state); }
const XXH3_state_t* StateOf(const std::byte* state) {
  return reinterpret_cast<const XXH3_state_t*>(state);
}

}  // namespace

// On x86 the dispatching header redirects these functions to a choice at run time.
uint64_t FrameDigest(const std::byte* data, int64_t size) {
  return XXH3_64bits(data, static_cast<size_t>(size));
}

RunningDigest::RunningDigest(const std::byte* begin) : hashed_(begin) {
  static_assert(sizeof(XXH3_state_t) == kStateBytes && alignof(XXH3_state_t) <= 64);
  XXH3_INITSTATE(StateOf(state_));
  XXH3_64bits_reset(StateOf(state_));
}

void RunningDigest::Advance(const std::byte* end) {
  GF_CHECK(end >= hashed_) << end - hashed_;
  XXH3_64bits_update(StateOf(state_), hashed_, static_cast<size_t>(end - hashed_));
  hashed_ = end;
}

uint64_t RunningDigest::Finish() const { return XXH3_64bits_digest(StateOf(state_)); }

}  // namespace graphfeed
