#ifndef GRAPHFEED_SERVER_SERVING_RETENTION_H_
#define GRAPHFEED_SERVER_SERVING_RETENTION_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/catalog.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// Which versions a server keeps.
struct RetentionOptions {
  int64_t keep_versions = 0;                       // the newest of each dataset; 0: no rule
  absl::Duration keep_for = absl::ZeroDuration();  // since they were published; 0: no rule
  // Versions that stay: "name@version", or "name" for all of a dataset.
  std::vector<std::string> pins = {};

  bool removes() const { return keep_versions > 0 || keep_for > absl::ZeroDuration(); }
};

// The pins of "name@version,name,...". INVALID_ARGUMENT says which is none.
absl::StatusOr<std::vector<std::string>> ParsePins(absl::string_view text);

// Whether one of them is for it.
bool IsPinned(absl::string_view name, int64_t version, const std::vector<std::string>& pins);

// Of `versions` (by name, then version) those that no rule and no pin keeps at `now`, oldest first.
// The newest version of a dataset always stays, and with keep_for one whose age is not known.
std::vector<VersionAge> VersionsToRemove(const std::vector<VersionAge>& versions,
                                         const RetentionOptions& options, absl::Time now);

// Compares a clock that can be set with one that cannot, so that no jump makes everything old at
// once. Not thread-safe.
class ClockGuard {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  static constexpr absl::Duration kJump = absl::Minutes(5);
  static constexpr absl::Duration kDistrust = absl::Hours(1);

  // The jump, if there was one of more than kJump since the last call.
  std::optional<absl::Duration> Observe(absl::Time now, TimePoint steady);
  // Whether there was one within kDistrust.
  bool Distrusted(TimePoint steady) const { return steady < trusted_from_; }

 private:
  std::optional<absl::Time> last_;
  TimePoint last_steady_;
  TimePoint trusted_from_ = TimePoint::min();
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_SERVING_RETENTION_H_
