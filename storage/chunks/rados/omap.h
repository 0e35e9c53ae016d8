#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_OMAP_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_OMAP_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/chunks/chunk_store.h"
#include "storage/chunks/rados/pool.h"

namespace graphfeed {

// The small values that an object has beside its bytes: attributes, and entries in order.
struct OmapContents {
  RecordMap attributes;
  RecordMap entries;
};

// All of them. Where they change while they are read, which takes several operations if they are
// many, they are read again: entries are as they were with the attribute `revision`. Without one
// (empty) each of them is as it was at some moment. NOT_FOUND: there is no such object.
absl::StatusOr<OmapContents> ReadOmap(const RadosPool& pool, const std::string& object,
                                      const std::string& revision);

// All attributes, and entries of these keys (at most 1024), those that there are, as they were at
// the same moment.
absl::StatusOr<OmapContents> ReadOmapPart(const RadosPool& pool, const std::string& object,
                                          absl::Span<const std::string> keys);

// Entries of these keys, those that there are.
absl::StatusOr<RecordMap> ReadOmapKeys(const RadosPool& pool, const std::string& object,
                                       absl::Span<const std::string> keys);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_OMAP_H_
