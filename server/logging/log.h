#ifndef GRAPHFEED_SERVER_LOGGING_LOG_H_
#define GRAPHFEED_SERVER_LOGGING_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/logging/audit_file.h"
#include "server/logging/event_log.h"
#include "server/logging/line.h"
#include "server/logging/rate_limit.h"

namespace graphfeed {

// The lines of a server, in its process: one line for an event, with fields (line.h). Lines go
// through a bounded queue to one thread, so nobody waits for a slow reader; when the queue is full,
// the oldest are dropped, counted, and told of.
class Log final : public EventLog {
 public:
  struct Options {
    LogFormat format = LogFormat::kText;
    LogLevel level = LogLevel::kInfo;  // what is below it is not written
    std::string audit_file = {};       // where audit entries go as well; empty: nowhere
    int fd = 2;                        // where lines go; must outlive the log
    size_t queue_lines = 4096;
  };

  // INVALID_ARGUMENT as AuditFile::Open.
  static absl::StatusOr<std::unique_ptr<Log>> Open(const Options& options);
  // Waits for what is queued, but not for long (Flush).
  ~Log() override;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  bool Writes(LogLevel level) const override {
    return level >= level_.load(std::memory_order_relaxed);
  }
  void SetLevel(LogLevel level) { level_ = level; }
  LogFormat format() const { return format_; }

  void Write(LogLevel level, absl::string_view event, const std::vector<LogField>& fields) override;
  // As Write, whatever the level is: why the program does not run.
  void WriteAlways(LogLevel level, absl::string_view event, const std::vector<LogField>& fields);
  // In the file of audits, if there is one, the line is when this returns. Who may not do what it
  // wanted is a warning among the other lines, and at most some of many.
  void Audit(const AuditEntry& entry) override;
  // Of the file of audits, after it was rotated (AuditFile::Reopen).
  absl::Status Reopen();

  // Waits until all that was written has gone out, `at_most` so long. False: it has not.
  bool Flush(absl::Duration at_most);
  int64_t dropped() const override;

 private:
  class Queue;

  Log(const Options& options, std::unique_ptr<AuditFile> audit_file);

  const LogFormat format_;
  std::atomic<LogLevel> level_;
  const std::unique_ptr<AuditFile> audit_file_;  // null: none
  RateLimit refusals_;
  RateLimit strangers_;  // refused, in the file of audits
  RateLimit audit_errors_;
  const std::unique_ptr<Queue> queue_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_LOGGING_LOG_H_
