#ifndef GRAPHFEED_STORAGE_CHUNKS_COLUMN_WRITER_H_
#define GRAPHFEED_STORAGE_CHUNKS_COLUMN_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "storage/base/digest.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/format.h"

namespace graphfeed {

// Cuts the rows of one column into chunks as they come, hashes them and writes them. Holds less
// than a chunk. Not thread-safe.
class ColumnWriter {
 public:
  // The store must outlive the writer.
  ColumnWriter(ChunkStore& store, uint64_t uid, int64_t row_bytes, int64_t chunk_bytes);

  // Appends whole rows. `num_rows` counts them also where they have no bytes.
  absl::Status Append(int64_t num_rows, absl::string_view rows);

  // Writes what is left and makes the chunks readable.
  absl::Status Finish();

  // Complete after Finish.
  StoredColumn stored() const { return {storage_, digester_.Finish()}; }
  int64_t num_rows() const { return storage_.num_rows; }
  // What the writer holds, the engine's buffers included.
  int64_t memory_bytes() const;

 private:
  absl::Status WriteChunk();

  ChunkStore& store_;
  ColumnStorage storage_;
  const size_t full_bytes_;  // of a full chunk with its header
  std::string chunk_;        // header and rows so far
  int64_t num_chunks_ = 0;
  std::unique_ptr<ChunkWriter> writer_;  // from the first chunk on
  Digester digester_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_COLUMN_WRITER_H_
