#ifndef GRAPHFEED_SERVER_LOGGING_EVENT_LOG_H_
#define GRAPHFEED_SERVER_LOGGING_EVENT_LOG_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/logging/rate_limit.h"

namespace graphfeed {

enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// As --log-level has them, in small letters; what is none of them is info.
LogLevel LogLevelOf(absl::string_view name);
absl::string_view NameOf(LogLevel level);

// What a line says of its event: {"frames", int64_t{12}}. Names are plain words that are the same
// in all lines (docs/operations.md#logs), texts are whatever came: they may not be secrets, but
// need not be UTF-8.
class LogField {
 public:
  LogField(const char* name, std::string text) : LogField(name, std::move(text), true) {}
  LogField(const char* name, const char* text) : LogField(name, std::string(text), true) {}
  LogField(const char* name, int64_t number) : LogField(name, absl::StrCat(number), false) {}
  LogField(const char* name, double number);
  LogField(const char* name, bool truth) : LogField(name, truth ? "true" : "false", false) {}

  const char* name() const { return name_; }
  // A text, or what JSON and people read alike.
  bool is_text() const { return is_text_; }
  const std::string& value() const { return value_; }

 private:
  LogField(const char* name, std::string value, bool is_text)
      : name_(name), value_(std::move(value)), is_text_(is_text) {}

  const char* name_;
  std::string value_;
  bool is_text_;
};

// Who changed something, or wanted to and may not.
struct AuditEntry {
  static constexpr char kServer[] = "server";  // by itself

  std::string action;               // "ingest", "delete", "partition", "snapshot", "reload", ...
  std::string principal = kServer;  // who: a caller's name, or the server by itself
  std::string peer = {};            // from where; empty: from here
  std::string dataset = {};         // "name" or "name@version"; empty: none
  std::string request_id = {};
  absl::Status result = {};            // what came of it
  std::vector<LogField> details = {};  // more of it
};

// What a server's parts tell of what happens to them. They have a pointer to one, or null where
// nobody listens, as within a client's process. Nothing that is secret may be given to it.
// Thread-safe; nobody waits in it.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Whether lines of this level are of use.
  virtual bool Writes(LogLevel level) const = 0;
  // `event` is two words, "call.end".
  virtual void Write(LogLevel level, absl::string_view event,
                     const std::vector<LogField>& fields) = 0;
  // An "audit" line, which a file of audits gets whatever the level is.
  virtual void Audit(const AuditEntry& entry) = 0;

  // Lines that had no room.
  virtual int64_t dropped() const = 0;

  // As Write, of events that come as often as somebody likes: of those beyond `limit` the next line
  // says how many they were ("suppressed").
  void WriteLimited(RateLimit& limit, LogLevel level, absl::string_view event,
                    std::vector<LogField> fields);
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_LOGGING_EVENT_LOG_H_
