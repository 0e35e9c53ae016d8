#ifndef GRAPHFEED_STORAGE_CATALOG_RECORDS_H_
#define GRAPHFEED_STORAGE_CATALOG_RECORDS_H_

// The names of a catalog's records (docs/storage_format.md).

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// Records: the format of the store, a manifest per version, the first column uid that was never
// reserved, for names whose newest versions were deleted the highest number given out, and the
// columns that await their removal.
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

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CATALOG_RECORDS_H_
