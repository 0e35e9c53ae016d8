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

// A terminal obeys control characters, also those beyond ASCII, which JSON lets through, and turns
// lines around for others (U+061C, U+200E to U+202E, U+2066 to U+2069).
bool HasControls(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto at = [&](size_t ahead) {
      return i + ahead < text.size() ? static_cast<uint8_t>(text[i + ahead]) : 0;
    };
    if (at(0) == 0x7f || (at(0) == 0xc2 && at(1) < 0xa0) || (at(0) == 0xd8 && at(1) == 0x9c)) {
      return true;
    }
    if (at(0) != 0xe2) continue;
    if (at(1) == 0x80 && at(2) >= 0x8e && at(2) <= 0xae) return true;
    if (at(1) == 0x81 && at(2) >= 0xa6 && at(2) <= 0xa9) return true;
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
  return format == LogFormat::kJson ? Quoted(field.value(), HasControls(field.value()))
                                    : TextValue(field.value());
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
