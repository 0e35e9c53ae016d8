#ifndef GRAPHFEED_STORAGE_INGEST_SPEC_H_
#define GRAPHFEED_STORAGE_INGEST_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/graph/graph_block.h"
#include "storage/graph/schema.h"

namespace graphfeed {

// [A-Za-z0-9_.-]{1,128}, starting with a letter or digit.
absl::Status CheckDatasetName(absl::string_view name);

// Numbers of versions are 1 to this: in JSON, too, they are exact.
inline constexpr int64_t kMaxVersion = int64_t{1} << 53;
// Copies come with numbers up to this one, so that none uses up those of new versions.
inline constexpr int64_t kMaxCopiedVersion = kMaxVersion / 2;

// "mutag" or "mutag@3".
struct DatasetReference {
  std::string name;
  std::optional<int64_t> version;
};
absl::StatusOr<DatasetReference> ParseDatasetReference(absl::string_view text);

// Checks what an ingest declares and returns a schema with its types and no columns.
absl::StatusOr<Schema> CheckIngestSpec(const IngestSpec& spec);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_INGEST_SPEC_H_
