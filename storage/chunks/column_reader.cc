#include "storage/chunks/column_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"

namespace graphfeed {
namespace {

constexpr int64_t kBytesAtATime = 256 << 10;
constexpr int64_t kMaxChunksAtATime = 1024;

}  // namespace

absl::Status ChunkError(uint32_t chunk, const absl::Status& status) {
  const absl::StatusCode code =
      absl::IsNotFound(status) ? absl::StatusCode::kDataLoss : status.code();
  return absl::Status(code, absl::StrCat("chunk ", chunk, ": ", status.message()));
}

// Several in one call. The store answers in any order.
absl::Status ColumnReader::ReadAhead() {
  const int64_t at_a_time = std::clamp<int64_t>(
      kBytesAtATime / (storage_.rows_per_chunk * storage_.row_bytes), 1, kMaxChunksAtATime);
  const int64_t end = std::min(next_chunk_ + at_a_time, storage_.num_chunks());
  std::vector<ChunkKey> keys;
  for (; next_chunk_ < end; ++next_chunk_) {
    keys.push_back({storage_.uid, static_cast<uint32_t>(next_chunk_)});
  }
  chunks_.resize(keys.size());
  next_ = 0;
  absl::Status status;
  store_.ReadChunks(keys, [&](size_t i, absl::StatusOr<absl::string_view> value) {
    if (value.ok()) {
      value = OpenChunk(keys[i], storage_.rows_in_chunk(keys[i].chunk), storage_.row_bytes, *value);
    }
    if (value.ok()) {
      chunks_[i].assign(value->data(), value->size());
    } else if (status.ok()) {
      status = ChunkError(keys[i].chunk, value.status());
    }
  });
  return status;
}

absl::StatusOr<absl::string_view> ColumnReader::Next() {
  if (next_ == chunks_.size()) {
    if (next_chunk_ == storage_.num_chunks()) return absl::string_view();
    GF_RETURN_IF_ERROR(ReadAhead());
  }
  return absl::string_view(chunks_[next_++]);
}

absl::Status ReadColumn(ChunkStore& store, const ColumnStorage& storage,
                        absl::FunctionRef<absl::Status(absl::string_view rows)> visitor) {
  ColumnReader reader(store, storage);
  for (;;) {
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_ASSIGN_OR_RETURN(const absl::string_view rows, reader.Next());
    if (rows.empty()) return absl::OkStatus();
    GF_RETURN_IF_ERROR(visitor(rows));
  }
}

}  // namespace graphfeed
