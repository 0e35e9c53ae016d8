#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_WRITER_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_WRITER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rados/calls.h"
#include "storage/chunks/rados/column_entry.h"
#include "storage/chunks/rados/pool.h"

namespace graphfeed {

// Writes a column piece by piece, after it has said so in "columns": what a writer that died has
// left is found there. Pieces are small, since an ingest has as many writers as columns. Whoever
// removes it removes the entry last, and the writer goes on only as long as the entry is its own.
// Chunks are numbered from 0 on without gaps.
class RadosWriter : public ChunkWriter {
 public:
  // `stored_bytes` is made more by what is stored. It and `pool` must outlive the writer.
  RadosWriter(const RadosPool& pool, uint64_t column, int64_t chunk_bytes,
              std::atomic<int64_t>& stored_bytes);
  ~RadosWriter() override;
  absl::Status Add(uint32_t chunk, absl::string_view value) override;
  absl::Status Finish() override;
  int64_t memory_bytes() const override;

 private:
  // Begins to write what has been collected, behind what is in the object.
  absl::Status Flush();
  // Waits until nothing is in flight.
  absl::Status Drain();
  // Gives the entry another value if it still has the one that this writer gave it.
  absl::Status ChangeEntry(const ColumnEntry& entry);

  const RadosPool& pool_;
  const uint64_t column_;
  const int64_t chunk_bytes_;
  std::atomic<int64_t>& stored_bytes_;
  ColumnEntry entry_;          // as it is to be in the end
  std::string stored_entry_;   // as it is now; empty: there is none
  int64_t claimed_ = 0;        // objects that it speaks of
  uint64_t object_bytes_ = 0;  // in the last object, as far as it is written
  int64_t object_chunks_ = 0;  // in it, with those in the buffer
  std::string buffer_;         // what comes next in it
  int64_t in_flight_bytes_ = 0;
  std::vector<ChunkPlace> places_;  // only of chunks of any size
  absl::Status failed_;
  bool finished_ = false;
  RadosCalls calls_;
};

// Removes the objects of a column of which there is an entry, and then the entry.
absl::Status RemoveColumn(const RadosPool& pool, uint64_t column, const ColumnEntry& entry);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_WRITER_H_
