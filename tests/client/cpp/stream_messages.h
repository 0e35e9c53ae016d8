#ifndef GRAPHFEED_TESTS_CLIENT_CPP_STREAM_MESSAGES_H_
#define GRAPHFEED_TESTS_CLIENT_CPP_STREAM_MESSAGES_H_

// Hand-made messages of a stream, as a server would send them.

#include <cstdint>
#include <string>

#include "client/cpp/client.h"
#include "proto/frame/layout.h"
#include "proto/frame/stream_info.h"

namespace graphfeed {

// x float32 [4, 2], edge_index int64 [2, 3], y int32 [2]; 3 tensors in 192 bytes.
Layout SmallLayout();
// The same tensors, with sizes of each frame's own.
Layout RaggedLayout();

// Of d@1, seed 7, prefetch 2, batch size 2.
StreamInfo MakeStreamInfo(Layout layout);
std::string HeaderMessage(const StreamInfo& info);
// An epoch of `shard_frames` frames, those of the only shard; of one of several if they are
// `num_frames` in all.
std::string EpochMessage(int64_t epoch, int64_t shard_frames);
std::string EpochMessage(int64_t epoch, int64_t shard_frames, int64_t num_frames);

// The bytes of a frame's slab: a pattern of `ordinal`.
std::string Payload(int64_t ordinal, int64_t size);
// A sound frame of `payload`, digest included.
FrameInfo MakeFrameInfo(int64_t epoch, int64_t ordinal, const Counts& real,
                        const std::string& payload);
std::string FrameMessage(const FrameInfo& info, const std::string& payload);
// The two in one, for SmallLayout.
std::string SmallFrame(int64_t epoch, int64_t ordinal);

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_CLIENT_CPP_STREAM_MESSAGES_H_
