#include "server/logging/event_log.h"

#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_format.h"

namespace graphfeed {
namespace {

constexpr std::pair<absl::string_view, LogLevel> kLevels[] = {
    {"trace", LogLevel::kTrace}, {"debug", LogLevel::kDebug}, {"info", LogLevel::kInfo},
    {"warn", LogLevel::kWarn},   {"error", LogLevel::kError}, {"off", LogLevel::kOff}};

}  // namespace

LogLevel LogLevelOf(absl::string_view name) {
  for (const auto& [known, level] : kLevels) {
    if (name == known) return level;
  }
  return LogLevel::kInfo;
}

absl::string_view NameOf(LogLevel level) { return kLevels[static_cast<size_t>(level)].first; }

LogField::LogField(const char* name, double number)
    : LogField(name, std::isfinite(number) ? absl::StrFormat("%.6g", number) : "null", false) {}

void EventLog::WriteLimited(RateLimit& limit, LogLevel level, absl::string_view event,
                            std::vector<LogField> fields) {
  if (!Writes(level)) return;
  const std::optional<int64_t> held_back = limit.Pass();
  if (!held_back.has_value()) return;
  if (*held_back > 0) fields.emplace_back("suppressed", *held_back);
  Write(level, event, fields);
}

}  // namespace graphfeed
