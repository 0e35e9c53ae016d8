#include "client/cpp/replicas/stream_cursor.h"

#include "absl/strings/str_cat.h"

namespace graphfeed {

StreamCursor::StreamCursor(const StreamOptions& options)
    : start_epoch_(options.start_epoch),
      start_ordinal_(options.start_ordinal),
      num_epochs_(options.num_epochs),
      num_shards_(options.num_shards),
      epoch_(options.start_epoch) {}

absl::StatusOr<bool> StreamCursor::TakeEpoch(const EpochInfo& info) {
  if (in_epoch_ && !epoch_done()) {
    if (info.epoch != epoch_ || info.plan.num_frames != num_frames_ ||
        info.plan.shard_frames != shard_frames_ - frames_) {
      return absl::DataLossError(
          absl::StrCat("epoch ", info.epoch, " has ", info.plan.num_frames, " frames and ",
                       info.plan.shard_frames, " left for this shard where epoch ", epoch_,
                       " with ", num_frames_, " and ", shard_frames_ - frames_, " was left"));
    }
    return false;
  }
  in_epoch_ = true;
  epoch_ = info.epoch;
  num_frames_ = info.plan.num_frames;
  shard_frames_ = info.plan.shard_frames;
  frames_ = 0;
  empty_epochs_ = shard_frames_ == 0 ? empty_epochs_ + 1 : 0;
  if (num_epochs_ == 0 && empty_epochs_ == kMaxEmptyEpochs) {
    return absl::DataLossError(absl::StrCat("the server's stream without end has had no frames in ",
                                            empty_epochs_, " epochs, the last one ", epoch_));
  }
  return true;
}

bool StreamCursor::done() const {
  return num_epochs_ != 0 && epoch_done() && epoch_ - start_epoch_ + 1 == num_epochs_;
}

int64_t StreamCursor::epoch() const { return epoch_done() ? epoch_ + 1 : epoch_; }

int64_t StreamCursor::ordinal() const {
  if (epoch_done()) return 0;
  const int64_t start = epoch_ == start_epoch_ ? start_ordinal_ : 0;
  return start + frames_ * num_shards_;
}

int64_t StreamCursor::num_epochs() const {
  return num_epochs_ == 0 ? 0 : num_epochs_ - (epoch() - start_epoch_);
}

}  // namespace graphfeed
