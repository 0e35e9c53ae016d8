#include "server/serving/frame_stream.h"

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "proto/frame/error_details.h"
#include "server/serving/frame_slots.h"
#include "storage/base/allocation.h"

namespace graphfeed {
namespace {

constexpr int64_t kFramesBeforePlanning = 256;
// Whoever comes here by the way, as timers do, has other things to do.
constexpr int kWritesAtOnce = 32;

}  // namespace

FrameStream::FrameStream(TaskQueue& builds, TaskQueue& planning, Sink& sink,
                         const StreamLimits& limits)
    : builds_(builds.NewQueue()),
      planning_(planning.NewQueue()),
      sink_(sink),
      limits_(limits),
      slots_(std::make_shared<Slots>()) {}

FrameStream::~FrameStream() { slots_->Close(); }

std::shared_ptr<FrameStream> FrameStream::Create(TaskQueue& builds, TaskQueue& planning, Sink& sink,
                                                 const StreamLimits& limits) {
  std::shared_ptr<FrameStream> stream(new FrameStream(builds, planning, sink, limits));
  stream->slots_->Open(stream, stream->builds_.get());
  return stream;
}

void FrameStream::Start(Opener open) {
  planning_->Post([self = shared_from_this(), open = std::move(open)]() mutable {
    if (self->stopped()) return;
    const WorkScope scope(self->ended_);
    auto lost = [self] { self->OnOpened(OutOfMemory()); };
    open([self, lost = absl::Cleanup(std::move(lost))](absl::StatusOr<Opened> opened) mutable {
      std::move(lost).Cancel();
      self->OnOpened(std::move(opened));
    });
  });
}

bool FrameStream::stopped() {
  MutexLock lock(&mu_);
  return stop_.has_value();
}

void FrameStream::OnOpened(absl::StatusOr<Opened> opened) {
  {
    MutexLock lock(&mu_);
    if (stop_.has_value()) {
      // Stopped meanwhile: `opened` goes when the mutex is free again.
    } else if (!opened.ok()) {
      stop_ = opened.status();
    } else {
      observer_ = opened->observer;
      running_ = std::make_unique<Running>();
      running_->source = std::move(opened->source);
      running_->reservation = std::move(opened->reservation);
      running_->place = std::move(opened->place);
      running_->prefetch = std::max(opened->header.prefetch, 1u);
      running_->wanted = std::max(opened->wanted_frames, running_->prefetch);
      running_->max_out = opened->max_out;
      kept_buffers_ = running_->prefetch;
      spare_infos_.reserve(running_->wanted + 1);
      if (limits_.max_age != StreamLimits::Duration::max()) {
        opened->header.max_age_ms =
            std::chrono::duration_cast<std::chrono::milliseconds>(limits_.max_age).count();
      }
      if (opened->num_epochs > 0) running_->epochs_left = opened->num_epochs - 1;
      entries_.emplace_back().result = Header{std::move(opened->header), std::move(opened->ring)};
      EnterEpoch(std::move(opened->first_epoch));
    }
  }
  Advance();
}

void FrameStream::OnWritten(bool ok) {
  Sent sent = TakeWritten(ok ? absl::OkStatus() : absl::CancelledError("the client is gone"));
  Advance(/*build=*/false, sent.has_value() ? &sent->first : nullptr);
}

FrameStream::Sent FrameStream::TakeWritten(const absl::Status& written) {
  Sent sent;
  std::shared_ptr<StreamObserver> observer;
  {
    MutexLock lock(&mu_);
    writing_ = false;
    moved_at_ = Clock::now();
    if (written.ok()) Regrow();
    sent = std::move(in_flight_);
    in_flight_.reset();
    observer = observer_;
    if (!written.ok() && !stop_.has_value()) stop_ = written;
    if (sent.has_value() && !stop_.has_value() && TooOld()) {
      stop_ =
          WithStreamEnd(absl::UnavailableError("the stream has been at this server for long enough "
                                               "(--stream-max-age); go on at any replica"),
                        StreamEnd::kAge);
    }
  }
  if (written.ok() && sent.has_value() && observer != nullptr) {
    observer->FrameSent(sent->first, sent->second);
  }
  return sent;
}

void FrameStream::Stop(absl::Status status) {
  {
    MutexLock lock(&mu_);
    if (!stop_.has_value()) stop_ = std::move(status);
  }
  Advance();
}

void FrameStream::OnEpoch(FrameSource::EpochOr opened) {
  {
    MutexLock lock(&mu_);
    if (!stop_.has_value()) {
      running_->opening = false;
      running_->next_epoch = std::move(opened);
    }
  }
  Advance();
}

void FrameStream::BuildNext() {
  std::shared_ptr<FrameSource::Epoch> epoch;
  int64_t j = 0;
  uint64_t number = 0;
  Slot slot;
  BuiltFrame built;
  bool parked = false;
  {
    MutexLock lock(&mu_);
    --queued_;
    if (stop_.has_value()) return;
    parked = slots_->used() >= running_->prefetch;  // it has given way meanwhile
    if (parked) {
      ++parked_;
    } else {
      next_build_ = std::max(next_build_, first_);
      while (!entries_[next_build_ - first_].to_build) ++next_build_;
      number = next_build_++;
      Entry& entry = entries_[number - first_];
      entry.to_build = false;
      epoch = entry.epoch;
      j = entry.j;
      ++building_;
      slots_->Take();
      slot = Slot(slots_, running_->reservation);
      built.info = TakeInfo();
    }
  }
  if (parked) return Advance();
  const absl::Status status = WithinMemory([&] {
    const WorkScope scope(ended_);
    return epoch->Build(j, built);
  });
  {
    MutexLock lock(&mu_);
    --building_;
    if (!stop_.has_value()) {
      Entry& entry = entries_[number - first_];
      if (status.ok()) {
        ++ready_;
        entry.result = Frame{std::move(built.info), std::move(built.slab), std::move(slot),
                             std::move(built.compact), std::move(built.ring)};
      } else {
        entry.result = status;
        running_->exhausted = true;
      }
    }
  }
  Advance();
}

void FrameStream::EnterEpoch(std::shared_ptr<FrameSource::Epoch> epoch) {
  running_->epoch = std::move(epoch);
  running_->next_j = 0;
  const EpochInfo& info = running_->epoch->info();
  if (observer_ != nullptr) observer_->EpochOpened(info);
  entries_.emplace_back().result = info;
}

void FrameStream::Schedule(Action& action) {
  Running& run = *running_;
  PlanAhead(action);
  for (; parked_ > 0 && queued_ + slots_->used() < run.prefetch; --parked_) {
    ++queued_;
    ++action.builds;
  }
  while (!run.exhausted) {
    if (run.epoch == nullptr) {
      if (!run.next_epoch.has_value()) break;
      FrameSource::EpochOr next = *std::move(run.next_epoch);
      run.next_epoch.reset();
      if (!next.ok()) {
        entries_.emplace_back().result = next.status();
        run.exhausted = true;
        break;
      }
      EnterEpoch(*std::move(next));
      PlanAhead(action);
    }
    if (run.next_j < run.epoch->info().plan.shard_frames) {
      if (parked_ > 0 || queued_ + slots_->used() >= run.prefetch) break;
      Entry& entry = entries_.emplace_back();
      entry.epoch = run.epoch;
      entry.j = run.next_j++;
      entry.to_build = true;
      ++queued_;
      ++action.builds;
      PlanAhead(action);
    } else if (run.epochs_left == 0 && !run.opening && !run.next_epoch.has_value()) {
      run.exhausted = true;
    } else if (entries_.size() <= run.prefetch) {
      action.dropped.push_back(std::move(run.epoch));
    } else {
      break;  // epochs without frames: their headers must not pile up
    }
  }
}

void FrameStream::PlanAhead(Action& action) {
  Running& run = *running_;
  if (run.epoch == nullptr || run.opening || run.next_epoch.has_value()) return;
  // The first frames are not held up by a plan that is needed later, or never.
  if (run.next_j < std::min(run.epoch->info().plan.shard_frames / 4, kFramesBeforePlanning)) return;
  if (run.epochs_left == 0) {
    if (std::exchange(run.foreseen, true)) return;
    action.foresee_epoch = run.epoch->info().epoch + 1;
    action.source = run.source;
    return;
  }
  run.opening = true;
  if (run.epochs_left.has_value()) --*run.epochs_left;
  action.open_epoch = run.epoch->info().epoch + 1;
  action.source = run.source;
}

bool FrameStream::NothingLeft() const {
  return running_ != nullptr && running_->exhausted && entries_.empty();
}

bool FrameStream::TooOld() const {
  return limits_.max_age != StreamLimits::Duration::max() && !NothingLeft() &&
         Clock::now() - created_ >= limits_.max_age &&
         (running_ == nullptr || running_->source->StillThere());
}

FrameStream::Action FrameStream::Decide() {
  ChargeWait();
  Action action;
  if (finished_) return action;

  if (!stop_.has_value()) {
    if (running_ != nullptr) Schedule(action);
    if (MayWrite()) {
      auto& front = entries_.front().result;
      if (auto* error = std::get_if<absl::Status>(&front)) {
        stop_ = *error;
      } else {
        if (auto* frame = std::get_if<Frame>(&front)) {
          --ready_;
          in_flight_.emplace(TakeInfo(), frame->slab.size());
          in_flight_->first = frame->info;
          action.step.emplace<Message>(std::move(*frame));
        } else if (auto* header = std::get_if<Header>(&front)) {
          action.step.emplace<Message>(std::move(*header));
        } else {
          action.step.emplace<Message>(std::get<EpochInfo>(std::move(front)));
        }
        writing_ = true;
        moved_at_ = Clock::now();
        action.sent_epoch = std::move(entries_.front().epoch);
        entries_.pop_front();
        ++first_;
      }
    } else if (!writing_ && NothingLeft()) {
      stop_ = absl::OkStatus();
    }
  }

  if (stop_.has_value()) {
    *ended_ = true;
    slots_->Close();
    action.dropped_entries.swap(entries_);
    action.dropped.push_back(std::move(running_));
    if (!writing_ && !breaking_off_) {
      finished_ = true;
      action.step = *stop_;
    }
    return action;
  }
  Fit(action);
  const bool ready = !entries_.empty() && entries_.front().ready();
  if (writing_) waiting_for_ = ready ? StreamObserver::Wait::kClient : StreamObserver::Wait::kNone;
  if (!writing_ && ready) waiting_for_ = StreamObserver::Wait::kClient;
  if (!writing_ && !ready && running_ != nullptr) waiting_for_ = StreamObserver::Wait::kBuild;
  waiting_since_ = Clock::now();
  return action;
}

FrameInfo FrameStream::TakeInfo() {
  if (spare_infos_.empty()) return FrameInfo();
  FrameInfo info = std::move(spare_infos_.back());
  spare_infos_.pop_back();
  return info;
}

void FrameStream::KeepInfo(FrameInfo info) {
  // Of all frames that exist, and of the one in flight once more.
  if (running_ != nullptr && spare_infos_.size() <= running_->prefetch) {
    spare_infos_.push_back(std::move(info));
  }
}

void FrameStream::ChargeWait() {
  if (waiting_for_.has_value() && observer_ != nullptr) {
    observer_->Waited(*waiting_for_, Clock::now() - waiting_since_);
  }
  waiting_for_.reset();
}

void FrameStream::Advance(bool build, FrameInfo* spare) {
  const std::shared_ptr<FrameStream> self = shared_from_this();  // outlives the sink's Finish
  Action action;
  {
    MutexLock lock(&mu_);
    if (spare != nullptr) KeepInfo(std::move(*spare));
    if (build) NoteReturn();
    action = Decide();
  }
  build = build && action.builds > 0;
  if (build) --action.builds;
  for (int writes = 1;; ++writes) {
    const std::optional<absl::Status> written = Act(std::move(action));
    if (!written.has_value()) break;
    Sent sent = TakeWritten(*written);
    {
      MutexLock lock(&mu_);
      if (sent.has_value()) KeepInfo(std::move(sent->first));
      if (writes < kWritesAtOnce) {
        action = Decide();
        continue;
      }
    }
    builds_->Post([self] { self->Advance(); });
    break;
  }
  if (build) BuildNext();
}

std::optional<absl::Status> FrameStream::Act(Action action) {
  // First what is free again, so that whoever sees the end of the stream sees that, too.
  action.dropped_entries.clear();
  action.dropped_frames.clear();
  action.dropped.clear();
  action.sent_epoch.reset();
  if (action.keep_buffers.has_value()) action.buffers_of->KeepBuffers(*action.keep_buffers);
  const std::shared_ptr<FrameStream> self = shared_from_this();
  for (int i = 0; i < action.builds; ++i) {
    builds_->Post([self] { self->BuildNext(); });
  }
  if (action.open_epoch.has_value()) {
    planning_->Post([self, source = std::move(action.source), epoch = *action.open_epoch] {
      if (self->stopped()) return;
      const WorkScope scope(self->ended_);
      auto lost = [self] { self->OnEpoch(OutOfMemory()); };
      source->OpenEpoch(epoch, [self, lost = absl::Cleanup(std::move(lost))](
                                   FrameSource::EpochOr opened) mutable {
        std::move(lost).Cancel();
        self->OnEpoch(std::move(opened));
      });
    });
  }
  if (action.foresee_epoch.has_value()) {
    planning_->Post([self, source = std::move(action.source), epoch = *action.foresee_epoch] {
      if (self->stopped()) return;
      const WorkScope scope(self->ended_);
      source->Foresee(epoch);
    });
  }
  std::optional<absl::Status> written;
  if (auto* message = std::get_if<Message>(&action.step)) {
    const absl::StatusOr<bool> at_once =
        WithinMemory([&]() -> absl::StatusOr<bool> { return sink_.Write(std::move(*message)); });
    if (!at_once.ok() || *at_once) written = at_once.status();
    if (auto* frame = std::get_if<Frame>(message)) {
      MutexLock lock(&mu_);
      KeepInfo(std::move(frame->info));
    }
  } else if (auto* status = std::get_if<absl::Status>(&action.step)) {
    sink_.Finish(std::move(*status));
  }
  return written;
}

}  // namespace graphfeed
