#ifndef GRAPHFEED_SERVER_SERVING_STREAM_LIMITS_H_
#define GRAPHFEED_SERVER_SERVING_STREAM_LIMITS_H_

#include <chrono>
#include <cstdint>

namespace graphfeed {

// How long a stream may be at this server; max(): for ever.
struct StreamLimits {
  using Duration = std::chrono::steady_clock::duration;

  // Since it was asked for. It ends behind the frame that is being sent then, and at least one.
  Duration max_age = Duration::max();
};

// The limits of the number-th stream. Ages differ by up to a fifth to either side, so that streams
// that began together do not all go on at once; whichever follow each other, they lie evenly.
inline StreamLimits LimitsOfStream(StreamLimits limits, uint64_t number) {
  if (limits.max_age == StreamLimits::Duration::max()) return limits;
  // Multiples of the golden section, modulo 1.
  constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
  const double share =
      static_cast<double>(number * kGolden >> 11) / static_cast<double>(1ULL << 53);
  limits.max_age =
      std::chrono::duration_cast<StreamLimits::Duration>(limits.max_age * (0.8 + 0.4 * share));
  return limits;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_STREAM_LIMITS_H_
