#include "server/grpc_log.h"

#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"

namespace graphfeed {
namespace {

// gRPC 1.51 gives up accepting for good when descriptors run out, and says so in a line of its log
// alone. It is this process's: so are the descriptors.
std::atomic<bool> accepts_no_more{false};

std::atomic<EventLog*> lines_to{nullptr};

LogLevel LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return LogLevel::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return LogLevel::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      break;
  }
  return LogLevel::kError;
}

// Its traces (GRPC_TRACE) show headers, as text and in hexadecimal digits.
std::string WithoutSecrets(absl::string_view message) {
  const std::string small = absl::AsciiStrToLower(message);
  for (const char* sign :
       {"authorization", "bearer", "61 75 74 68 6f 72 69 7a", "42 65 61 72 65 72"}) {
    if (absl::StrContains(small, sign)) return "(a line about authorization)";
  }
  return std::string(message);
}

void Watch(gpr_log_func_args* line) {
  const absl::string_view message(line->message);
  if (absl::StrContains(message, "Failed accept4") &&
      absl::StrContains(message, "Too many open files")) {
    accepts_no_more = true;
  }
  const std::string text = WithoutSecrets(message);
  EventLog* const log = lines_to;
  if (log == nullptr) {
    std::fprintf(stderr, "gRPC: %s:%d: %s\n", line->file, line->line, text.c_str());
    return;
  }
  log->Write(LevelOf(line->severity), "grpc.line",
             {{"at", absl::StrCat(line->file, ":", line->line)}, {"message", text}});
}

// What callers send has it say something for each message; they are told by the call's status.
void TakeProtobufLine(google::protobuf::LogLevel level, const char* file, int line,
                      const std::string& message) {
  EventLog* const log = lines_to;
  if (level == google::protobuf::LOGLEVEL_FATAL) {
    std::fprintf(stderr, "protobuf: %s:%d: %s\n", file, line, message.c_str());
  } else if (log != nullptr) {
    log->Write(LogLevel::kDebug, "protobuf.line",
               {{"at", absl::StrCat(file, ":", line)}, {"message", message}});
  }
}

}  // namespace

void WatchGrpcLog() {
  gpr_set_log_function(&Watch);
  google::protobuf::SetLogHandler(&TakeProtobufLine);
}
void SendGrpcLogTo(EventLog* log) { lines_to = log; }

absl::Status CheckAccepts() {
  if (!accepts_no_more) return absl::OkStatus();
  rlimit limit = {};
  (void)getrlimit(RLIMIT_NOFILE, &limit);
  return absl::ResourceExhaustedError(
      absl::StrCat("file descriptors ran out, of which this process may have ", limit.rlim_cur,
                   " (ulimit -n): no further connections can be accepted"));
}

}  // namespace graphfeed
