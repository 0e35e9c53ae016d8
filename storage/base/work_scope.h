#ifndef GRAPHFEED_STORAGE_BASE_WORK_SCOPE_H_
#define GRAPHFEED_STORAGE_BASE_WORK_SCOPE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace graphfeed {

// Set when nobody waits any more for what is done on a call's behalf. Null: somebody always does.
using CancelToken = std::shared_ptr<const std::atomic<bool>>;  // shared by a call and its work

inline bool IsCancelled(const CancelToken& token) { return token != nullptr && *token; }

// While it exists, what its thread does is for the call of `token`. Whatever may take longer than a
// moment asks CheckWanted() at least every 100 ms or so, however deep it lies. Scopes nest; work
// that goes on on another thread takes the token with it.
class WorkScope {
 public:
  explicit WorkScope(CancelToken token) : WorkScope(std::move(token), std::nullopt) {}
  // For what several calls have asked for: `unwanted`, which must outlive the scope, says whether
  // all of them have gone.
  explicit WorkScope(absl::FunctionRef<bool()> unwanted) : WorkScope(Token(), unwanted) {}
  ~WorkScope() { current_ = outer_; }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

  // Of the call that this thread works for; null if it is none.
  static CancelToken Token() { return current_ == nullptr ? nullptr : current_->token_; }

 private:
  friend absl::Status CheckWanted();

  WorkScope(CancelToken token, std::optional<absl::FunctionRef<bool()>> unwanted)
      : token_(std::move(token)), unwanted_(unwanted), outer_(current_) {
    current_ = this;
  }

  static thread_local WorkScope* current_;

  const CancelToken token_;
  const std::optional<absl::FunctionRef<bool()>> unwanted_;
  WorkScope* const outer_;
};

// CANCELLED when nobody waits any more for what this thread does.
absl::Status CheckWanted();

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_WORK_SCOPE_H_
