#include "server/logging/log.h"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "spdlog/async_logger.h"
#include "spdlog/details/thread_pool.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/base_sink.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

// How long a log that goes waits for a reader that does not read.
constexpr absl::Duration kLastFlush = absl::Seconds(2);

// Lines as they are, each in one write if it can be; and where some are missing, how many. That
// line is not queued, where it could be dropped itself.
class DescriptorSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // `queue` calls this, and drops lines only for later ones.
  DescriptorSink(int fd, LogFormat format, spdlog::details::thread_pool& queue)
      : fd_(fd), format_(format), queue_(queue) {}

  int64_t written() const { return written_; }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const auto dropped = static_cast<int64_t>(queue_.overrun_counter());
    if (dropped > told_) {
      WriteAll(RenderLine(format_, absl::Now(), LogLevel::kWarn, "log.dropped",
                          {{"lines", dropped - told_}}));
      told_ = dropped;
    }
    WriteAll({message.payload.data(), message.payload.size()});
    ++written_;
  }
  void flush_() override {}

 private:
  void WriteAll(absl::string_view line) const {
    const char* data = line.data();
    size_t left = line.size();
    while (left > 0) {
      const ssize_t size = write(fd_, data, left);
      if (size >= 0) {
        data += size;
        left -= static_cast<size_t>(size);
      } else if (errno != EINTR) {
        break;  // nobody is left to be told
      }
    }
  }

  const int fd_;
  const LogFormat format_;
  spdlog::details::thread_pool& queue_;
  int64_t told_ = 0;
  std::atomic<int64_t> written_ = 0;
};

bool IsRefusal(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
}

}  // namespace

// spdlog's queue and thread.
class Log::Queue {
 public:
  Queue(int fd, LogFormat format, size_t lines)
      : threads_(std::make_shared<spdlog::details::thread_pool>(lines, 1)),
        sink_(std::make_shared<DescriptorSink>(fd, format, *threads_)),
        logger_(std::make_shared<spdlog::async_logger>(
            "graphfeed", sink_, threads_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);
  }
  ~Queue() {
    // The thread pool waits for its thread, which may be waiting for ever.
    if (Flush(kLastFlush)) return;
    // NOLINTNEXTLINE(bugprone-unhandled-exception-at-new): without memory this is the end anyway.
    (void)new std::shared_ptr<spdlog::details::thread_pool>(threads_);
  }

  void Post(absl::string_view line) {
    ++posted_;
    logger_->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
  }
  int64_t dropped() const { return static_cast<int64_t>(threads_->overrun_counter()); }
  bool Flush(absl::Duration at_most) const {
    const absl::Time deadline = absl::Now() + at_most;
    while (sink_->written() + dropped() < posted_) {
      if (absl::Now() >= deadline) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

 private:
  const std::shared_ptr<spdlog::details::thread_pool> threads_;  // shared with nobody
  const std::shared_ptr<DescriptorSink> sink_;                   // shared with the logger
  const std::shared_ptr<spdlog::async_logger> logger_;           // shared with what is queued
  std::atomic<int64_t> posted_ = 0;
};

absl::StatusOr<std::unique_ptr<Log>> Log::Open(const Options& options) {
  std::unique_ptr<AuditFile> audit_file;
  if (!options.audit_file.empty()) {
    GF_ASSIGN_OR_RETURN(audit_file, AuditFile::Open(options.audit_file));
  }
  return std::unique_ptr<Log>(new Log(options, std::move(audit_file)));
}

Log::Log(const Options& options, std::unique_ptr<AuditFile> audit_file)
    : format_(options.format),
      level_(options.level),
      audit_file_(std::move(audit_file)),
      refusals_(20, std::chrono::seconds(1)),
      strangers_(1000, std::chrono::milliseconds(100)),
      audit_errors_(1, std::chrono::seconds(10)),
      queue_(std::make_unique<Queue>(options.fd, options.format, options.queue_lines)) {}

Log::~Log() = default;

void Log::Write(LogLevel level, absl::string_view event, const std::vector<LogField>& fields) {
  if (Writes(level)) WriteAlways(level, event, fields);
}

void Log::WriteAlways(LogLevel level, absl::string_view event,
                      const std::vector<LogField>& fields) {
  queue_->Post(RenderLine(format_, absl::Now(), level, event, fields));
}

void Log::Audit(const AuditEntry& entry) {
  const bool ok = entry.result.ok();
  std::vector<LogField> fields = {
      {"action", entry.action},
      {"principal", entry.principal},
      {"peer", entry.peer},
      {"dataset", entry.dataset},
      {"result", absl::StatusCodeToString(entry.result.code())},
      {"message", std::string(ok ? "" : entry.result.message())},
      {"request_id", entry.request_id},
  };
  fields.insert(fields.end(), entry.details.begin(), entry.details.end());
  const bool refused = IsRefusal(entry.result);
  const bool by_itself = entry.principal == AuditEntry::kServer;
  const LogLevel level = refused            ? LogLevel::kWarn
                         : !ok && by_itself ? LogLevel::kError
                                            : LogLevel::kInfo;
  // Who is nobody here cannot fill the disk.
  const std::optional<int64_t> held_back =
      absl::IsUnauthenticated(entry.result) ? strangers_.Pass() : 0;
  if (audit_file_ != nullptr && held_back.has_value()) {
    std::vector<LogField> line = fields;
    if (*held_back > 0) line.emplace_back("suppressed", *held_back);
    const absl::Status status =
        audit_file_->Append(RenderLine(format_, absl::Now(), level, "audit", line));
    if (!status.ok()) {
      WriteLimited(audit_errors_, LogLevel::kError, "audit.failed",
                   {{"message", std::string(status.message())}});
    }
  }
  if (refused) {
    WriteLimited(refusals_, level, "audit", std::move(fields));
  } else {
    Write(level, "audit", fields);
  }
}

absl::Status Log::Reopen() {
  return audit_file_ == nullptr ? absl::OkStatus() : audit_file_->Reopen();
}

bool Log::Flush(absl::Duration at_most) { return queue_->Flush(at_most); }

int64_t Log::dropped() const { return queue_->dropped(); }

}  // namespace graphfeed
