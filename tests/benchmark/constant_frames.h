#ifndef GRAPHFEED_TESTS_BENCHMARK_CONSTANT_FRAMES_H_
#define GRAPHFEED_TESTS_BENCHMARK_CONSTANT_FRAMES_H_

#include <cstdint>

#include "server/serving/frame_stream.h"

namespace graphfeed {

// Streams with this seed deliver their first frame again and again instead of building others:
// what the wire and both its ends cost without the batches. Same header, same number of frames.
inline constexpr uint64_t kConstantSeed = 0xc0257a27;
// Streams with this seed hash each frame twice.
inline constexpr uint64_t kHashedTwiceSeed = kConstantSeed + 1;

// A StreamFilter. Takes streams of one shard that start at the epoch's start.
FrameStream::Opened MakeConstant(FrameStream::Opened opened);

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_BENCHMARK_CONSTANT_FRAMES_H_
