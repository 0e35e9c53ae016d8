#ifndef GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_
#define GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_

#include <cstdint>

#include "proto/wire/requests.h"
#include "server/metrics/metrics.h"
#include "server/serving/batch_maker.h"
#include "server/serving/frame_stream.h"
#include "server/serving/waiting_room.h"

namespace graphfeed {

struct PrefetchLimits {
  uint32_t default_frames = 4;
  uint32_t max_frames = 64;
};

class SlabSocket;

// Does everything for a stream that can be refused: opens the dataset, resolves the spec, computes
// the layout, waits for the frames' memory, plans the first epoch. Calls `done` once, as
// BatchMaker::Open does. All but `request` must outlive the stream. `sharing` is how clients of
// this host get memory; null: they do not.
void OpenStream(wire::StreamRequest request, BatchMaker& maker, WaitingRoom& room, Metrics& metrics,
                const PrefetchLimits& limits, SlabSocket* sharing, FrameStream::OpenDone done);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_
