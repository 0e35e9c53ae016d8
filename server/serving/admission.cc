#include "server/serving/admission.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {

Admission::Admission(const char* what, int64_t capacity_bytes, int64_t max_places)
    : what_(what), capacity_bytes_(capacity_bytes), max_places_(max_places) {}

Admission::Place::~Place() {
  MutexLock lock(&admission_.mu_);
  admission_.reserved_bytes_ -= bytes_;
  --admission_.num_places_;
}

absl::StatusOr<std::shared_ptr<Admission::Place>> Admission::Reserve(int64_t frame_bytes,
                                                                     uint32_t frames,
                                                                     int64_t fixed_bytes) {
  MutexLock lock(&mu_);
  if (num_places_ >= max_places_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(what_, ": ", num_places_, " are open; at most ", max_places_));
  }
  const int64_t free_bytes = capacity_bytes_ - reserved_bytes_;
  if (fixed_bytes > free_bytes || frame_bytes > free_bytes - fixed_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "slab memory: a frame needs up to ", frame_bytes, " bytes",
        fixed_bytes > 0 ? absl::StrCat(", seeds and lists ", fixed_bytes, " beside it") : "", "; ",
        free_bytes, " of ", capacity_bytes_, " are free (--slab-memory)"));
  }
  if (frame_bytes > 0) {
    frames =
        static_cast<uint32_t>(std::min<int64_t>(frames, (free_bytes - fixed_bytes) / frame_bytes));
  }
  const int64_t bytes = fixed_bytes + frame_bytes * frames;
  auto place = std::make_shared<Place>(*this, bytes, frames);
  reserved_bytes_ += bytes;
  ++num_places_;
  return place;
}

int64_t Admission::reserved_bytes() const {
  MutexLock lock(&mu_);
  return reserved_bytes_;
}

}  // namespace graphfeed
