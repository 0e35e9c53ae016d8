#ifndef GRAPHFEED_CLIENT_CLI_PROGRESS_BAR_H_
#define GRAPHFEED_CLIENT_CLI_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "absl/strings/string_view.h"

namespace graphfeed {

// One line that is written over again: "sending  [=====>    ]  52 %  68,112/130,839 graphs  14 s
// left". The time that is left is estimated from what has been done since the first update of the
// same doing, once that has taken a second.
// Nothing at all unless `enabled`. At most ten times a second, but always the last state.
class ProgressBar {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  ProgressBar(std::ostream& out, bool enabled, Clock clock = std::chrono::steady_clock::now);
  ~ProgressBar();  // leaves an empty line
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // `total` 0: unknown. Bytes are the unit that is shortened.
  void Update(absl::string_view doing, absl::string_view unit, int64_t done, int64_t total);
  // Clears the line, so that something else can be printed.
  void Clear();

 private:
  std::ostream& out_;
  const bool enabled_;
  const Clock clock_;
  std::chrono::steady_clock::time_point next_;
  std::string TimeLeft(std::chrono::steady_clock::time_point now, int64_t done,
                       int64_t total) const;

  std::string doing_;
  std::chrono::steady_clock::time_point started_;  // of doing_
  int64_t done_at_start_ = 0;
  size_t shown_ = 0;  // characters on the line
};

// Progress is shown on a terminal, or where it is asked for.
bool ProgressByDefault();

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_PROGRESS_BAR_H_
