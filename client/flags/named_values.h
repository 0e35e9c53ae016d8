#ifndef GRAPHFEED_CLIENT_FLAGS_NAMED_VALUES_H_
#define GRAPHFEED_CLIENT_FLAGS_NAMED_VALUES_H_

// Enum values as flags spell them: one table for both directions.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

template <typename T>
struct Named {
  const char* name;
  T value;
};

template <typename T, size_t N>
std::vector<std::string> Names(const Named<T> (&table)[N]) {
  std::vector<std::string> names;
  for (const Named<T>& entry : table) names.emplace_back(entry.name);
  return names;
}

// The flag's check has made sure that the name is in the table.
template <typename T, size_t N>
T ValueOf(const Named<T> (&table)[N], absl::string_view name) {
  for (const Named<T>& entry : table) {
    if (name == entry.name) return entry.value;
  }
  return table[0].value;
}

template <typename T, size_t N>
absl::string_view NameOf(const Named<T> (&table)[N], T value) {
  for (const Named<T>& entry : table) {
    if (value == entry.value) return entry.name;
  }
  return "unknown";
}

inline absl::Status FlagError(absl::string_view flag, absl::string_view value,
                              absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(flag, " is '", value, "': ", what));
}

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_NAMED_VALUES_H_
