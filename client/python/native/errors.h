#ifndef GRAPHFEED_CLIENT_PYTHON_NATIVE_ERRORS_H_
#define GRAPHFEED_CLIENT_PYTHON_NATIVE_ERRORS_H_

// Statuses as Python exceptions, and waits that Ctrl-C interrupts.

#include <pybind11/pybind11.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/python/native/gil.h"

namespace graphfeed::python {

// Raises what graphfeed.errors.from_status makes of the status, or the exception that a signal
// handler has raised meanwhile (KeyboardInterrupt).
[[noreturn]] void Raise(const absl::Status& status);
[[noreturn]] void RaiseInvalidArgument(const std::string& message);

inline void Check(const absl::Status& status) {
  if (!status.ok()) Raise(status);
}

template <typename T>
T Check(absl::StatusOr<T> value) {
  if (!value.ok()) Raise(value.status());
  return *std::move(value);
}

// Runs `call`, which returns a Status or a StatusOr and touches no Python object, without the GIL.
template <typename F>
auto Blocking(F&& call) {
  auto result = [&] {
    const GilReleased released;
    return call();
  }();
  return Check(std::move(result));
}

}  // namespace graphfeed::python

#endif  // GRAPHFEED_CLIENT_PYTHON_NATIVE_ERRORS_H_
