#include "server/serving/admission.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace graphfeed {

Admission::Admission(std::string what, int64_t capacity_bytes, int64_t max_places,
                     const char* memory)
    : state_(std::make_shared<State>(std::move(what), memory, capacity_bytes, max_places)) {}

std::string Admission::State::Refusal(const std::string& needs, int64_t free_bytes) const {
  return absl::StrCat(absl::StrReplaceAll(flag, {{"-", " "}}), ": ", needs, "; ", free_bytes,
                      " of ", capacity_bytes, " are free (--", flag, ")");
}

Admission::Place::~Place() {
  MutexLock lock(&state_->mu);
  state_->reserved_bytes -= bytes_;
  if (frames_ > 0) --state_->num_places;
}

absl::StatusOr<std::shared_ptr<Admission::Place>> Admission::Reserve(int64_t frame_bytes,
                                                                     uint32_t frames,
                                                                     int64_t fixed_bytes,
                                                                     uint32_t spare_frames) {
  State& state = *state_;
  MutexLock lock(&state.mu);
  if (state.num_places >= state.max_places) {
    return absl::ResourceExhaustedError(
        absl::StrCat(state.what, ": ", state.num_places, " are open; at most ", state.max_places));
  }
  const int64_t free_bytes = state.capacity_bytes - state.reserved_bytes;
  if (fixed_bytes > free_bytes || frame_bytes > free_bytes - fixed_bytes) {
    return absl::ResourceExhaustedError(state.Refusal(
        absl::StrCat("a frame needs up to ", frame_bytes, " bytes",
                     fixed_bytes > 0 ? absl::StrCat(", lists ", fixed_bytes, " beside it") : ""),
        free_bytes));
  }
  if (frame_bytes > 0) {
    frames =
        static_cast<uint32_t>(std::min<int64_t>(frames, (free_bytes - fixed_bytes) / frame_bytes));
  }
  const int64_t beyond = free_bytes - fixed_bytes - frame_bytes * frames - state.capacity_bytes / 2;
  if (frame_bytes > 0) {
    spare_frames = static_cast<uint32_t>(
        std::min<int64_t>(spare_frames, std::max<int64_t>(beyond, 0) / frame_bytes));
  }
  frames += spare_frames;
  const int64_t bytes = fixed_bytes + frame_bytes * frames;
  auto place = std::make_shared<Place>(state_, bytes, frames);
  state.reserved_bytes += bytes;
  ++state.num_places;
  return place;
}

absl::StatusOr<std::shared_ptr<Admission::Place>> Admission::ReserveShared(absl::string_view what,
                                                                           int64_t bytes,
                                                                           int64_t leave_bytes) {
  State& state = *state_;
  MutexLock lock(&state.mu);
  const int64_t free_bytes = state.capacity_bytes - state.reserved_bytes;
  if (bytes > free_bytes || leave_bytes > free_bytes - bytes) {
    return absl::ResourceExhaustedError(
        state.Refusal(absl::StrCat(what, " takes ", bytes, " bytes"), free_bytes));
  }
  auto place = std::make_shared<Place>(state_, bytes, 0);
  state.reserved_bytes += bytes;
  return place;
}

int64_t Admission::reserved_bytes() const {
  MutexLock lock(&state_->mu);
  return state_->reserved_bytes;
}

}  // namespace graphfeed
