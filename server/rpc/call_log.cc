#include "server/rpc/call_log.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/methods.h"

namespace graphfeed {
namespace {

LogLevel LevelOf(absl::string_view method, absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kResourceExhausted:
      return LogLevel::kWarn;
    case absl::StatusCode::kDataLoss:
      // Of an ingest it is what came that is not whole.
      return method == "Ingest" ? LogLevel::kInfo : LogLevel::kError;
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return LogLevel::kError;
    case absl::StatusCode::kOk:
    case absl::StatusCode::kCancelled:
      return IsStreaming(method) || !AuditedAs(method).empty() ? LogLevel::kInfo : LogLevel::kDebug;
    default:
      return LogLevel::kInfo;
  }
}

}  // namespace

void LogCall(EventLog& log, RateLimit& limit, absl::string_view method, const Caller& caller,
             const CallRecord& record, const absl::Status& status, std::chrono::nanoseconds time) {
  const LogLevel level = LevelOf(method, status.code());
  if (!log.Writes(level)) return;
  std::vector<LogField> fields = {
      {"method", std::string(method)},
      {"principal", caller.principal->name},
      {"peer", caller.peer},
      {"dataset", record.dataset()},
      {"code", absl::StatusCodeToString(status.code())},
      {"message", std::string(status.message())},
      {"ms", std::chrono::duration<double, std::milli>(time).count()},
      {"received_bytes", record.received_bytes()},
      {"sent_bytes", record.sent_bytes()},
  };
  if (record.is_stream()) fields.emplace_back("frames", record.frames());
  fields.emplace_back("request_id", caller.request_id);
  fields.emplace_back("traceparent", caller.traceparent);
  if (level == LogLevel::kWarn) {
    log.WriteLimited(limit, level, "call.end", std::move(fields));
  } else {
    log.Write(level, "call.end", fields);
  }
}

void AuditCall(EventLog& log, absl::string_view method, const Caller& caller,
               const CallRecord& record, const absl::Status& status) {
  const absl::string_view action = AuditedAs(method);
  const bool refused = absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
  if (action.empty() && !refused) return;
  log.Audit({.action = std::string(action.empty() ? "call" : action),
             .principal = caller.principal->name,
             .peer = caller.peer,
             .dataset = record.dataset(),
             .request_id = caller.request_id,
             .result = status,
             .details = {{"method", std::string(method)}, {"traceparent", caller.traceparent}}});
}

}  // namespace graphfeed
