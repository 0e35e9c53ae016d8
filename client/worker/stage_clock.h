#ifndef GRAPHFEED_CLIENT_WORKER_STAGE_CLOCK_H_
#define GRAPHFEED_CLIENT_WORKER_STAGE_CLOCK_H_

#include <chrono>

namespace graphfeed {

// Seconds since it was made.
class StageClock {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_STAGE_CLOCK_H_
