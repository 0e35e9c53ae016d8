#include "client/worker/popef_errors.h"

#include <exception>
#include <poplar/exceptions.hpp>

#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

// Not every SDK has LINK_RESET.
template <typename Action>
auto IsLinkReset(Action action, int /*preferred*/) -> decltype(Action::LINK_RESET, bool()) {
  return action == Action::LINK_RESET;
}
template <typename Action>
bool IsLinkReset(Action /*action*/, long /*otherwise*/) {
  return false;
}

absl::Status RecoverableError(const poplar::recoverable_runtime_error& error,
                              absl::string_view message) {
  const auto action = error.getRecoveryAction();
  if (action == poplar::RecoveryAction::IPU_RESET) {
    return ExecutorError(ErrorAction::kReset, "recoverable_ipu_reset", absl::StatusCode::kAborted,
                         absl::StrCat(message, " (cured by resetting the IPU)"));
  }
  absl::string_view error_class = "recoverable_full_reset";
  absl::string_view cure = "the system must be power cycled";
  if (action == poplar::RecoveryAction::PARTITION_RESET) {
    error_class = "recoverable_partition_reset";
    cure = "the partition must be reset";
  } else if (IsLinkReset(action, 0)) {
    error_class = "recoverable_link_reset";
    cure = "the links must be reset";
  }
  return ExecutorError(ErrorAction::kExit, error_class, absl::StatusCode::kUnavailable,
                       absl::StrCat(message, " (", cure, ")"));
}

}  // namespace

absl::Status PopefModelError(absl::string_view message) {
  return ExecutorError(ErrorAction::kExit, "model", absl::StatusCode::kFailedPrecondition, message);
}

absl::Status PopefExceptionStatus(bool loading, absl::string_view doing) {
  const auto text = [doing](const std::exception& error) {
    return absl::StrCat(doing, ": ", error.what());
  };
  const auto other = [loading](absl::string_view message) {
    return loading
               ? ExecutorError(ErrorAction::kExit, "load", absl::StatusCode::kFailedPrecondition,
                               message)
               : ExecutorError(ErrorAction::kExit, "unknown", absl::StatusCode::kInternal, message);
  };
  try {
    throw;
  } catch (const poplar::recoverable_runtime_error& error) {
    return RecoverableError(error, text(error));
  } catch (const poplar::unrecoverable_runtime_error& error) {
    return ExecutorError(ErrorAction::kExit, "unrecoverable", absl::StatusCode::kInternal,
                         text(error));
  } catch (const poplar::unknown_runtime_error& error) {
    return ExecutorError(ErrorAction::kExit, "unknown", absl::StatusCode::kInternal, text(error));
  } catch (const poplar::application_runtime_error& error) {
    if (loading) return other(text(error));
    return ExecutorError(ErrorAction::kReset, "application", absl::StatusCode::kInternal,
                         text(error));
  } catch (const std::exception& error) {
    return other(text(error));
  } catch (...) {
    return other(absl::StrCat(doing, ": an exception of unknown type"));
  }
}

}  // namespace graphfeed
