#include "client/worker/executor.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"

namespace graphfeed {
namespace {

constexpr char kAction[] = "graphfeed.worker/action";
constexpr char kClass[] = "graphfeed.worker/class";

}  // namespace

absl::Status ExecutorError(ErrorAction action, absl::string_view error_class, absl::StatusCode code,
                           absl::string_view message) {
  absl::Status status(code, message);
  status.SetPayload(kAction, absl::Cord(std::string(1, static_cast<char>(action))));
  status.SetPayload(kClass, absl::Cord(error_class));
  return status;
}

ErrorAction ActionOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kAction);
  if (!payload.has_value() || payload->empty()) return ErrorAction::kExit;
  return static_cast<ErrorAction>(static_cast<uint8_t>((*payload)[0]));
}

std::string ErrorClassOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kClass);
  return payload.has_value() ? std::string(*payload) : "other";
}

}  // namespace graphfeed
