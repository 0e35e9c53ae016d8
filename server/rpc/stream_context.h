#ifndef GRAPHFEED_SERVER_RPC_STREAM_CONTEXT_H_
#define GRAPHFEED_SERVER_RPC_STREAM_CONTEXT_H_

#include <atomic>
#include <cstdint>

#include "server/rpc/call.h"
#include "server/serving/batch_maker.h"
#include "server/serving/batch_source.h"
#include "server/serving/frame_stream.h"
#include "server/serving/stream_limits.h"
#include "server/serving/waiting_room.h"

namespace graphfeed {

// What calls of StreamBatches share. Everything outlives the calls.
struct StreamContext {
  Calls& calls;
  BatchMaker& maker;
  WaitingRoom& room;
  PrefetchLimits prefetch;
  StreamFilter filter = nullptr;          // may be empty
  SlabSocket* sharing = nullptr;          // null: no memory is shared with clients
  StreamLimits limits = {};               // before jitter
  std::atomic<uint64_t> num_streams = 0;  // that have been asked for
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_STREAM_CONTEXT_H_
