#ifndef GRAPHFEED_STORAGE_GRAPH_DTYPE_H_
#define GRAPHFEED_STORAGE_GRAPH_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace graphfeed {

// Element types of columns and batches. The values are stored and travel: never renumber.
enum class DType : uint8_t {
  kBool = 1,
  kUint8 = 2,
  kInt8 = 3,
  kInt16 = 4,
  kInt32 = 5,
  kInt64 = 6,
  kFloat16 = 7,
  kFloat32 = 8,
  kFloat64 = 9,
  kString = 10,  // UTF-8; kept with a dataset, never part of a batch
};

// Bytes of one element; 0 for strings, whose elements vary.
size_t SizeOf(DType dtype);

// numpy's name: "float32", "bool"; "string" for strings.
absl::string_view DTypeName(DType dtype);

// Inverse of DTypeName.
std::optional<DType> ParseDType(absl::string_view name);

bool IsInteger(DType dtype);  // int8 ... int64, uint8; not bool
bool IsFloat(DType dtype);

// Whether Fill can write `value` without overflow: integers after truncation towards zero,
// anything for bool, anything for floats (float16 rounds to infinity).
bool CanHold(DType dtype, double value);

// Writes `value` into `count` consecutive elements at `dst`, converted as C does: truncated
// towards zero for integers, non-zero is true for bool. Requires CanHold.
void Fill(DType dtype, double value, size_t count, std::byte* dst);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_GRAPH_DTYPE_H_
