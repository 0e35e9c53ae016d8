#ifndef GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_
#define GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "proto/wire/requests.h"
#include "server/metrics/metrics.h"
#include "server/serving/batch_maker.h"
#include "server/serving/frame_stream.h"
#include "server/serving/tenants.h"
#include "server/serving/waiting_room.h"

namespace graphfeed {

struct PrefetchLimits {
  uint32_t default_frames = 4;
  uint32_t max_frames = 64;
};

class SlabSocket;

// Whose stream it is, and what bounds all of that caller's; no tenant: nothing does.
struct StreamOwner {
  std::shared_ptr<Tenant> tenant = nullptr;  // shared with its calls
  // Its streams. Called under no lock; may be empty.
  std::function<WaitingRoom::Streams()> streams = nullptr;
};

// What is left of `need` within the owner's quota, with a promise for it. RESOURCE_EXHAUSTED, with
// a delay, when that is used up: the owner's streams give way.
absl::StatusOr<Admission::Need> WithinQuota(Admission::Need need, const StreamOwner& owner);

// Does everything for a stream that can be refused: opens the dataset, resolves the spec, computes
// the layout, waits for the frames' memory, plans the first epoch. Calls `done` once, as
// BatchMaker::Open does. All but `request` must outlive the stream. `sharing` is how clients of
// this host get memory; null: they do not. RESOURCE_EXHAUSTED, with a delay after which it makes
// sense to ask again, when the owner has used up its quota; its other streams give way.
void OpenStream(wire::StreamRequest request, BatchMaker& maker, WaitingRoom& room, Metrics& metrics,
                const PrefetchLimits& limits, SlabSocket* sharing, StreamOwner owner,
                FrameStream::OpenDone done);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_
