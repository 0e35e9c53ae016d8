#ifndef GRAPHFEED_CLIENT_FLAGS_FLAG_VALUES_H_
#define GRAPHFEED_CLIENT_FLAGS_FLAG_VALUES_H_

// What all flags have in common: values of enums, errors.

#include <cstdint>
#include <limits>
#include <string>

#include "CLI/Validators.hpp"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "proto/frame/named_enum.h"

namespace graphfeed {

// The value that a flag names. The flag's check has made sure that there is one.
template <typename E>
E ValueOf(absl::string_view flag) {
  return FromFlag<E>(flag).value_or(EnumTable<E>::kEntries[0].value);
}

inline absl::Status FlagError(absl::string_view flag, absl::string_view value,
                              absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(flag, " is '", value, "': ", what));
}

// A check of flags that are unsigned, which the parser would wrap and cut: "" for "0" to 2^64 - 1.
inline std::string CheckUnsigned(const std::string& value) {
  uint64_t number = 0;
  const bool sign = !value.empty() && (value[0] == '-' || value[0] == '+');
  if (!sign && absl::SimpleAtoi(value, &number)) return "";
  return absl::StrCat("'", value, "' is no whole number from 0 to ",
                      std::numeric_limits<uint64_t>::max());
}

// Checks of numbers. The parser's own name as their limit the largest double, in 309 digits.
inline CLI::Validator Positive() {
  return CLI::Validator(
      [](const std::string& value) {
        double number = 0;
        if (absl::SimpleAtod(value, &number) && number > 0) return std::string();
        return absl::StrCat("'", value, "' is no number above 0");
      },
      "POSITIVE");
}

inline CLI::Validator NonNegative() {
  return CLI::Validator(
      [](const std::string& value) {
        double number = 0;
        if (absl::SimpleAtod(value, &number) && number >= 0) return std::string();
        return absl::StrCat("'", value, "' is no number from 0 on");
      },
      "NONNEGATIVE");
}

// A check of --data-dir: "" is a shell's variable that is not set, and would be taken for no flag.
inline CLI::Validator NamesFolder() {
  return CLI::Validator(
      [](const std::string& value) {
        return std::string(value.empty() ? "'' names no folder" : "");
      },
      "");
}

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_FLAG_VALUES_H_
