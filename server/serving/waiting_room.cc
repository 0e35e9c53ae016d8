#include "server/serving/waiting_room.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "proto/frame/error_details.h"

namespace graphfeed {
namespace {

// An active stream keeps so many frames: one on its way while the next is built.
constexpr uint32_t kActiveFrames = 2;
// A new stream is admitted with one frame; so many are freed for it, if its share is that large.
constexpr uint32_t kEnoughFrames = 4;
// After a refusal: the more wait, the later it makes sense to come back.
constexpr absl::Duration kRetryDelay = absl::Seconds(1);
constexpr absl::Duration kRetryDelayForEach = absl::Milliseconds(100);
constexpr absl::Duration kLongestRetryDelay = absl::Seconds(30);

}  // namespace

WaitingRoom::WaitingRoom(Admission& admission, Timer& timer, TaskQueue& tasks, Options options)
    : admission_(admission), timer_(timer), tasks_(tasks), options_(std::move(options)) {}

void WaitingRoom::Close() {
  std::deque<Guest> dropped;  // without the lock
  MutexLock lock(&mu_);
  dropped.swap(guests_);
  admission_.SetWaiting(0, nullptr);
}

void WaitingRoom::Enter(const Admission::Need& need, Done done) {
  if (absl::Status never = admission_.CheckPossible(need); !never.ok()) return done(never);
  std::optional<PlaceOr> answer;
  {
    MutexLock lock(&mu_);
    if (guests_.empty()) answer = admission_.Reserve(need);
    const bool wait = options_.wait > Clock::duration::zero();
    if (answer.has_value() && !answer->ok() && !wait) {
      answer = Refusal(answer->status(), Clock::duration::zero());
    } else if (!answer.has_value() || !answer->ok()) {
      guests_.push_back({.need = need,
                         .done = std::move(done),
                         .token = WorkScope::Token(),
                         .since = Clock::now()});
      answer.reset();
      ScheduleTick();
    }
  }
  if (answer.has_value()) {
    if (!answer->ok()) MakeRoom(need);  // for who comes next
    return done(*std::move(answer));    // NOLINT(bugprone-use-after-move): who waits has none
  }
  Wake();
}

void WaitingRoom::Wake() {
  if (!woken_.exchange(true)) timer_.After(Clock::duration::zero(), [this] { Advance(); });
}

int64_t WaitingRoom::num_waiting() const {
  MutexLock lock(&mu_);
  return static_cast<int64_t>(guests_.size());
}

// Also who waits, so that the admission lets nobody else grow, and tells when something is free.
void WaitingRoom::ScheduleTick() {
  admission_.SetWaiting(guests_.size(), [this] { Wake(); });
  if (ticking_ || guests_.empty()) return;
  ticking_ = true;
  timer_.After(kTick, [this] {
    {
      MutexLock lock(&mu_);
      ticking_ = false;
    }
    Advance();
  });
}

void WaitingRoom::Advance() {
  woken_ = false;
  const Clock::time_point now = Clock::now();
  std::optional<Admission::Need> first;
  while (true) {
    std::optional<Call> call;
    {
      MutexLock lock(&mu_);
      call = NextCall(now);
      if (!call.has_value()) {
        if (!guests_.empty()) first = guests_.front().need;
        ScheduleTick();
        break;
      }
    }
    if (options_.on_waited) options_.on_waited(now - call->guest.since);
    // What comes next is for planning threads; who is refused does nothing more.
    if (!call->answer.ok()) {
      call->guest.done(std::move(call->answer));
      continue;
    }
    tasks_.Post([call = *std::move(call)]() mutable {
      const WorkScope scope(std::move(call.guest.token));
      call.guest.done(std::move(call.answer));
    });
  }
  if (first.has_value()) MakeRoom(*first);
}

WaitingRoom::Call WaitingRoom::TakeGuest(const std::deque<Guest>::iterator& guest, PlaceOr answer) {
  Call call{.guest = std::move(*guest), .answer = std::move(answer)};
  guests_.erase(guest);
  return call;
}

std::optional<WaitingRoom::Call> WaitingRoom::NextCall(Clock::time_point now) {
  for (auto guest = guests_.begin(); guest != guests_.end(); ++guest) {
    if (IsCancelled(guest->token)) return TakeGuest(guest, absl::CancelledError("nobody waits"));
  }
  if (guests_.empty()) return std::nullopt;
  const Guest& first = guests_.front();
  PlaceOr place = admission_.Reserve(first.need);
  if (place.ok()) return TakeGuest(guests_.begin(), std::move(place));
  // They came in this order, so the first has waited longest.
  if (now - first.since < options_.wait) return std::nullopt;
  return TakeGuest(guests_.begin(), Refusal(place.status(), now - first.since));
}

absl::Status WaitingRoom::Refusal(const absl::Status& reason, Clock::duration waited) const {
  const absl::Duration time = absl::Trunc(absl::FromChrono(waited), absl::Milliseconds(1));
  const absl::Duration delay = std::min(
      kRetryDelay + static_cast<int64_t>(guests_.size()) * kRetryDelayForEach, kLongestRetryDelay);
  return WithRetryDelay(
      absl::Status(reason.code(), absl::StrCat(reason.message(), "; waited ",
                                               absl::FormatDuration(time), " (--stream-wait)")),
      delay);
}

void WaitingRoom::MakeRoom(const Admission::Need& need) const {
  if (options_.streams) graphfeed::MakeRoom(admission_, options_.streams(), need);
}

void MakeRoom(const Admission& admission, const WaitingRoom::Streams& streams,
              const Admission::Need& need) {
  if (need.frame_bytes == 0) return;
  const int64_t share =
      admission.capacity_bytes() / (static_cast<int64_t>(streams.size()) + 1) / need.frame_bytes;
  const int64_t frames =
      std::clamp<int64_t>(share, 1, std::min<int64_t>(need.frames, kEnoughFrames));
  const int64_t missing = need.fixed_bytes + frames * need.frame_bytes - admission.free_bytes();
  if (missing <= 0) return;  // a place is what is missing
  std::vector<std::optional<FrameStream::Holding>> holdings;
  holdings.reserve(streams.size());
  for (const std::shared_ptr<FrameStream>& stream : streams) {
    holdings.push_back(stream->holding());
  }
  const std::vector<std::optional<uint32_t>> keep = GiveWay(holdings, missing);
  for (size_t i = 0; i < streams.size(); ++i) {
    if (keep[i].has_value()) streams[i]->KeepAtMost(*keep[i], holdings[i]->idle);
  }
}

std::vector<std::optional<uint32_t>> GiveWay(
    const std::vector<std::optional<FrameStream::Holding>>& holdings, int64_t bytes) {
  std::vector<std::optional<uint32_t>> keep(holdings.size());
  // What an idle stream has been asked for while it was active does not come by itself.
  const auto kept = [&](size_t i) {
    const FrameStream::Holding& holding = *holdings[i];
    return keep[i].value_or(holding.idle ? holding.reserved
                                         : std::min(holding.target, holding.reserved));
  };
  std::vector<size_t> order;
  for (size_t i = 0; i < holdings.size(); ++i) {
    if (!holdings[i].has_value()) continue;
    const FrameStream::Holding& holding = *holdings[i];
    order.push_back(i);
    // What it has been asked for already.
    bytes -= (holding.reserved - std::max(kept(i), std::min(holding.out, holding.reserved))) *
             holding.frame_bytes;
  }
  const auto most_first = [&](size_t a, size_t b) {
    return holdings[a]->reserved * holdings[a]->frame_bytes >
           holdings[b]->reserved * holdings[b]->frame_bytes;
  };
  std::stable_sort(order.begin(), order.end(), most_first);
  for (const size_t i : order) {
    if (bytes <= 0) return keep;
    const FrameStream::Holding& holding = *holdings[i];
    const uint32_t least = std::max(1u, holding.out);
    if (!holding.idle || kept(i) <= least) continue;
    bytes -= (kept(i) - least) * holding.frame_bytes;
    keep[i] = least;
  }
  // A frame of the largest, until the others are as large.
  const auto less = [&](size_t a, size_t b) {
    return kept(a) * holdings[a]->frame_bytes < kept(b) * holdings[b]->frame_bytes;
  };
  std::vector<size_t> active;
  for (const size_t i : order) {
    if (!holdings[i]->idle && kept(i) > kActiveFrames) active.push_back(i);
  }
  std::make_heap(active.begin(), active.end(), less);
  while (bytes > 0 && !active.empty()) {
    std::pop_heap(active.begin(), active.end(), less);
    const size_t i = active.back();
    keep[i] = kept(i) - 1;
    bytes -= holdings[i]->frame_bytes;
    if (*keep[i] > kActiveFrames) {
      std::push_heap(active.begin(), active.end(), less);
    } else {
      active.pop_back();
    }
  }
  return keep;
}

}  // namespace graphfeed
