#include "storage/column_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/graph/status_macros.h"

namespace graphfeed {
namespace {

constexpr int64_t kChunksAtATime = 16;

}  // namespace

absl::Status ChunkError(uint32_t chunk, const absl::Status& status) {
  const absl::StatusCode code =
      absl::IsNotFound(status) ? absl::StatusCode::kDataLoss : status.code();
  return absl::Status(code, absl::StrCat("chunk ", chunk, ": ", status.message()));
}

absl::Status ReadColumn(ChunkStore& store, const ColumnStorage& storage,
                        absl::FunctionRef<absl::Status(absl::string_view rows)> visitor) {
  std::vector<ChunkKey> keys;
  std::vector<std::string> rows;  // the store answers in any order
  for (int64_t first = 0; first < storage.num_chunks(); first += kChunksAtATime) {
    const int64_t end = std::min(first + kChunksAtATime, storage.num_chunks());
    keys.clear();
    for (int64_t c = first; c < end; ++c) keys.push_back({storage.uid, static_cast<uint32_t>(c)});
    rows.assign(keys.size(), std::string());
    absl::Status status;
    store.ReadChunks(keys, [&](size_t i, absl::StatusOr<absl::string_view> value) {
      if (value.ok()) {
        value = OpenChunk(keys[i], storage.rows_in_chunk(keys[i].chunk), storage.row_bytes, *value);
      }
      if (value.ok()) {
        rows[i].assign(value->data(), value->size());
      } else if (status.ok()) {
        status = ChunkError(keys[i].chunk, value.status());
      }
    });
    GF_RETURN_IF_ERROR(status);
    for (const std::string& chunk : rows) GF_RETURN_IF_ERROR(visitor(chunk));
  }
  return absl::OkStatus();
}

}  // namespace graphfeed
