#include "server/logging/line.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace graphfeed {
namespace {

// A message names what was wrong: a kilobyte or two do.
constexpr size_t kMaxTextBytes = 2000;

// A string of JSON, with its quotes. `ascii`: what is none is escaped.
std::string Quoted(absl::string_view text, bool ascii) {
  std::string cut(text.substr(0, kMaxTextBytes));
  if (text.size() > kMaxTextBytes) cut += " ...";
  return nlohmann::json(std::move(cut))
      .dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
}

// A terminal obeys control characters, also those beyond ASCII, which JSON lets through.
bool HasControls(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x7f') return true;
    if (text[i] == '\xc2' && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

std::string TextValue(absl::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' && c != '=' && c != '\\';
  });
  if (plain && text.size() <= kMaxTextBytes) return std::string(text);
  return Quoted(text, HasControls(text));
}

std::string ValueText(const LogField& field, LogFormat format) {
  if (!field.is_text()) return field.value();
  return format == LogFormat::kJson ? Quoted(field.value(), false) : TextValue(field.value());
}

bool LeftOut(const LogField& field) { return field.is_text() && field.value().empty(); }

}  // namespace

std::string RenderLine(LogFormat format, absl::Time time, LogLevel level, absl::string_view event,
                       const std::vector<LogField>& fields) {
  const std::string at = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
  std::string line;
  if (format == LogFormat::kText) {
    line = absl::StrFormat("%s %-5s %s", at, NameOf(level), event);
    for (const LogField& field : fields) {
      if (!LeftOut(field)) absl::StrAppend(&line, " ", field.name(), "=", ValueText(field, format));
    }
  } else {
    line = absl::StrCat(R"({"time":")", at, R"(","level":")", NameOf(level), R"(","event":)",
                        Quoted(event, false));
    for (const LogField& field : fields) {
      if (LeftOut(field)) continue;
      absl::StrAppend(&line, ",", Quoted(field.name(), false), ":", ValueText(field, format));
    }
    line += '}';
  }
  line += '\n';
  return line;
}

}  // namespace graphfeed
