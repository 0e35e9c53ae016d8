#ifndef GRAPHFEED_CLIENT_CLI_PROGRESS_BAR_H_
#define GRAPHFEED_CLIENT_CLI_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

#include "absl/strings/string_view.h"

namespace graphfeed {

// One line that is written over again: "sending  [=====>    ]  52 %  68,112/130,839 graphs".
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
  std::string doing_;
  size_t shown_ = 0;  // characters on the line
};

// Progress is shown on a terminal, or where it is asked for.
bool ProgressByDefault();

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_PROGRESS_BAR_H_
