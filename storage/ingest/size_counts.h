#ifndef GRAPHFEED_STORAGE_INGEST_SIZE_COUNTS_H_
#define GRAPHFEED_STORAGE_INGEST_SIZE_COUNTS_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "storage/graph/dataset_info.h"

namespace graphfeed {

// Totals of a size stay where sums and products with row sizes cannot overflow.
inline constexpr int64_t kMaxTotalSize = int64_t{1} << 48;

// Collects a size of every graph and summarises the distribution exactly. Memory grows with the
// number of different sizes, at most the square root of twice their sum.
class SizeCounts {
 public:
  void Add(int64_t size) { ++counts_[size]; }

  // Requires that something was added.
  SizeSummary Summary() const;

 private:
  absl::flat_hash_map<int64_t, int64_t> counts_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_SIZE_COUNTS_H_
