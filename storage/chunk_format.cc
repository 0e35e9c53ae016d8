#include "storage/chunk_format.h"

#include <cassert>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "storage/digest.h"

namespace graphfeed {
namespace {

constexpr uint32_t kMagic = 0x31434647;  // "GFC1"
constexpr size_t kChecksumOffset = 24;

template <typename T>
void Store(T value, char* bytes) {
  for (size_t i = 0; i < sizeof(T); ++i) bytes[i] = static_cast<char>(value >> (8 * i));
}

template <typename T>
T Load(const char* bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= T{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

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

void SealChunk(ChunkKey key, int64_t rows, std::string& value) {
  assert(value.size() >= kChunkHeaderBytes);
  Store<uint32_t>(kMagic, &value[0]);
  Store<uint32_t>(static_cast<uint32_t>(rows), &value[4]);
  Store<uint64_t>(key.column, &value[8]);
  Store<uint32_t>(key.chunk, &value[16]);
  Store<uint32_t>(0, &value[20]);
  Store<uint64_t>(Checksum(value), &value[kChecksumOffset]);
}

absl::StatusOr<absl::string_view> OpenChunk(ChunkKey key, int64_t rows, int64_t row_bytes,
                                            absl::string_view value) {
  const size_t expected = kChunkHeaderBytes + static_cast<size_t>(rows * row_bytes);
  if (value.size() != expected) {
    return absl::DataLossError(
        absl::StrCat("the stored value has ", value.size(), " bytes instead of ", expected));
  }
  if (Load<uint32_t>(&value[0]) != kMagic) return absl::DataLossError("the header is damaged");
  if (Load<uint64_t>(&value[kChecksumOffset]) != Checksum(value)) {
    return absl::DataLossError("the checksum does not match");
  }
  if (Load<uint32_t>(&value[4]) != rows || Load<uint64_t>(&value[8]) != key.column ||
      Load<uint32_t>(&value[16]) != key.chunk) {
    return absl::DataLossError("the stored value belongs to another chunk");
  }
  return value.substr(kChunkHeaderBytes);
}

}  // namespace graphfeed
