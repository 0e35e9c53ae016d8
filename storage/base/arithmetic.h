#ifndef GRAPHFEED_STORAGE_BASE_ARITHMETIC_H_
#define GRAPHFEED_STORAGE_BASE_ARITHMETIC_H_

#include <cstdint>

#include "absl/types/span.h"

namespace graphfeed {

// a / b, rounded up, without overflow; a >= 0, b > 0.
constexpr int64_t CeilDivide(int64_t a, int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

inline int64_t Sum(absl::Span<const int64_t> values) {
  int64_t sum = 0;
  for (const int64_t value : values) sum += value;
  return sum;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_BASE_ARITHMETIC_H_
