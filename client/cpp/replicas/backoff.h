#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_BACKOFF_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_BACKOFF_H_

#include <algorithm>

#include "absl/random/random.h"
#include "absl/time/time.h"

namespace graphfeed {

// Pauses between attempts: growing, and different in every client, so that the clients of a dead
// server do not come back in step. The jitter decides about no bytes. Thread-compatible.
class Backoff {
 public:
  static constexpr absl::Duration kFirst = absl::Milliseconds(50);
  static constexpr absl::Duration kMost = absl::Seconds(2);

  // Between half of a bound and the bound, which doubles from kFirst to kMost.
  absl::Duration Next() {
    const absl::Duration pause = bound_ * absl::Uniform(random_, 0.5, 1.0);
    bound_ = std::min(2 * bound_, kMost);
    return pause;
  }
  void Reset() { bound_ = kFirst; }

 private:
  absl::Duration bound_ = kFirst;
  absl::InsecureBitGen random_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_BACKOFF_H_
