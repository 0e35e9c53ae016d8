#include "proto/frame/digest.h"

#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

namespace graphfeed {

// On x86 the dispatching header redirects XXH3_64bits to a choice at run time.
uint64_t FrameDigest(const std::byte* data, int64_t size) {
  return XXH3_64bits(data, static_cast<size_t>(size));
}

}  // namespace graphfeed
