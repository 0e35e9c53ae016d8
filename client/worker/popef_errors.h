#ifndef GRAPHFEED_CLIENT_WORKER_POPEF_ERRORS_H_
#define GRAPHFEED_CLIENT_WORKER_POPEF_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/worker/executor.h"

namespace graphfeed {

// ExecutorError of class "model".
absl::Status PopefModelError(absl::string_view message);

// What the exception that is being handled means; only in a catch block. `doing` begins the
// message. Loading: what has no class of its own is "load", else "unknown".
absl::Status PopefExceptionStatus(bool loading, absl::string_view doing);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_POPEF_ERRORS_H_
