#ifndef GRAPHFEED_STORAGE_CHUNKS_RECORD_CHANGE_H_
#define GRAPHFEED_STORAGE_CHUNKS_RECORD_CHANGE_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// ChunkStore::ChangeRecords for an engine that has its records in a map: makes the changes, or is
// ABORTED, naming the record, with `records` as they were.
absl::Status ApplyChanges(absl::Span<const RecordChange> changes, RecordMap& records);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RECORD_CHANGE_H_
