#ifndef GRAPHFEED_STORAGE_CHUNKS_RADOS_LOCATION_H_
#define GRAPHFEED_STORAGE_CHUNKS_RADOS_LOCATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace graphfeed {

// Where a store lies: rados://POOL[/NAMESPACE][?conf=FILE][&id=USER].
struct RadosLocation {
  std::string pool;
  std::string name_space;      // of the pool's objects; empty: the one without a name
  std::string conf;            // empty: where Ceph looks for its ceph.conf
  std::string user = "admin";  // without "client."

  // "rados://POOL/NAMESPACE", for messages.
  std::string Name() const;
  friend bool operator==(const RadosLocation&, const RadosLocation&) = default;
};

// Of what stands behind "rados://". INVALID_ARGUMENT names the part that is wrong.
absl::StatusOr<RadosLocation> ParseRadosLocation(absl::string_view text);

}  // namespace graphfeed

#endif  // GRAPHFEED_STORAGE_CHUNKS_RADOS_LOCATION_H_
