#ifndef GRAPHFEED_SERVER_SERVING_FRAME_STREAM_H_
#define GRAPHFEED_SERVER_SERVING_FRAME_STREAM_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/frame/compact.h"
#include "proto/frame/slab.h"
#include "proto/frame/stream_info.h"
#include "server/serving/admission.h"
#include "server/serving/stream_limits.h"
#include "server/serving/task_queue.h"
#include "storage/base/mutex.h"
#include "storage/base/work_scope.h"

namespace graphfeed {

class SlabRing;

struct BuiltFrame {
  FrameInfo info;
  Slab slab;
  std::optional<CompactFrame> compact = {};  // how to send it, if not as it is
  std::shared_ptr<SlabRing> ring = nullptr;  // shared with the client, where the slab is one of it
};

// What a stream sends, pulled piece by piece: the seam between scheduling (FrameStream) and
// batches. Epochs are opened on planning threads, frames built on build threads.
class FrameSource {
 public:
  // One epoch as one stream sees it. Thread-safe: frames are built in parallel.
  class Epoch {
   public:
    virtual ~Epoch() = default;
    // plan.shard_frames is the number of frames.
    virtual const EpochInfo& info() const = 0;
    // The j-th frame, 0 <= j < plan.shard_frames. All of `frame` is set; what memory its info has,
    // of a frame that was sent, is used again.
    virtual absl::Status Build(int64_t j, BuiltFrame& frame) = 0;
  };

  using EpochOr = absl::StatusOr<std::shared_ptr<Epoch>>;

  virtual ~FrameSource() = default;
  // Calls `done` once: before it returns or, if somebody else is planning the same, later from
  // their thread. Does not wait. Epochs are opened in order, each once, one at a time.
  virtual void OpenEpoch(int64_t epoch, absl::AnyInvocable<void(EpochOr)> done) = 0;
  // Another stream will probably ask for this epoch: the one after the last of this stream, which
  // has begun. Once, on a planning thread.
  virtual void Foresee(int64_t /*epoch*/) {}
  // Whether a stream that goes on elsewhere, or here anew, would find what this one has.
  virtual bool StillThere() { return true; }
  // Buffers for so many frames may be kept for reuse from now on. On any thread.
  virtual void KeepBuffers(uint32_t /*frames*/) {}
};

// Is told what a stream does, for metrics. Thread-safe.
class StreamObserver {
 public:
  enum class Wait : uint8_t { kClient, kBuild, kNone };

  virtual ~StreamObserver() = default;
  virtual void EpochOpened(const EpochInfo& info) = 0;
  virtual void FrameSent(const FrameInfo& info, int64_t slab_bytes) = 0;
  // The stream had a frame ready and waited for the client to take the one before it, or had
  // nothing to send; or (kNone) a frame was on its way while the next one was being built.
  virtual void Waited(Wait what, std::chrono::nanoseconds time) = 0;
  // Ready frames were dropped, to be built again (FrameStream::KeepAtMost).
  virtual void FramesDropped(int64_t /*count*/) {}
};

// Schedules one stream: at most `prefetch` frames of it exist at a time, from the moment in which
// a build starts to the moment in which the slab's bytes are gone from gRPC. Frames are built in
// parallel and sent in order, one write in flight. The next epoch is planned while the current one
// is sent, and prefetching goes on across the border. An error in the middle is reported after all
// frames before it. Knows nothing of gRPC: the sink does.
//
// Thread-safe; one mutex guards all state, and Decide() alone says what comes next. Neither the
// sink, nor the source, nor destructors of frames are called under the mutex.
class FrameStream : public std::enable_shared_from_this<FrameStream> {
  class Slots;

 public:
  // One of the `prefetch` frames that may exist; goes back when destroyed. Keeps the stream's
  // reserved memory reserved. May be destroyed on any thread, and after the stream and the task
  // queue: it counts down, and posts a task while the stream runs.
  class Slot {
   public:
    Slot() = default;
    Slot(std::shared_ptr<Slots> slots, std::shared_ptr<const void> reservation);
    Slot(Slot&& other) noexcept = default;
    Slot& operator=(Slot&& other) noexcept;
    ~Slot();

   private:
    void Release();

    std::shared_ptr<Slots> slots_;
    std::shared_ptr<const void> reservation_;  // shared with the stream and its other slots
  };

  // A frame on its way out. The receiver destroys `slot` when it no longer holds the slab.
  struct Frame {
    FrameInfo info;
    Slab slab;
    Slot slot;
    std::optional<CompactFrame> compact = {};
    std::shared_ptr<SlabRing> ring = nullptr;  // shared with the client; the slab is lent to it
  };
  // What comes first.
  struct Header {
    StreamInfo info;
    std::shared_ptr<SlabRing> ring = nullptr;  // shared with the client; null: there is none
  };
  using Message = std::variant<Header, EpochInfo, Frame>;

  class Sink {
   public:
    virtual ~Sink() = default;
    // Writes, and returns true, or starts a write, to be answered by OnWritten. Never while one is
    // in flight. What is left in the message may go when this returns; a frame's info has memory
    // for another one. Throws where an allocation fails, before anything is written.
    virtual bool Write(Message&& message) = 0;
    // The last call, once, while no write is in flight.
    virtual void Finish(absl::Status status) = 0;
    // The client does not take the write in flight: gives it up, so that OnWritten(false) comes.
    // `status` is why. Finish comes after this has returned.
    virtual void BreakOff(const absl::Status& /*status*/) {}
  };

  // All that a stream needs, once its request has been accepted.
  struct Opened {
    StreamInfo header;                         // header.prefetch bounds the frames
    std::shared_ptr<SlabRing> ring = nullptr;  // shared with the client; null: there is none
    std::unique_ptr<FrameSource> source;
    std::shared_ptr<FrameSource::Epoch> first_epoch;
    int64_t num_epochs = 1;  // 0: until stopped
    std::shared_ptr<const void> reservation;
    std::shared_ptr<StreamObserver> observer;  // shared by whoever made it; may be null
    // Of the reservation, the frames' part, which may give way and grow again, to `wanted_frames`;
    // shared with it. Null: it is fixed.
    std::shared_ptr<Admission::Place> place;
    uint32_t wanted_frames = 0;
    // Frames that may be out, with the sink or beyond, before one has come back: for clients that
    // take frames without reading them. 0: any number.
    uint32_t max_out = 0;
  };

  // What a stream has of the memory for frames.
  struct Holding {
    int64_t frame_bytes = 0;
    uint32_t reserved = 0;  // frames
    uint32_t target = 0;    // that it will have, when those beyond have gone
    // That cannot be dropped: being built, in flight, not back yet, or lent to a client that keeps
    // some while it waits for the next.
    uint32_t out = 0;
    bool idle = false;  // its client has taken nothing for a while
  };
  // Runs on a planning thread and does not wait for others: `done` is called once, then or later
  // (FrameSource::OpenEpoch).
  using OpenDone = absl::AnyInvocable<void(absl::StatusOr<Opened>)>;
  using Opener = absl::AnyInvocable<void(OpenDone done)>;

  // Frames are built by the threads of `builds`, where the stream has a queue of its own; it is
  // opened, and epochs are planned, by those of `planning`. Both must outlive the stream's work,
  // the sink the call of its Finish. Every stream that has been started must come to its Finish (by
  // Stop, if nothing else).
  static std::shared_ptr<FrameStream> Create(TaskQueue& builds, TaskQueue& planning, Sink& sink,
                                             const StreamLimits& limits = {});
  ~FrameStream();

  // Once.
  void Start(Opener open);
  // The write in flight is done; not ok: the client is gone.
  void OnWritten(bool ok);
  // Ends the stream with `status` as soon as the write in flight, if any, is done. Frames that are
  // ready are dropped at once, as is work that has not started. The first call counts.
  void Stop(absl::Status status);

  // nullopt when there is nothing that could give way.
  std::optional<Holding> holding();
  // Memory is short: from now on so many frames exist at most, and memory is reserved for no more.
  // With `drop`, frames that are ready beyond that are dropped, and built again when they are due:
  // they are the same. Otherwise they go as the client takes them. It grows again as frames are
  // sent (Admission::Place::Grow).
  void KeepAtMost(uint32_t frames, bool drop);
  // Ends the stream if its client has taken nothing for longer than it may.
  void EndIfIdle();

 private:
  using Clock = std::chrono::steady_clock;

  // A client that has taken nothing for so long is idle, where memory is short.
  static constexpr Clock::duration kIdleAfter = std::chrono::seconds(1);

  // A place in the stream's order.
  struct Entry {
    std::shared_ptr<FrameSource::Epoch> epoch;  // of a frame
    int64_t j = 0;
    bool to_build = false;  // its build has not started
    std::variant<std::monostate, absl::Status, Header, EpochInfo, Frame> result;
    bool ready() const { return result.index() != 0; }
  };
  // What Decide wants done after the mutex is unlocked.
  struct Action {
    std::variant<std::monostate, Message, absl::Status> step;  // Write, Finish
    int builds = 0;                                            // tasks to post
    std::optional<int64_t> open_epoch;                         // of `source`
    std::optional<int64_t> foresee_epoch;                      // of `source`
    std::optional<uint32_t> keep_buffers;                      // of `buffers_of`
    std::shared_ptr<FrameSource> source;
    std::shared_ptr<FrameSource> buffers_of;
    // What must not be destroyed under the mutex.
    std::deque<Entry> dropped_entries;
    std::vector<Frame> dropped_frames;
    std::vector<std::shared_ptr<void>> dropped;
    std::shared_ptr<FrameSource::Epoch> sent_epoch;  // apart, so that nothing is allocated for it
  };
  // What exists between opening and the end.
  struct Running {
    std::shared_ptr<FrameSource> source;  // shared with the task that opens the next epoch
    std::shared_ptr<const void> reservation;
    std::shared_ptr<Admission::Place> place;  // shared with the reservation; may be null
    uint32_t prefetch = 0;
    uint32_t wanted = 0;  // that it grows to again
    uint32_t max_out = 0;
    bool drop = false;                          // ready frames beyond prefetch
    std::shared_ptr<FrameSource::Epoch> epoch;  // of which frames are being scheduled
    int64_t next_j = 0;
    // Of the epoch after it: nothing yet, being opened, or what came of that.
    bool opening = false;
    std::optional<FrameSource::EpochOr> next_epoch;
    std::optional<int64_t> epochs_left;  // not yet opened; nullopt: no end
    bool foreseen = false;               // what comes after the last epoch
    bool exhausted = false;              // everything has been scheduled
  };

  FrameStream(TaskQueue& builds, TaskQueue& planning, Sink& sink, const StreamLimits& limits);

  using Sent = std::optional<std::pair<FrameInfo, int64_t>>;  // a frame, and its slab's bytes

  bool stopped();
  void OnOpened(absl::StatusOr<Opened> opened);
  void OnEpoch(FrameSource::EpochOr opened);
  // What the end of a write changes. Returns the frame that was to be written, if it was one.
  Sent TakeWritten(const absl::Status& written);
  void BuildNext();
  // Decides, then acts. With `build`, one of the builds that are due is done here instead of
  // posted. `spare` is kept for a frame to come.
  void Advance(bool build = false, FrameInfo* spare = nullptr);
  // Without the mutex. What came of a write, unless there was none or OnWritten will tell.
  std::optional<absl::Status> Act(Action action);
  Action Decide() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Schedule(Action& action) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When a quarter of an epoch, or some hundred frames of it, are under way, the one after it is
  // opened, or foreseen.
  void PlanAhead(Action& action) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EnterEpoch(std::shared_ptr<FrameSource::Epoch> epoch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ChargeWait() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool NothingLeft() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Frames that exist and are not ready.
  uint32_t Out() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool MayWrite() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Since when nothing has moved that only the client can move.
  std::optional<Clock::time_point> IdleSince() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void DropReady(Action& action, uint32_t keep) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Fit(Action& action) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Regrow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A frame has come back, from the client or because it was dropped.
  void NoteReturn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Behind a frame: whether the stream has been here for long enough.
  bool TooOld() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Infos whose memory is used again, so that none is allocated for frame after frame.
  FrameInfo TakeInfo() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void KeepInfo(FrameInfo info) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::unique_ptr<TaskQueue> builds_;
  const std::unique_ptr<TaskQueue> planning_;
  Sink& sink_;
  const StreamLimits limits_;
  const Clock::time_point created_ = Clock::now();
  const std::shared_ptr<Slots> slots_;  // frames that exist; shared with their slots
  // Set when the stream has ended: what still works for it stops. Shared with that work.
  const std::shared_ptr<std::atomic<bool>> ended_ = std::make_shared<std::atomic<bool>>(false);

  Mutex mu_;
  std::unique_ptr<Running> running_ ABSL_GUARDED_BY(mu_);
  // Scheduled and not yet handed to the sink, in order. The front has the number first_.
  std::deque<Entry> entries_ ABSL_GUARDED_BY(mu_);
  uint64_t first_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t next_build_ ABSL_GUARDED_BY(mu_) = 0;  // entries before it are started or no builds
  uint32_t queued_ ABSL_GUARDED_BY(mu_) = 0;      // build tasks that have not started
  uint32_t parked_ ABSL_GUARDED_BY(mu_) = 0;      // frames to build for which there is no task
  uint32_t building_ ABSL_GUARDED_BY(mu_) = 0;
  uint32_t ready_ ABSL_GUARDED_BY(mu_) = 0;         // frames among the entries
  bool breaking_off_ ABSL_GUARDED_BY(mu_) = false;  // the sink is being told to
  uint32_t kept_buffers_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t dropped_ ABSL_GUARDED_BY(mu_) = 0;  // frames that have not come back yet
  Clock::time_point moved_at_ ABSL_GUARDED_BY(mu_) = Clock::now();
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  // The frame in flight, if it is one.
  Sent in_flight_ ABSL_GUARDED_BY(mu_);
  std::vector<FrameInfo> spare_infos_ ABSL_GUARDED_BY(mu_);  // in any order
  std::optional<absl::Status> stop_ ABSL_GUARDED_BY(mu_);
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  std::shared_ptr<StreamObserver> observer_ ABSL_GUARDED_BY(mu_);
  std::optional<StreamObserver::Wait> waiting_for_ ABSL_GUARDED_BY(mu_);
  Clock::time_point waiting_since_ ABSL_GUARDED_BY(mu_);
};

// Takes what a stream is about to deliver and returns what it delivers instead. Thread-safe.
using StreamFilter = std::function<FrameStream::Opened(FrameStream::Opened)>;

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_FRAME_STREAM_H_
