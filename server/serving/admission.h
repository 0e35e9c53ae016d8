#ifndef GRAPHFEED_SERVER_SERVING_ADMISSION_H_
#define GRAPHFEED_SERVER_SERVING_ADMISSION_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Memory for frames, promised before it is allocated: a stream is accepted only when all frames
// that it may hold at a time, and what it holds beside them, fit beside those of the others.
// Thread-safe. Its places may outlive it.
class Admission {
  struct State;

 public:
  // A promise; the bytes are free again when it is destroyed. A stream and its frames that are
  // still being sent share one.
  class Place {
   public:
    Place(std::shared_ptr<State> state, int64_t fixed_bytes, int64_t frame_bytes, uint32_t frames,
          std::shared_ptr<Place> within = nullptr)
        : state_(std::move(state)),
          fixed_bytes_(fixed_bytes),
          frame_bytes_(frame_bytes),
          counts_(frames > 0),
          within_(std::move(within)),
          frames_(frames) {}
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    uint32_t frames() const { return frames_; }  // 0: memory that streams share
    int64_t frame_bytes() const { return frame_bytes_; }
    int64_t bytes() const { return fixed_bytes_ + frame_bytes_ * frames_; }

    // Gives back what frames beyond so many take; at least one stays.
    void Shrink(uint32_t frames);
    // Room for `frames`, which is one more than there are or fewer: false when nothing is free,
    // when somebody waits, or when it has its share already and little is free.
    bool Grow(uint32_t frames);

   private:
    bool GrowAlone(uint32_t frames);

    const std::shared_ptr<State> state_;
    const int64_t fixed_bytes_;
    const int64_t frame_bytes_;
    const bool counts_;                    // one of the places
    const std::shared_ptr<Place> within_;  // shared with who asked for this one; null: nothing
    std::atomic<uint32_t> frames_;         // changed under the state's mutex
  };

  // What a stream asks for: `fixed_bytes` and `frames` frames, or as many as are free but at least
  // one; and up to `spare_frames` more, as long as half of the memory is left for others.
  // frames > 0, no negative bytes. `within` is a promise of another admission (a tenant's share)
  // for at least as much of the same: from then on it has as many frames as this one.
  struct Need {
    int64_t frame_bytes = 0;
    uint32_t frames = 1;
    int64_t fixed_bytes = 0;
    uint32_t spare_frames = 0;
    std::shared_ptr<Place> within = nullptr;
  };

  // `what` names the places in errors, "streams", `memory` and `places` the flags that bound the
  // bytes and the places: "slab-memory". Without a flag `what` names the bytes, too.
  Admission(std::string what, int64_t capacity_bytes, int64_t max_places,
            const char* memory = "slab-memory", const char* places = nullptr);

  // RESOURCE_EXHAUSTED says how much is needed and free. Passes those who wait (WaitingRoom); but
  // of what is free it gives as much to each of them, as far as there are places.
  absl::StatusOr<std::shared_ptr<Place>> Reserve(const Need& need);
  absl::StatusOr<std::shared_ptr<Place>> Reserve(int64_t frame_bytes, uint32_t frames,
                                                 int64_t fixed_bytes = 0,
                                                 uint32_t spare_frames = 0) {
    return Reserve(Need{frame_bytes, frames, fixed_bytes, spare_frames});
  }
  // Whether there could ever be room for it: RESOURCE_EXHAUSTED.
  absl::Status CheckPossible(const Need& need) const;

  // Other limits. What has been given stays; beyond the new ones nothing more is given.
  void SetLimits(int64_t capacity_bytes, int64_t max_places);

  // So many wait. `freed` is called whenever something is given back, on any thread and under a
  // lock: it may only leave word. Null: nobody waits.
  void SetWaiting(size_t count, std::function<void()> freed);

  // Memory that streams share, charged once to whoever comes first: no place of its own among
  // `max_places`. `leave_bytes` must stay free beside it, and nobody may be waiting if there are
  // any: such memory can be done without. `what` names it in the error.
  absl::StatusOr<std::shared_ptr<Place>> ReserveShared(absl::string_view what, int64_t bytes,
                                                       int64_t leave_bytes = 0);

  int64_t capacity_bytes() const;
  int64_t reserved_bytes() const;
  int64_t free_bytes() const;

 private:
  struct State {
    State(std::string name, const char* memory_flag, const char* places, int64_t capacity,
          int64_t max)
        : what(std::move(name)),
          flag(memory_flag),
          places_flag(places),
          capacity_bytes(capacity),
          max_places(max) {}

    // "slab memory: ..., 5 of 10 are free (--slab-memory)".
    absl::Status Refusal(const std::string& needs, int64_t free_bytes) const
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
    absl::Status Refusal(const Need& need, int64_t free_bytes) const
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);
    int64_t free_bytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
      return std::max<int64_t>(capacity_bytes - reserved_bytes, 0);
    }
    void Free(int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu);

    const std::string what;
    const char* const flag;         // may be null
    const char* const places_flag;  // may be null
    mutable Mutex mu;
    int64_t capacity_bytes ABSL_GUARDED_BY(mu);
    int64_t max_places ABSL_GUARDED_BY(mu);
    int64_t reserved_bytes ABSL_GUARDED_BY(mu) = 0;
    int64_t num_places ABSL_GUARDED_BY(mu) = 0;
    size_t num_waiting ABSL_GUARDED_BY(mu) = 0;
    std::function<void()> freed ABSL_GUARDED_BY(mu);  // while somebody waits
  };

  const std::shared_ptr<State> state_;  // shared with the places
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_ADMISSION_H_
