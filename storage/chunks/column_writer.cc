#include "storage/chunks/column_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

ColumnWriter::ColumnWriter(ChunkStore& store, uint64_t uid, int64_t row_bytes, int64_t chunk_bytes)
    : store_(store),
      storage_{.uid = uid,
               .row_bytes = row_bytes,
               .rows_per_chunk = RowsPerChunk(row_bytes, chunk_bytes)},
      full_bytes_(kChunkHeaderBytes + static_cast<size_t>(storage_.rows_per_chunk * row_bytes)),
      chunk_(kChunkHeaderBytes, '\0') {}

absl::Status ColumnWriter::Append(int64_t num_rows, absl::string_view rows) {
  storage_.num_rows += num_rows;
  digester_.Update(rows);
  while (!rows.empty()) {
    const size_t part = std::min(rows.size(), full_bytes_ - chunk_.size());
    chunk_.append(rows.data(), part);
    rows.remove_prefix(part);
    if (chunk_.size() == full_bytes_) GF_RETURN_IF_ERROR(WriteChunk());
  }
  return absl::OkStatus();
}

absl::Status ColumnWriter::WriteChunk() {
  if (num_chunks_ > std::numeric_limits<uint32_t>::max()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a column of more than 2^32 chunks of ", full_bytes_, " bytes"));
  }
  if (writer_ == nullptr) {
    GF_ASSIGN_OR_RETURN(writer_, store_.NewWriter(storage_.uid, static_cast<int64_t>(full_bytes_)));
  }
  const ChunkKey key{storage_.uid, static_cast<uint32_t>(num_chunks_++)};
  const auto rows = static_cast<int64_t>(chunk_.size() - kChunkHeaderBytes) / storage_.row_bytes;
  SealChunk(key, rows, chunk_);
  GF_RETURN_IF_ERROR(writer_->Add(key.chunk, chunk_));
  chunk_.resize(kChunkHeaderBytes);
  return absl::OkStatus();
}

absl::Status ColumnWriter::Finish() {
  if (chunk_.size() > kChunkHeaderBytes) GF_RETURN_IF_ERROR(WriteChunk());
  if (writer_ != nullptr) GF_RETURN_IF_ERROR(writer_->Finish());
  writer_.reset();
  chunk_ = std::string();
  return absl::OkStatus();
}

int64_t ColumnWriter::memory_bytes() const {
  return static_cast<int64_t>(chunk_.capacity()) +
         (writer_ == nullptr ? 0 : writer_->memory_bytes());
}

}  // namespace graphfeed
