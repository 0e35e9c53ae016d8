#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_STREAM_CURSOR_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_STREAM_CURSOR_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/cpp/client.h"
#include "proto/frame/stream_info.h"

namespace graphfeed {

// How far a stream has come, and what is left to be asked for: a shard that has received r frames
// of an epoch from ordinal s on goes on at s + r * num_shards. Thread-compatible.
class StreamCursor {
 public:
  explicit StreamCursor(const StreamOptions& options);

  // An epoch's header has come. True when it begins an epoch, false when it goes on with the one
  // that a stream before this broke off. DATA_LOSS when that is not what was left of it, and
  // when a stream without end has had no frame in 1000 epochs: nothing would ever come.
  absl::StatusOr<bool> TakeEpoch(const EpochInfo& info);
  // A frame of the epoch has come.
  void TakeFrame() { ++frames_; }

  // All epochs have come whole.
  bool done() const;
  // Where the next frame is.
  int64_t epoch() const;
  int64_t ordinal() const;  // global: of the first shard
  // Epochs left, that of epoch() included; 0: without end.
  int64_t num_epochs() const;

 private:
  static constexpr int64_t kMaxEmptyEpochs = 1000;

  bool epoch_done() const { return in_epoch_ && frames_ == shard_frames_; }

  const int64_t start_epoch_;
  const int64_t start_ordinal_;
  const int64_t num_epochs_;
  const int64_t num_shards_;
  bool in_epoch_ = false;  // after the first epoch's header
  int64_t epoch_ = 0;
  int64_t num_frames_ = 0;    // of the epoch, over all shards
  int64_t shard_frames_ = 0;  // of the epoch, from where this stream entered it
  int64_t frames_ = 0;        // received of those
  int64_t empty_epochs_ = 0;  // in a row, to this one
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_STREAM_CURSOR_H_
