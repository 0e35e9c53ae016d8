#ifndef GRAPHFEED_CLIENT_CPP_STREAM_H_
#define GRAPHFEED_CLIENT_CPP_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/batch.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/stream_info.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

struct StreamOptions {
  std::string dataset;                     // "name" or "name@version"
  std::optional<Fingerprint> fingerprint;  // refuse any other content
  BatchSpec spec;
  uint64_t seed = 0;
  int64_t start_epoch = 0;
  int64_t start_ordinal = 0;  // within start_epoch
  int64_t num_epochs = 1;     // 0: until cancelled
  int64_t num_shards = 1;
  int64_t shard_index = 0;
  UnevenShards uneven_shards = UnevenShards::kNull;
  uint32_t prefetch = 0;       // frames in work at the server; 0: its default
  size_t client_prefetch = 2;  // frames received ahead of Next()
  bool verify_digests = true;  // DATA_LOSS on a frame whose bytes changed on the way
  bool graph_ids = false;      // frames have FrameInfo::graph_ids; not of sampled specs
};

// Batches of a stream in order. A background thread receives ahead of Next() into recycled
// buffers and checks what it receives: DATA_LOSS for frames that contradict the layout, the plan,
// the order asked for or their digest. When a server fails, the stream goes on at the next frame
// with any that has the same content and makes the same of the spec (ClientOptions::retry_timeout).
// An error is final. Next, epoch and info are for one thread; Cancel is for any. Streams may
// outlive their client.
class BatchStream {
 public:
  virtual ~BatchStream() = default;  // cancels

  // Blocks until the server has answered; the same object afterwards.
  virtual absl::StatusOr<const StreamInfo*> info() = 0;
  // The next batch, nullopt at the end of the stream, or why it broke. Blocks.
  virtual absl::StatusOr<std::optional<Batch>> Next() = 0;
  // As Next, but gives up with DEADLINE_EXCEEDED after `timeout`; the stream goes on.
  virtual absl::StatusOr<std::optional<Batch>> NextFor(absl::Duration timeout) = 0;
  // The plan of the epoch of the batch last returned (before the first: of the first epoch).
  virtual absl::StatusOr<EpochInfo> epoch() = 0;
  virtual void Cancel() = 0;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_STREAM_H_
