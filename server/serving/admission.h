#ifndef GRAPHFEED_SERVER_SERVING_ADMISSION_H_
#define GRAPHFEED_SERVER_SERVING_ADMISSION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
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
    Place(std::shared_ptr<State> state, int64_t bytes, uint32_t frames)
        : state_(std::move(state)), bytes_(bytes), frames_(frames) {}
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    uint32_t frames() const { return frames_; }  // 0: memory that streams share
    int64_t bytes() const { return bytes_; }

   private:
    const std::shared_ptr<State> state_;
    const int64_t bytes_;
    const uint32_t frames_;
  };

  // `what` names the places in errors, "streams", and `memory` the bytes, by the flag that bounds
  // them: "slab-memory".
  Admission(std::string what, int64_t capacity_bytes, int64_t max_places,
            const char* memory = "slab-memory");

  // Room for `fixed_bytes` and `frames` frames, or as many as are free but at least one; and for up
  // to `spare_frames` more, as long as half of the memory is left for others.
  // RESOURCE_EXHAUSTED says how much is needed and free. Requires frames > 0, no negative bytes.
  absl::StatusOr<std::shared_ptr<Place>> Reserve(int64_t frame_bytes, uint32_t frames,
                                                 int64_t fixed_bytes = 0,
                                                 uint32_t spare_frames = 0);

  // Memory that streams share, charged once to whoever comes first: no place of its own among
  // `max_places`. `leave_bytes` must stay free beside it. `what` names it in the error.
  absl::StatusOr<std::shared_ptr<Place>> ReserveShared(absl::string_view what, int64_t bytes,
                                                       int64_t leave_bytes = 0);

  int64_t capacity_bytes() const { return state_->capacity_bytes; }
  int64_t reserved_bytes() const;

 private:
  struct State {
    State(std::string name, const char* memory_flag, int64_t capacity, int64_t places)
        : what(std::move(name)), flag(memory_flag), capacity_bytes(capacity), max_places(places) {}

    // "slab memory: ..., 5 of 10 are free (--slab-memory)".
    std::string Refusal(const std::string& needs, int64_t free_bytes) const;

    const std::string what;
    const char* const flag;
    const int64_t capacity_bytes;
    const int64_t max_places;
    Mutex mu;
    int64_t reserved_bytes ABSL_GUARDED_BY(mu) = 0;
    int64_t num_places ABSL_GUARDED_BY(mu) = 0;
  };

  const std::shared_ptr<State> state_;  // shared with the places
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_ADMISSION_H_
