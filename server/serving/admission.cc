#include "server/serving/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace graphfeed {

Admission::Admission(std::string what, int64_t capacity_bytes, int64_t max_places,
                     const char* memory, const char* places)
    : state_(std::make_shared<State>(std::move(what), memory, places, capacity_bytes, max_places)) {
}

absl::Status Admission::State::Refusal(const std::string& needs, int64_t free_bytes) const {
  const std::string memory = flag == nullptr ? what : absl::StrReplaceAll(flag, {{"-", " "}});
  const std::string by = flag == nullptr ? "" : absl::StrCat(" (--", flag, ")");
  return absl::ResourceExhaustedError(
      absl::StrCat(memory, ": ", needs, "; ", free_bytes, " of ", capacity_bytes, " are free", by));
}

absl::Status Admission::State::Refusal(const Need& need, int64_t free_bytes) const {
  const std::string beside =
      need.fixed_bytes > 0 ? absl::StrCat(", lists ", need.fixed_bytes, " beside it") : "";
  return Refusal(absl::StrCat("a frame needs up to ", need.frame_bytes, " bytes", beside),
                 free_bytes);
}

void Admission::State::Free(int64_t bytes) {
  reserved_bytes -= bytes;
  if (freed) freed();
}

Admission::Place::~Place() {
  MutexLock lock(&state_->mu);
  if (counts_) --state_->num_places;
  state_->Free(bytes());
}

void Admission::Place::Shrink(uint32_t frames) {
  if (within_ != nullptr) within_->Shrink(frames);
  MutexLock lock(&state_->mu);
  frames = std::max(frames, 1u);
  if (frames >= frames_) return;
  const int64_t bytes = (frames_ - frames) * frame_bytes_;
  frames_ = frames;
  state_->Free(bytes);
}

bool Admission::Place::Grow(uint32_t frames) {
  if (within_ == nullptr) return GrowAlone(frames);
  if (!within_->Grow(frames)) return false;
  if (GrowAlone(frames)) return true;
  within_->Shrink(frames_);
  return false;
}

bool Admission::Place::GrowAlone(uint32_t frames) {
  State& state = *state_;
  MutexLock lock(&state.mu);
  if (state.num_waiting > 0) return false;
  if (frames <= frames_) return true;
  const int64_t bytes = (frames - frames_) * frame_bytes_;
  const int64_t left = state.capacity_bytes - state.reserved_bytes - bytes;
  if (left < 0) return false;
  const int64_t share = state.capacity_bytes / std::max<int64_t>(state.num_places, 1);
  if (left < state.capacity_bytes / 4 && fixed_bytes_ + frame_bytes_ * frames > share) return false;
  frames_ = frames;
  state.reserved_bytes += bytes;
  return true;
}

absl::StatusOr<std::shared_ptr<Admission::Place>> Admission::Reserve(const Need& need) {
  State& state = *state_;
  MutexLock lock(&state.mu);
  if (state.num_places >= state.max_places) {
    return absl::ResourceExhaustedError(absl::StrCat(
        state.what, ": ", state.num_places, " are open; at most ", state.max_places,
        state.places_flag == nullptr ? "" : absl::StrCat(" (--", state.places_flag, ")")));
  }
  const int64_t free_bytes = state.free_bytes();
  if (need.fixed_bytes > free_bytes || need.frame_bytes > free_bytes - need.fixed_bytes) {
    return state.Refusal(need, free_bytes);
  }
  uint32_t frames = need.frames;
  uint32_t spare_frames = need.spare_frames;
  if (need.frame_bytes > 0) {
    // Of those who wait, this one among them, as many as there are places for.
    const int64_t sharing =
        std::clamp<int64_t>(static_cast<int64_t>(state.num_waiting), 1,
                            std::max<int64_t>(state.max_places - state.num_places, 1));
    const int64_t free_frames = (free_bytes - need.fixed_bytes) / need.frame_bytes;
    frames = static_cast<uint32_t>(
        std::min<int64_t>(frames, std::max<int64_t>(free_frames / sharing, 1)));
    const int64_t beyond =
        free_bytes - need.fixed_bytes - need.frame_bytes * frames - state.capacity_bytes / 2;
    spare_frames = static_cast<uint32_t>(
        std::min<int64_t>(spare_frames, std::max<int64_t>(beyond, 0) / need.frame_bytes));
  }
  auto place = std::make_shared<Place>(state_, need.fixed_bytes, need.frame_bytes,
                                       frames + spare_frames, need.within);
  if (need.within != nullptr) need.within->Shrink(frames + spare_frames);
  state.reserved_bytes += place->bytes();
  ++state.num_places;
  return place;
}

absl::Status Admission::CheckPossible(const Need& need) const {
  MutexLock lock(&state_->mu);
  const int64_t capacity = state_->capacity_bytes;
  if (need.fixed_bytes <= capacity && need.frame_bytes <= capacity - need.fixed_bytes) {
    return absl::OkStatus();
  }
  return state_->Refusal(need, state_->free_bytes());
}

void Admission::SetLimits(int64_t capacity_bytes, int64_t max_places) {
  MutexLock lock(&state_->mu);
  state_->capacity_bytes = capacity_bytes;
  state_->max_places = max_places;
  if (state_->freed) state_->freed();
}

void Admission::SetWaiting(size_t count, std::function<void()> freed) {
  std::function<void()> old;  // goes without the lock
  MutexLock lock(&state_->mu);
  state_->num_waiting = count;
  old.swap(state_->freed);
  if (count > 0) state_->freed = std::move(freed);
}

absl::StatusOr<std::shared_ptr<Admission::Place>> Admission::ReserveShared(absl::string_view what,
                                                                           int64_t bytes,
                                                                           int64_t leave_bytes) {
  State& state = *state_;
  MutexLock lock(&state.mu);
  const int64_t free_bytes = state.free_bytes();
  if (bytes > free_bytes || leave_bytes > free_bytes - bytes ||
      (leave_bytes > 0 && state.num_waiting > 0)) {
    return state.Refusal(absl::StrCat(what, " takes ", bytes, " bytes"), free_bytes);
  }
  auto place = std::make_shared<Place>(state_, bytes, 0, 0);
  state.reserved_bytes += bytes;
  return place;
}

int64_t Admission::capacity_bytes() const {
  MutexLock lock(&state_->mu);
  return state_->capacity_bytes;
}

int64_t Admission::reserved_bytes() const {
  MutexLock lock(&state_->mu);
  return state_->reserved_bytes;
}

int64_t Admission::free_bytes() const {
  MutexLock lock(&state_->mu);
  return state_->free_bytes();
}

}  // namespace graphfeed
