#ifndef GRAPHFEED_STORAGE_COLUMN_READER_H_
#define GRAPHFEED_STORAGE_COLUMN_READER_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/chunk_format.h"
#include "storage/chunk_store.h"

namespace graphfeed {

// Reads all rows of a column in order, past the cache, and hands over chunk by chunk. Holds a few
// chunks at a time. DATA_LOSS begins with "chunk <number>: "; errors of `visitor` end the reading.
absl::Status ReadColumn(ChunkStore& store, const ColumnStorage& storage,
                        absl::FunctionRef<absl::Status(absl::string_view rows)> visitor);

// What reading a chunk of a published column failed with: NOT_FOUND is DATA_LOSS, since a published
// column has all of its chunks; the text begins with "chunk <number>: ".
absl::Status ChunkError(uint32_t chunk, const absl::Status& status);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_COLUMN_READER_H_
