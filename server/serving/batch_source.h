#ifndef GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_
#define GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "proto/wire/requests.h"
#include "server/metrics/metrics.h"
#include "server/serving/admission.h"
#include "server/serving/batch_maker.h"
#include "server/serving/frame_stream.h"

namespace graphfeed {

struct PrefetchLimits {
  uint32_t default_frames = 4;
  uint32_t max_frames = 64;
};

// Does everything for a stream that can be refused: opens the dataset, resolves the spec, computes
// the layout, reserves the frames' memory, plans the first epoch. The arguments must outlive the
// stream.
absl::StatusOr<FrameStream::Opened> OpenStream(const wire::StreamRequest& request,
                                               BatchMaker& maker, Admission& admission,
                                               Metrics& metrics, const PrefetchLimits& limits);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_BATCH_SOURCE_H_
