#ifndef GRAPHFEED_STORAGE_COLUMN_CHECK_H_
#define GRAPHFEED_STORAGE_COLUMN_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/manifest/manifest.h"

namespace graphfeed {

// Whether a store lists all chunks that versions are made of. No chunk is read.
class ColumnCheck {
 public:
  // `listing` is for messages.
  ColumnCheck(absl::Span<const ColumnChunks> stored, std::string listing);

  // DATA_LOSS names the version, a column, and the listing that lacks chunks of it.
  absl::Status Check(const Manifest& manifest) const;

 private:
  absl::flat_hash_map<uint64_t, int64_t> num_chunks_;
  const std::string listing_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_COLUMN_CHECK_H_
