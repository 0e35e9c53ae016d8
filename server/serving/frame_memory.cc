// What frames of a stream take, and how they give way.

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/frame/error_details.h"
#include "server/serving/frame_slots.h"
#include "server/serving/frame_stream.h"

namespace graphfeed {

FrameStream::Slot::Slot(std::shared_ptr<Slots> slots, std::shared_ptr<const void> reservation)
    : slots_(std::move(slots)), reservation_(std::move(reservation)) {}

FrameStream::Slot& FrameStream::Slot::operator=(Slot&& other) noexcept {
  if (this != &other) {
    Release();
    slots_ = std::move(other.slots_);
    reservation_ = std::move(other.reservation_);
  }
  return *this;
}

FrameStream::Slot::~Slot() { Release(); }

void FrameStream::Slot::Release() {
  reservation_.reset();
  if (const std::shared_ptr<Slots> slots = std::move(slots_)) slots->Return();
}

uint32_t FrameStream::Out() const { return slots_->used() - ready_; }

bool FrameStream::MayWrite() const {
  if (writing_ || entries_.empty() || !entries_.front().ready()) return false;
  if (running_->max_out == 0 || !std::holds_alternative<Frame>(entries_.front().result))
    return true;
  return Out() - building_ < running_->max_out;
}

std::optional<FrameStream::Holding> FrameStream::holding() {
  MutexLock lock(&mu_);
  if (running_ == nullptr || running_->place == nullptr || stop_.has_value()) return std::nullopt;
  const std::optional<Clock::time_point> since = IdleSince();
  return Holding{.frame_bytes = running_->place->frame_bytes(),
                 .reserved = running_->place->frames(),
                 .target = running_->prefetch,
                 .out = std::max(Out(), running_->max_out),
                 .idle = since.has_value() && Clock::now() - *since >= kIdleAfter};
}

void FrameStream::KeepAtMost(uint32_t frames, bool drop) {
  {
    MutexLock lock(&mu_);
    if (running_ == nullptr || running_->place == nullptr) return;
    const uint32_t least = std::max(running_->max_out, 1u);
    running_->prefetch = std::min(running_->prefetch, std::max(frames, least));
    running_->drop = drop;
  }
  Advance();
}

std::optional<FrameStream::Clock::time_point> FrameStream::IdleSince() const {
  if (running_ == nullptr) return std::nullopt;
  const bool held = !entries_.empty() && entries_.front().ready();
  // Or nothing can be built before the client gives back what it has.
  const bool stuck = building_ == 0 && queued_ == 0 && parked_ + Out() > 0 && ready_ == 0 &&
                     slots_->used() >= running_->prefetch;
  if (writing_ || held || stuck) return moved_at_;
  return std::nullopt;
}

// From the back: those in front are due first.
void FrameStream::DropReady(Action& action, uint32_t keep) {
  uint32_t used = slots_->used();
  for (size_t i = entries_.size(); i-- > 0 && used > keep;) {
    Entry& entry = entries_[i];
    auto* frame = std::get_if<Frame>(&entry.result);
    if (frame == nullptr) continue;
    action.dropped_frames.push_back(std::move(*frame));
    entry.result = std::monostate();
    entry.to_build = true;
    ++parked_;
    ++dropped_;
    --ready_;
    --used;
    next_build_ = std::min(next_build_, first_ + i);
  }
}

// Memory and buffers are for as many frames as there may be, or still are.
void FrameStream::Fit(Action& action) {
  if (running_ == nullptr || running_->place == nullptr) return;
  Running& run = *running_;
  if (run.drop) {
    if (slots_->used() > run.prefetch) DropReady(action, run.prefetch);
    run.drop = building_ > 0;
  }
  // What was being built when those before it gave way may have what the first of them needs.
  const bool first_is_out = !entries_.empty() && entries_.front().to_build;
  if (first_is_out && ready_ > 0 && queued_ == 0 && Out() == 0 && slots_->used() >= run.prefetch) {
    DropReady(action, slots_->used() - 1);
  }
  if (observer_ != nullptr && !action.dropped_frames.empty()) {
    observer_->FramesDropped(static_cast<int64_t>(action.dropped_frames.size()));
  }
  const uint32_t frames = std::max(run.prefetch, slots_->used());
  if (frames < run.place->frames()) run.place->Shrink(frames);
  if (run.prefetch != kept_buffers_) {
    kept_buffers_ = run.prefetch;
    action.keep_buffers = run.prefetch;
    action.buffers_of = run.source;
  }
}

// A client that takes frames gets back what it has given way for others, as far as that is free.
void FrameStream::Regrow() {
  if (running_ == nullptr || running_->place == nullptr) return;
  if (running_->prefetch >= running_->wanted) return;
  if (running_->place->Grow(running_->prefetch + 1)) ++running_->prefetch;
}

void FrameStream::NoteReturn() {
  if (dropped_ > 0) {
    --dropped_;
  } else {
    moved_at_ = Clock::now();
  }
}

void FrameStream::EndIfIdle() {
  absl::Status status;
  bool break_off;
  {
    MutexLock lock(&mu_);
    if (limits_.max_idle == StreamLimits::Duration::max() || stop_.has_value()) return;
    const std::optional<Clock::time_point> since = IdleSince();
    if (!since.has_value() || Clock::now() - *since < limits_.max_idle) return;
    status = WithStreamEnd(absl::UnavailableError(absl::StrCat(
                               kIdlePrefix, "the client took nothing for ",
                               absl::FormatDuration(absl::FromChrono(limits_.max_idle)),
                               " (--stream-idle-timeout); go on at any replica")),
                           StreamEnd::kIdle);
    stop_ = status;
    break_off = breaking_off_ = writing_;
  }
  if (break_off) {
    sink_.BreakOff(status);
    MutexLock lock(&mu_);
    breaking_off_ = false;
  }
  Advance();
}

}  // namespace graphfeed
