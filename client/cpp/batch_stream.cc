#include "client/cpp/batch_stream.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// The reader thread alone reads; it hands events over under the mutex and stops while the ring is
// full, so that flow control reaches the server.
class ThreadedBatchStream final : public BatchStream {
 public:
  ThreadedBatchStream(std::unique_ptr<ResumingReader> reader, size_t prefetch,
                      rpc::Interrupted interrupted)
      : prefetch_(std::max<size_t>(prefetch, 1)),
        interrupted_(std::move(interrupted)),
        reader_(std::move(reader)),
        thread_([this, reading = reader_.get()] { ReadAll(*reading); }) {}

  ~ThreadedBatchStream() override {
    Cancel();
    thread_.join();
  }

  absl::StatusOr<const StreamInfo*> info() override {
    absl::MutexLock lock(&mu_);
    if (info_ == nullptr) {
      GF_RETURN_IF_ERROR(Wait(&ThreadedBatchStream::HasInfo, absl::InfiniteFuture()));
      if (info_ == nullptr) return *end_;  // never OK without a header
    }
    return info_.get();
  }

  absl::StatusOr<std::optional<Batch>> Next() override { return Take(absl::InfiniteFuture()); }

  absl::StatusOr<std::optional<Batch>> NextFor(absl::Duration timeout) override {
    return Take(absl::Now() + timeout);
  }

  absl::StatusOr<EpochInfo> epoch() override {
    absl::MutexLock lock(&mu_);
    if (current_epoch_ != nullptr) return *current_epoch_;
    if (first_epoch_ == nullptr) {
      GF_RETURN_IF_ERROR(Wait(&ThreadedBatchStream::HasEpoch, absl::InfiniteFuture()));
      if (first_epoch_ == nullptr) return *end_;  // never OK without an epoch
    }
    return *first_epoch_;
  }

  void Cancel() override {
    std::deque<Ready> dropped;  // freed without the lock
    absl::MutexLock lock(&mu_);
    if (cancelled_) return;
    cancelled_ = true;
    dropped.swap(ready_);
    if (reader_ != nullptr) reader_->Cancel();
  }

 private:
  struct Ready {
    std::shared_ptr<const EpochInfo> epoch;
    Batch batch;
  };

  bool HasInfo() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return info_ != nullptr || end_.has_value() || cancelled_;
  }
  bool HasEpoch() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return first_epoch_ != nullptr || end_.has_value() || cancelled_;
  }
  bool HasBatch() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !ready_.empty() || end_.has_value() || cancelled_;
  }
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return ready_.size() < prefetch_ || cancelled_;
  }

  // Blocks until `condition`, in slices where an interruption can come. Leaves the lock in between.
  absl::Status Wait(bool (ThreadedBatchStream::*condition)() const, absl::Time deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto holds = [&] { return (this->*condition)(); };
    for (;;) {
      absl::Time slice = deadline;
      if (interrupted_) slice = std::min(slice, absl::Now() + rpc::kInterruptInterval);
      if (mu_.AwaitWithDeadline(absl::Condition(&holds), slice)) break;
      if (slice == deadline) return absl::DeadlineExceededError("no batch yet");
      mu_.Unlock();
      const bool stop = interrupted_();
      mu_.Lock();
      if (stop) return absl::CancelledError("interrupted");
    }
    if (cancelled_) return absl::CancelledError("the stream was cancelled");
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<Batch>> Take(absl::Time deadline) {
    absl::MutexLock lock(&mu_);
    GF_RETURN_IF_ERROR(Wait(&ThreadedBatchStream::HasBatch, deadline));
    if (ready_.empty()) {
      GF_RETURN_IF_ERROR(*end_);
      return std::nullopt;
    }
    Ready next = std::move(ready_.front());
    ready_.pop_front();
    current_epoch_ = std::move(next.epoch);
    return std::optional<Batch>(std::move(next.batch));
  }

  // `reader` is reader_, which nobody else frees.
  void ReadAll(ResumingReader& reader) {
    for (;;) {
      {
        absl::MutexLock lock(&mu_);
        mu_.Await(absl::Condition(this, &ThreadedBatchStream::HasRoom));
      }
      absl::StatusOr<std::optional<StreamDecoder::Event>> event = reader.Next();
      if (event.ok() && event->has_value()) {
        Deliver(**std::move(event));
        continue;
      }
      // A stream that has ended does not hold its connection.
      std::unique_ptr<ResumingReader> ended;
      absl::MutexLock lock(&mu_);
      ended = std::move(reader_);
      end_ = event.status();
      return;
    }
  }

  void Deliver(StreamDecoder::Event event) {
    absl::MutexLock lock(&mu_);
    if (auto* info = std::get_if<std::shared_ptr<const StreamInfo>>(&event)) {
      info_ = std::move(*info);
    } else if (auto* epoch = std::get_if<std::shared_ptr<const EpochInfo>>(&event)) {
      reading_epoch_ = std::move(*epoch);
      if (first_epoch_ == nullptr) first_epoch_ = reading_epoch_;
    } else if (!cancelled_) {
      ready_.push_back({reading_epoch_, std::get<Batch>(std::move(event))});
    }
  }

  const size_t prefetch_;
  const rpc::Interrupted interrupted_;

  mutable absl::Mutex mu_;
  std::unique_ptr<ResumingReader> reader_ ABSL_GUARDED_BY(mu_);  // until it has ended
  std::shared_ptr<const StreamInfo> info_ ABSL_GUARDED_BY(mu_);
  // Shared with the decoder and with batches in the ring.
  std::shared_ptr<const EpochInfo> first_epoch_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const EpochInfo> reading_epoch_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const EpochInfo> current_epoch_ ABSL_GUARDED_BY(mu_);  // of the last batch taken
  std::deque<Ready> ready_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);  // how it ended
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace

std::unique_ptr<BatchStream> NewBatchStream(std::unique_ptr<ResumingReader> reader, size_t prefetch,
                                            rpc::Interrupted interrupted) {
  return std::make_unique<ThreadedBatchStream>(std::move(reader), prefetch, std::move(interrupted));
}

}  // namespace graphfeed
