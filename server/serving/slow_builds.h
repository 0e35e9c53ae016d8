#ifndef GRAPHFEED_SERVER_SERVING_SLOW_BUILDS_H_
#define GRAPHFEED_SERVER_SERVING_SLOW_BUILDS_H_

#include <chrono>
#include <cstdint>

#include "absl/time/time.h"
#include "server/logging/event_log.h"
#include "server/logging/rate_limit.h"
#include "server/serving/recipe.h"

namespace graphfeed {

// Warns of frames that take long to build, at most of some of many. Thread-safe.
class SlowBuilds {
 public:
  // `log` may be null.
  SlowBuilds(EventLog* log, absl::Duration after)
      : log_(log), after_(absl::ToChronoNanoseconds(after)) {}

  void Built(const Recipe& recipe, uint64_t seed, int64_t epoch, int64_t ordinal,
             std::chrono::nanoseconds time) {
    if (log_ != nullptr && time >= after_) Warn(recipe, seed, epoch, ordinal, time);
  }

 private:
  void Warn(const Recipe& recipe, uint64_t seed, int64_t epoch, int64_t ordinal,
            std::chrono::nanoseconds time);

  EventLog* const log_;
  const std::chrono::nanoseconds after_;
  RateLimit limit_{/*burst=*/5, std::chrono::seconds(10)};
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_SLOW_BUILDS_H_
