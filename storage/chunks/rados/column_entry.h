#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_COLUMN_ENTRY_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_COLUMN_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// A column lies in objects "<uid>.<number>" of about kObjectBytes, whole chunks end to end. What is
// known of it is an entry of the object "columns" whose key is the uid: both numbers as 16 and 8
// hexadecimal digits.
inline constexpr char kColumnsObject[] = "columns";
inline constexpr int64_t kObjectBytes = int64_t{4} << 20;

std::string ColumnKey(uint64_t column);
absl::StatusOr<uint64_t> ColumnOfKey(absl::string_view key);
std::string ObjectName(uint64_t column, int64_t object);
// Of columns with chunks of any size: where each of them lies.
std::string TableName(uint64_t column);

// As text: "begun OBJECTS HASH" before the first byte of the column, "stored CHUNK_BYTES
// CHUNKS_PER_OBJECT CHUNKS BYTES OBJECTS HASH" with the last one. HASH is the XXH3-64 of what is
// before it, seeded with the uid, in hexadecimal digits.
struct ColumnEntry {
  bool stored = false;
  int64_t objects = 0;      // those below may exist
  int64_t chunk_bytes = 0;  // of every chunk but the last, which has no more; 0: as its table says
  int64_t chunks_per_object = 0;
  int64_t chunks = 0;
  int64_t bytes = 0;  // of all chunks

  friend bool operator==(const ColumnEntry&, const ColumnEntry&) = default;
};

std::string EncodeColumnEntry(uint64_t column, const ColumnEntry& entry);
// DATA_LOSS for what EncodeColumnEntry cannot have made.
absl::StatusOr<ColumnEntry> DecodeColumnEntry(uint64_t column, absl::string_view text);

// Where a chunk lies.
struct ChunkPlace {
  int64_t object = 0;
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// A stored column, for readers.
class ColumnPlaces {
 public:
  // `table` only for chunks of any size: DATA_LOSS unless EncodeTable made it.
  static absl::StatusOr<ColumnPlaces> Create(uint64_t column, const ColumnEntry& entry,
                                             absl::string_view table);

  int64_t num_chunks() const { return entry_.chunks; }
  // `chunk` must exist.
  ChunkPlace PlaceOf(uint32_t chunk) const;

 private:
  ColumnEntry entry_;
  std::vector<ChunkPlace> places_;
};

// Of the table of a column with so many chunks.
size_t TableBytes(const ColumnEntry& entry);
std::string EncodeTable(uint64_t column, const std::vector<ChunkPlace>& places);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_COLUMN_ENTRY_H_
