#ifndef GRAPHFEED_SERVER_LOGGING_LINE_H_
#define GRAPHFEED_SERVER_LOGGING_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/logging/event_log.h"

namespace graphfeed {

enum class LogFormat : uint8_t { kText, kJson };

// One line, with its end. Text: "2026-01-02T03:04:05.678Z info  call.end method=Ingest ms=12", with
// what is no plain word in quotes, as JSON has them. JSON: an object of "time" (RFC 3339, UTC),
// "level", "event" and the fields. Texts that are empty are left out, long ones are cut, bytes that
// are no UTF-8 replaced.
std::string RenderLine(LogFormat format, absl::Time time, LogLevel level, absl::string_view event,
                       const std::vector<LogField>& fields);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_LOGGING_LINE_H_
