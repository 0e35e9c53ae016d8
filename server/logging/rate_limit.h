#ifndef GRAPHFEED_SERVER_LOGGING_RATE_LIMIT_H_
#define GRAPHFEED_SERVER_LOGGING_RATE_LIMIT_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "storage/base/mutex.h"

namespace graphfeed {

// Lets `burst` lines through at once, and then one each `every`. Thread-safe.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;

  RateLimit(int burst, Clock::duration every) : burst_(burst), every_(every), left_(burst) {}

  // How many have been held back since the last one that was let through; nullopt: so is this one.
  std::optional<int64_t> Pass(Clock::time_point now = Clock::now()) {
    MutexLock lock(&mu_);
    if (now - filled_ >= every_) {
      const int64_t steps = (now - filled_) / every_;
      left_ = steps >= burst_ - left_ ? burst_ : left_ + steps;
      filled_ += steps * every_;
    }
    if (left_ == 0) {
      ++held_back_;
      return std::nullopt;
    }
    --left_;
    const int64_t held_back = held_back_;
    held_back_ = 0;
    return held_back;
  }

 private:
  const int64_t burst_;
  const Clock::duration every_;
  Mutex mu_;
  int64_t left_ ABSL_GUARDED_BY(mu_);
  int64_t held_back_ ABSL_GUARDED_BY(mu_) = 0;
  Clock::time_point filled_ ABSL_GUARDED_BY(mu_) = Clock::now();
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_LOGGING_RATE_LIMIT_H_
