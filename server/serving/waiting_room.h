#ifndef GRAPHFEED_SERVER_SERVING_WAITING_ROOM_H_
#define GRAPHFEED_SERVER_SERVING_WAITING_ROOM_H_

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/serving/admission.h"
#include "server/serving/frame_stream.h"
#include "server/serving/task_queue.h"
#include "server/serving/timer.h"
#include "storage/base/mutex.h"
#include "storage/base/work_scope.h"

namespace graphfeed {

// Where new streams wait for the memory and the place that they need, in the order in which they
// came: who is behind the first one does not pass it, however little it needs. While somebody
// waits for memory, streams that hold some without need are asked to give it back: first those
// whose clients take nothing, all but a frame; then those with most, down to two frames. Blocks
// nobody. Thread-safe.
class WaitingRoom {
 public:
  using Clock = std::chrono::steady_clock;
  using Streams = std::vector<std::shared_ptr<FrameStream>>;
  using PlaceOr = absl::StatusOr<std::shared_ptr<Admission::Place>>;
  using Done = absl::AnyInvocable<void(PlaceOr)>;

  struct Options {
    Clock::duration wait = Clock::duration::zero();  // how long, at most
    // Those that may give way. Called under no lock; may be empty.
    std::function<Streams()> streams = nullptr;
    // Told how long each has waited that had to. Under no lock; may be empty.
    std::function<void(Clock::duration)> on_waited = nullptr;
  };

  // How long `timer` sleeps while somebody waits; who is cancelled has gone by then.
  static constexpr Clock::duration kTick = std::chrono::milliseconds(20);

  // Those who have waited go on in tasks of `tasks`. All must outlive the room.
  WaitingRoom(Admission& admission, Timer& timer, TaskQueue& tasks, Options options);
  ~WaitingRoom() { Close(); }
  WaitingRoom(const WaitingRoom&) = delete;
  WaitingRoom& operator=(const WaitingRoom&) = delete;

  // Gives `need` room (Admission::Reserve) and calls `done` once: before it returns or later, for
  // the WorkScope of who called. RESOURCE_EXHAUSTED, with a delay after which it makes sense to ask
  // again, when there is none in time; without one, and at once, when there never will be.
  // CANCELLED when nobody wants it any more.
  void Enter(const Admission::Need& need, Done done);

  // Lets everybody go: no call is left. What has been given may outlive the room, and so may the
  // room the timer and the tasks.
  void Close();

  int64_t num_waiting() const;
  const Admission& admission() const { return admission_; }

 private:
  struct Guest {
    Admission::Need need;
    Done done;
    CancelToken token;
    Clock::time_point since;
  };
  // What a guest is told, and who it is.
  struct Call {
    Guest guest;
    PlaceOr answer;
  };

  void Wake();
  // Lets in who fits, and tells who has waited for too long.
  void Advance();
  Call TakeGuest(const std::deque<Guest>::iterator& guest, PlaceOr answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::optional<Call> NextCall(Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Refusal(const absl::Status& reason, Clock::duration waited) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ScheduleTick() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void MakeRoom(const Admission::Need& need) const;

  Admission& admission_;
  Timer& timer_;
  TaskQueue& tasks_;
  const Options options_;
  mutable Mutex mu_;
  std::deque<Guest> guests_ ABSL_GUARDED_BY(mu_);
  bool ticking_ ABSL_GUARDED_BY(mu_) = false;
  std::atomic<bool> woken_ = false;  // an Advance is on its way
};

// Has `streams` give back what `need` lacks of the memory that they have of `admission`.
void MakeRoom(const Admission& admission, const WaitingRoom::Streams& streams,
              const Admission::Need& need);

// What the streams of `holdings` are to keep, so that `bytes` more come free: nullopt where nothing
// changes. What has been asked of them before, and is not free yet, counts.
std::vector<std::optional<uint32_t>> GiveWay(
    const std::vector<std::optional<FrameStream::Holding>>& holdings, int64_t bytes);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_WAITING_ROOM_H_
