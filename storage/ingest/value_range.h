#ifndef GRAPHFEED_STORAGE_INGEST_VALUE_RANGE_H_
#define GRAPHFEED_STORAGE_INGEST_VALUE_RANGE_H_

#include "absl/strings/string_view.h"
#include "storage/graph/dataset_info.h"
#include "storage/graph/dtype.h"

namespace graphfeed {

// Widens `range` by the elements in `bytes`. Bools count as integers, so one that is neither 0 nor
// 1 shows in the range. Not for strings.
void ExtendRange(DType dtype, absl::string_view bytes, ValueRange& range);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_VALUE_RANGE_H_
