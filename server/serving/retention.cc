#include "server/serving/retention.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "storage/base/status_macros.h"
#include "storage/ingest/spec.h"

namespace graphfeed {
absl::StatusOr<std::vector<std::string>> ParsePins(absl::string_view text) {
  std::vector<std::string> pins;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    GF_ASSIGN_OR_RETURN(const DatasetReference pin, ParseDatasetReference(part));
    pins.push_back(pin.version.has_value() ? absl::StrCat(pin.name, "@", *pin.version) : pin.name);
  }
  return pins;
}

bool IsPinned(absl::string_view name, int64_t version, const std::vector<std::string>& pins) {
  const std::string title = absl::StrCat(name, "@", version);
  return std::any_of(pins.begin(), pins.end(),
                     [&](const std::string& pin) { return pin == name || pin == title; });
}

std::vector<VersionAge> VersionsToRemove(const std::vector<VersionAge>& versions,
                                         const RetentionOptions& options, absl::Time now) {
  std::vector<VersionAge> removed;
  if (!options.removes()) return removed;
  for (size_t i = 0; i < versions.size(); ++i) {
    const VersionAge& version = versions[i];
    int64_t newer = 0;  // of the same dataset
    while (i + 1 + static_cast<size_t>(newer) < versions.size() &&
           versions[i + 1 + static_cast<size_t>(newer)].name == version.name) {
      ++newer;
    }
    if (newer == 0 || newer < options.keep_versions ||
        IsPinned(version.name, version.version, options.pins)) {
      continue;
    }
    if (options.keep_for > absl::ZeroDuration() &&
        (!version.published.has_value() || now - *version.published < options.keep_for)) {
      continue;
    }
    removed.push_back(version);
  }
  return removed;
}

std::optional<absl::Duration> ClockGuard::Observe(absl::Time now, TimePoint steady) {
  const std::optional<absl::Time> last = last_;
  const absl::Duration went_by = absl::FromChrono(steady - last_steady_);
  last_ = now;
  last_steady_ = steady;
  if (!last.has_value()) return std::nullopt;
  const absl::Duration jump = now - *last - went_by;
  if (absl::AbsDuration(jump) <= kJump) return std::nullopt;
  trusted_from_ = steady + absl::ToChronoNanoseconds(kDistrust);
  return jump;
}

}  // namespace graphfeed
