#include "storage/chunks/format.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/base/check.h"
#include "storage/base/digest.h"
#include "storage/base/little_endian.h"

namespace graphfeed {
namespace {

constexpr uint32_t kMagic = 0x31434647;  // "GFC1"
constexpr size_t kChecksumOffset = 24;
// From here on a chunk's own header, in the file and in memory, is small beside two rows.
constexpr int64_t kWideRowBytes = 256;

uint64_t Checksum(absl::string_view value) {
  return Hash64(value.substr(kChunkHeaderBytes), Hash64(value.substr(0, kChecksumOffset), 0));
}

}  // namespace

int64_t RowsPerChunk(int64_t row_bytes, int64_t chunk_bytes) {
  if (row_bytes <= 0) return 1;
  int64_t rows = 1;
  while (rows <= chunk_bytes / row_bytes / 2) rows *= 2;
  return rows;
}

int64_t ChunkBytesOfLookups(int64_t row_bytes, int64_t chunk_bytes) {
  return row_bytes < kWideRowBytes ? chunk_bytes : std::min(chunk_bytes, 2 * kWideRowBytes);
}

void SealChunk(ChunkKey key, int64_t rows, std::string& value) {
  GF_CHECK(value.size() >= kChunkHeaderBytes) << value.size();
  StoreLittleEndian<uint32_t>(kMagic, &value[0]);
  StoreLittleEndian<uint32_t>(static_cast<uint32_t>(rows), &value[4]);
  StoreLittleEndian<uint64_t>(key.column, &value[8]);
  StoreLittleEndian<uint32_t>(key.chunk, &value[16]);
  StoreLittleEndian<uint32_t>(0, &value[20]);
  StoreLittleEndian<uint64_t>(Checksum(value), &value[kChecksumOffset]);
}

bool HasHeaderOf(ChunkKey key, absl::string_view value) {
  return value.size() >= kChunkHeaderBytes && LoadLittleEndian<uint32_t>(&value[0]) == kMagic &&
         LoadLittleEndian<uint64_t>(&value[8]) == key.column &&
         LoadLittleEndian<uint32_t>(&value[16]) == key.chunk;
}

bool IsChunk(ChunkKey key, absl::string_view value) {
  return HasHeaderOf(key, value) &&
         LoadLittleEndian<uint64_t>(&value[kChecksumOffset]) == Checksum(value);
}

void MaskChunk(uint64_t mask, char* value) {
  char* const checksum = value + kChecksumOffset;
  StoreLittleEndian<uint64_t>(LoadLittleEndian<uint64_t>(checksum) ^ mask, checksum);
}

absl::StatusOr<absl::string_view> OpenChunk(ChunkKey key, int64_t rows, int64_t row_bytes,
                                            absl::string_view value) {
  const size_t expected = kChunkHeaderBytes + static_cast<size_t>(rows * row_bytes);
  if (value.size() != expected) {
    return absl::DataLossError(
        absl::StrCat("the stored value has ", value.size(), " bytes instead of ", expected));
  }
  if (LoadLittleEndian<uint32_t>(&value[0]) != kMagic)
    return absl::DataLossError("the header is damaged");
  if (LoadLittleEndian<uint64_t>(&value[kChecksumOffset]) != Checksum(value)) {
    return absl::DataLossError("the checksum does not match");
  }
  if (LoadLittleEndian<uint32_t>(&value[4]) != rows ||
      LoadLittleEndian<uint64_t>(&value[8]) != key.column ||
      LoadLittleEndian<uint32_t>(&value[16]) != key.chunk) {
    return absl::DataLossError("the stored value belongs to another chunk");
  }
  return value.substr(kChunkHeaderBytes);
}

}  // namespace graphfeed
