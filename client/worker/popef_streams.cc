#include "client/worker/popef_streams.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

absl::Status StreamsError(absl::string_view message) {
  return ExecutorError(ErrorAction::kReset, "streams", absl::StatusCode::kInternal, message);
}

// Steps are compared by where their data lie, which the shared memory keeps from being used again.
bool SameStep(const StepInputs& one, const StepInputs& other) {
  if (one.tensors.size() != other.tensors.size()) return false;
  for (size_t i = 0; i < one.tensors.size(); ++i) {
    if (one.tensors[i].data != other.tensors[i].data) return false;
  }
  return one.memory == other.memory;
}

}  // namespace

bool StagedSteps::Stream::Copy(void* buffer) ABSL_NO_THREAD_SAFETY_ANALYSIS {
  const std::byte* data = steps_->Find(*this, handed_out_);
  if (data == nullptr) return false;
  std::memcpy(buffer, data, size_bytes_);
  ++handed_out_;
  return true;
}

bool StagedSteps::Stream::Prefetch(void* buffer) noexcept {
  const MutexLock lock(&steps_->mutex_);
  return Copy(buffer);
}

void StagedSteps::Stream::Fetch(void* buffer) noexcept {
  const MutexLock lock(&steps_->mutex_);
  if (Copy(buffer)) return;
  starved_ = true;
  std::memset(buffer, 0, size_bytes_);
}

void StagedSteps::Stream::Complete() noexcept {
  const MutexLock lock(&steps_->mutex_);
  ++completed_;
}

void StagedSteps::Stream::Invalidate() noexcept {
  const MutexLock lock(&steps_->mutex_);
  handed_out_ = completed_;
}

StagedSteps::StagedSteps(std::vector<Input> inputs, int64_t device_iterations, int64_t replicas)
    : inputs_(std::move(inputs)),
      device_iterations_(device_iterations),
      replicas_(static_cast<size_t>(replicas)),
      streams_(inputs_.size() * replicas_) {
  for (size_t i = 0; i < streams_.size(); ++i) {
    streams_[i].steps_ = this;
    streams_[i].input_ = i / replicas_;
    streams_[i].replica_ = i % replicas_;
    streams_[i].size_bytes_ = inputs_[streams_[i].input_].size_bytes;
  }
}

const std::byte* StagedSteps::Find(const Stream& stream, int64_t index) const {
  const int64_t step = index / device_iterations_ - num_finished_;
  if (step < 0 || step >= static_cast<int64_t>(steps_.size())) return nullptr;
  const auto iteration = static_cast<size_t>(index % device_iterations_);
  return steps_[static_cast<size_t>(step)].tensors[stream.input_].data +
         (iteration * replicas_ + stream.replica_) * stream.size_bytes_;
}

absl::Status StagedSteps::Stage(const StepInputs& step, const StepInputs* next) {
  const MutexLock lock(&mutex_);
  if (!steps_.empty() && !SameStep(steps_.front(), step)) {
    for (const Stream& stream : streams_) {
      if (stream.handed_out_ <= num_finished_ * device_iterations_) continue;
      return StreamsError(absl::StrCat("input ", inputs_[stream.input_].name,
                                       ": the device has read ahead of a step that was announced "
                                       "as the next one, and another step is run"));
    }
    steps_.clear();
  }
  if (steps_.empty()) steps_.push_back(step);
  if (next != nullptr) steps_.push_back(*next);
  return absl::OkStatus();
}

absl::Status StagedSteps::Finish() {
  const MutexLock lock(&mutex_);
  const int64_t expected = (num_finished_ + 1) * device_iterations_;
  for (const Stream& stream : streams_) {
    const int64_t before = expected - device_iterations_;
    const std::string& name = inputs_[stream.input_].name;
    if (stream.starved_ || stream.completed_ > stream.handed_out_ || stream.completed_ > expected) {
      return StreamsError(absl::StrCat("input ", name, " of replica ", stream.replica_,
                                       " was read more than ", device_iterations_,
                                       " times in a step, which its metadata give as the device "
                                       "iterations"));
    }
    if (stream.completed_ < expected) {
      return StreamsError(absl::StrCat("input ", name, " of replica ", stream.replica_,
                                       " was read ", stream.completed_ - before,
                                       " times in a "
                                       "step; the metadata give ",
                                       device_iterations_, " device iterations"));
    }
  }
  steps_.pop_front();
  ++num_finished_;
  return absl::OkStatus();
}

void StagedSteps::Clear() {
  const MutexLock lock(&mutex_);
  steps_.clear();
  num_finished_ = 0;
  for (Stream& stream : streams_) {
    stream.handed_out_ = 0;
    stream.completed_ = 0;
    stream.starved_ = false;
  }
}

void OutputSink::Take(const void* buffer) noexcept {
  if (num_values_ < max_values_) {
    std::memcpy(bytes_.data() + size_bytes_ * static_cast<size_t>(num_values_), buffer,
                size_bytes_);
  }
  ++num_values_;
}

}  // namespace graphfeed
