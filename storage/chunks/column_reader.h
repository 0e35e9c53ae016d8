#ifndef GRAPHFEED_STORAGE_CHUNKS_COLUMN_READER_H_
#define GRAPHFEED_STORAGE_CHUNKS_COLUMN_READER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/format.h"

namespace graphfeed {

// Reads a column in order, past the cache. Holds a few chunks at a time. Not thread-safe.
class ColumnReader {
 public:
  // The store must outlive the reader.
  ColumnReader(ChunkStore& store, const ColumnStorage& storage)
      : store_(store), storage_(storage) {}

  // The rows of the next chunk, valid until the next call; empty after the last one. DATA_LOSS
  // begins with "chunk <number>: ".
  absl::StatusOr<absl::string_view> Next();

 private:
  absl::Status ReadAhead();

  ChunkStore& store_;
  const ColumnStorage storage_;
  int64_t next_chunk_ = 0;           // not read yet
  std::vector<std::string> chunks_;  // read
  size_t next_ = 0;                  // in chunks_
};

// Reads all rows of a column in order and hands over chunk by chunk. Fails like ColumnReader;
// errors of `visitor` end the reading.
absl::Status ReadColumn(ChunkStore& store, const ColumnStorage& storage,
                        absl::FunctionRef<absl::Status(absl::string_view rows)> visitor);

// What reading a chunk of a published column failed with: NOT_FOUND is DATA_LOSS, since a published
// column has all of its chunks; the text begins with "chunk <number>: ".
absl::Status ChunkError(uint32_t chunk, const absl::Status& status);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_COLUMN_READER_H_
