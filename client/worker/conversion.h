#ifndef GRAPHFEED_CLIENT_WORKER_CONVERSION_H_
#define GRAPHFEED_CLIENT_WORKER_CONVERSION_H_

#include <cstddef>

#include "absl/status/status.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// Whether elements of `from` can become elements of `to`: integers and bool any integer or float,
// floats any float.
bool CanConvert(DType from, DType to);

// Converts `count` elements. Integers are range-checked, floats are rounded. OUT_OF_RANGE names the
// element's place and value, and the target's limit. Requires CanConvert.
absl::Status Convert(DType from, DType to, size_t count, const std::byte* source,
                     std::byte* target);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_CONVERSION_H_
