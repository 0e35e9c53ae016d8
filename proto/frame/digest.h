#ifndef GRAPHFEED_PROTO_FRAME_DIGEST_H_
#define GRAPHFEED_PROTO_FRAME_DIGEST_H_

#include <cstddef>
#include <cstdint>

namespace graphfeed {

// XXH3-64 of a slab; with the widest vectors that this processor has.
uint64_t FrameDigest(const std::byte* data, int64_t size);

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_DIGEST_H_
