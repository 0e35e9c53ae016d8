#ifndef GRAPHFEED_STORAGE_CHUNKS_FORMAT_H_
#define GRAPHFEED_STORAGE_CHUNKS_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/base/digest.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// A stored chunk: this header, then the rows as they are. Little-endian.
//
//    0  u32  magic and version, "GFC1"
//    4  u32  rows
//    8  u64  column uid
//   16  u32  chunk number
//   20  u32  zero
//   24  u64  XXH3-64 of the rows, seeded with the XXH3-64 (seed 0) of bytes 0 to 24
//   32       rows
//
// The checksum is ours, so damage is found whatever engine keeps the chunk; uid and number are part
// of it, so a whole chunk in the wrong place is damage as well.
inline constexpr size_t kChunkHeaderBytes = 32;

// Where the rows of a column are found: row r is row r % rows_per_chunk of chunk
// r / rows_per_chunk. Every chunk but the last is full.
struct ColumnStorage {
  uint64_t uid = 0;
  int64_t num_rows = 0;
  int64_t row_bytes = 0;       // may be 0: such a column has no chunks
  int64_t rows_per_chunk = 1;  // a power of two

  friend bool operator==(const ColumnStorage&, const ColumnStorage&) = default;

  int64_t num_chunks() const {
    return row_bytes == 0 ? 0 : (num_rows + rows_per_chunk - 1) / rows_per_chunk;
  }
  int64_t rows_in_chunk(int64_t chunk) const {
    const int64_t first = chunk * rows_per_chunk;
    return num_rows - first < rows_per_chunk ? num_rows - first : rows_per_chunk;
  }
};

// A column as it lies in the store.
struct StoredColumn {
  ColumnStorage storage;
  Digest digest{};  // of all rows, end to end
};

// The largest power of two of rows that fits into `chunk_bytes`, at least 1.
int64_t RowsPerChunk(int64_t row_bytes, int64_t chunk_bytes);

// What RowsPerChunk is given for a column of which single rows are asked for, of all over it, where
// `chunk_bytes` is otherwise right: a wide row that is not in memory brings no others along.
int64_t ChunkBytesOfLookups(int64_t row_bytes, int64_t chunk_bytes);

// Fills in the header of `value`, which already holds kChunkHeaderBytes of anything and the rows.
void SealChunk(ChunkKey key, int64_t rows, std::string& value);

// Whether `value` begins with the header of the chunk `key`. Says nothing about the checksum.
bool HasHeaderOf(ChunkKey key, absl::string_view value);

// Whether `value` is what SealChunk made for `key`, of rows of whatever size.
bool IsChunk(ChunkKey key, absl::string_view value);

// Makes another chunk of one of at least kChunkHeaderBytes, whose checksum does not match, and the
// same one again when it is called with the same mask.
void MaskChunk(uint64_t mask, char* value);

// The rows of a stored chunk. DATA_LOSS unless `value` is what SealChunk made of `rows` rows of
// `row_bytes` for `key`.
absl::StatusOr<absl::string_view> OpenChunk(ChunkKey key, int64_t rows, int64_t row_bytes,
                                            absl::string_view value);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_FORMAT_H_
