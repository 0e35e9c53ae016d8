#ifndef GRAPHFEED_SERVER_BATCHING_FILLER_H_
#define GRAPHFEED_SERVER_BATCHING_FILLER_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/frame/layout.h"
#include "server/batching/micro_batch.h"
#include "server/batching/plan.h"
#include "server/batching/tensor_blocks.h"
#include "storage/graph/feature_store.h"

namespace graphfeed {

// Finds what the frames of one kind of spec hold and writes it into their slabs; where it goes, and
// what surrounds it, is the Collater's business. Immutable and thread-safe.
class Filler {
 public:
  // One frame. Belongs to the thread that started it, until that starts another: frames keep their
  // memory for the next one of the thread.
  class Frame {
   public:
    virtual ~Frame() = default;

    // How much a batch of the frame holds, and where it lies. Fixed-size ones fit their limits and
    // are padded.
    virtual const MicroBatch& batch(int64_t micro_batch) const = 0;

    // Adds what was cut off to make the batches fit, by type.
    virtual void AddTrimmed(Counts& trimmed) const = 0;

    // Writes a tensor that is not of BatchTensor::Structure: of columns the real rows, of others
    // every byte. What the store reports.
    virtual absl::Status Write(const TensorBlocks& to) = 0;
  };

  virtual ~Filler() = default;

  // Decides what frame `ordinal` of the plan holds, or the null frame of that position: no graphs.
  // Likewise null are batches behind the plan's end. `plan` is only read here; `features` must
  // outlive the frame. FAILED_PRECONDITION: a batch does not fit and may not be trimmed, naming
  // sizes and limit.
  virtual absl::StatusOr<Frame*> Start(const EpochPlan& plan, uint64_t seed, int64_t ordinal,
                                       bool null_frame, FeatureStore& features) const = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_BATCHING_FILLER_H_
