#ifndef GRAPHFEED_STORAGE_BASE_STATUS_MACROS_H_
#define GRAPHFEED_STORAGE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns from the enclosing function, which returns a Status or a StatusOr, unless `expression`
// (a Status) is OK.
#define GF_RETURN_IF_ERROR(expression)                                                 \
  do {                                                                                 \
    if (::absl::Status gf_status_ = (expression); !gf_status_.ok()) return gf_status_; \
  } while (false)

// Evaluates `expression` (a StatusOr) and moves its value into `target`, an assignable expression
// or a declaration; returns its status instead if it has no value. A declaration whose type
// contains a comma at top level needs `auto`.
//
//   GF_ASSIGN_OR_RETURN(const Layout layout, MakeLayout(schema, spec, max_bytes));
#define GF_ASSIGN_OR_RETURN(target, ...) \
  GF_ASSIGN_OR_RETURN_IMPL_(GF_STATUS_CONCAT_(gf_status_or_, __LINE__), target, __VA_ARGS__)

#define GF_ASSIGN_OR_RETURN_IMPL_(name, target, ...) \
  auto name = (__VA_ARGS__);                         \
  if (!name.ok()) return std::move(name).status();   \
  target = *std::move(name)

#define GF_STATUS_CONCAT_(a, b) GF_STATUS_CONCAT_IMPL_(a, b)
#define GF_STATUS_CONCAT_IMPL_(a, b) a##b

#endif  // GRAPHFEED_STORAGE_BASE_STATUS_MACROS_H_
