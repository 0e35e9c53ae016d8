#include "client/cli/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/text_output.h"

namespace graphfeed {
namespace {

constexpr std::chrono::milliseconds kInterval(100);
constexpr int64_t kWidth = 30;

std::string Amount(absl::string_view unit, int64_t amount) {
  return unit == "bytes" ? FormatBytes(static_cast<double>(amount)) : FormatCount(amount);
}

}  // namespace

ProgressBar::ProgressBar(std::ostream& out, bool enabled, Clock clock)
    : out_(out), enabled_(enabled), clock_(std::move(clock)), next_(clock_()) {}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Update(absl::string_view doing, absl::string_view unit, int64_t done,
                         int64_t total) {
  if (!enabled_) return;
  const auto now = clock_();
  const bool last = total > 0 && done >= total;
  if (now < next_ && !last && doing == doing_) return;
  next_ = now + kInterval;
  if (doing != doing_) {
    doing_ = std::string(doing);
    started_ = now;
    done_at_start_ = done;
  }

  std::string line = absl::StrCat(doing, "  ");
  if (total > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto filled = static_cast<int64_t>(share * kWidth);
    absl::StrAppend(&line, "[", std::string(filled, '='), filled < kWidth ? ">" : "",
                    std::string(std::max<int64_t>(kWidth - filled - 1, 0), ' '), "]  ",
                    static_cast<int>(100 * share), " %  ");
  }
  absl::StrAppend(&line, Amount(unit, done));
  if (total > 0) absl::StrAppend(&line, "/", Amount(unit, total));
  if (unit != "bytes") absl::StrAppend(&line, " ", unit);
  if (!last) absl::StrAppend(&line, TimeLeft(now, done, total));
  const size_t size = line.size();
  if (size < shown_) line.append(shown_ - size, ' ');
  out_ << '\r' << line << std::flush;
  shown_ = size;
}

std::string ProgressBar::TimeLeft(std::chrono::steady_clock::time_point now, int64_t done,
                                  int64_t total) const {
  const std::chrono::duration<double> passed = now - started_;
  if (done <= done_at_start_ || total <= done || passed < std::chrono::seconds(1)) return "";
  const double rate = static_cast<double>(done - done_at_start_) / passed.count();
  const auto left = static_cast<int64_t>(std::ceil(static_cast<double>(total - done) / rate));
  if (left < 60) return absl::StrCat("  ", left, " s left");
  if (left < 3600) return absl::StrFormat("  %d:%02d min left", left / 60, left % 60);
  return absl::StrFormat("  %d:%02d h left", left / 3600, left % 3600 / 60);
}

void ProgressBar::Clear() {
  if (shown_ == 0) return;
  out_ << '\r' << std::string(shown_, ' ') << '\r' << std::flush;
  shown_ = 0;
}

bool ProgressByDefault() { return ::isatty(STDERR_FILENO) == 1; }

}  // namespace graphfeed
