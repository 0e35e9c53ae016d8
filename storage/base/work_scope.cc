#include "storage/base/work_scope.h"

namespace graphfeed {

thread_local WorkScope* WorkScope::current_ = nullptr;

absl::Status CheckWanted() {
  const WorkScope* const scope = WorkScope::current_;
  if (scope == nullptr) return absl::OkStatus();
  const bool unwanted =
      scope->unwanted_.has_value() ? (*scope->unwanted_)() : IsCancelled(scope->token_);
  return unwanted ? absl::CancelledError("the caller has gone") : absl::OkStatus();
}

}  // namespace graphfeed
