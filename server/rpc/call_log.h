#ifndef GRAPHFEED_SERVER_RPC_CALL_LOG_H_
#define GRAPHFEED_SERVER_RPC_CALL_LOG_H_

#include <chrono>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/logging/event_log.h"
#include "server/logging/rate_limit.h"
#include "server/rpc/call.h"

namespace graphfeed {

// The "call.end" line. What answers once is for debugging unless it failed or changed something;
// refusals are warnings, and beyond `limit` counted alone; what the server is at fault for is an
// error.
void LogCall(EventLog& log, RateLimit& limit, absl::string_view method, const Caller& caller,
             const CallRecord& record, const absl::Status& status, std::chrono::nanoseconds time);

// The "audit" line of a call that changes something, or that its caller may not make.
void AuditCall(EventLog& log, absl::string_view method, const Caller& caller,
               const CallRecord& record, const absl::Status& status);

}  // namespace graphfeed

#endif  // GRAPHFEED_SERVER_RPC_CALL_LOG_H_
