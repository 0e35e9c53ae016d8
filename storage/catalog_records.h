#ifndef GRAPHFEED_STORAGE_CATALOG_RECORDS_H_
#define GRAPHFEED_STORAGE_CATALOG_RECORDS_H_

// The names of a catalog's records (docs/storage_format.md).

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/chunks/chunk_store.h"

namespace graphfeed {

// Records: the format of the store, a manifest per version, the first column uid that was never
// reserved, for names whose newest versions were deleted the highest number given out, the columns
// that await their removal (set_aside.h) and, in a shared store, its servers (servers.h).
inline constexpr absl::string_view kFormatKey = "format";
inline constexpr absl::string_view kFormat = "2";
inline constexpr absl::string_view kOlderFormat = "1";  // differs in where the store keeps records
inline constexpr absl::string_view kManifestPrefix = "manifest/";
inline constexpr absl::string_view kNextColumnKey = "next_column";
inline constexpr absl::string_view kNewestPrefix = "newest/";
// Uids are reserved in blocks, so that not every column costs a synced write.
inline constexpr uint64_t kColumnsReserved = 256;

inline std::string ManifestKey(absl::string_view name, int64_t version) {
  return absl::StrCat(kManifestPrefix, name, "@", version);
}

inline std::string NewestKey(absl::string_view name) { return absl::StrCat(kNewestPrefix, name); }

// The number that a record holds, `otherwise` where there is none. DATA_LOSS names the record.
template <typename T>
absl::StatusOr<T> NumberIn(const RecordMap& records, absl::string_view key, T otherwise) {
  const auto record = records.find(key);
  if (record == records.end()) return otherwise;
  T number;
  if (absl::SimpleAtoi(record->second, &number)) return number;
  return absl::DataLossError(absl::StrCat("record \"", key, "\" holds no number"));
}

// The first column that was never reserved.
inline absl::StatusOr<uint64_t> NextColumn(const RecordMap& records) {
  return NumberIn<uint64_t>(records, kNextColumnKey, 1);
}

// The highest number of `name` that was given out and deleted; 0: none.
inline absl::StatusOr<int64_t> HighestDeleted(const RecordMap& records, absl::string_view name) {
  return NumberIn<int64_t>(records, NewestKey(name), 0);
}

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CATALOG_RECORDS_H_
