#ifndef GRAPHFEED_STORAGE_BASE_ALLOCATION_H_
#define GRAPHFEED_STORAGE_BASE_ALLOCATION_H_

#include <new>
#include <stdexcept>
#include <utility>

#include "absl/status/status.h"

namespace graphfeed {

inline absl::Status OutOfMemory() {
  return absl::ResourceExhaustedError(
      "the server has not enough memory for this (an allocation failed)");
}

// What `work` returns, a Status or a StatusOr; OutOfMemory() if an allocation in it fails.
template <typename Work>
auto WithinMemory(Work&& work) -> decltype(work()) {
  try {
    return std::forward<Work>(work)();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::length_error&) {  // more than a container can ever hold
    return OutOfMemory();
  }
}

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_ALLOCATION_H_
